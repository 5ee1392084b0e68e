//go:build goexperiment.simd && amd64

#include "textflag.h"

// The two kernels of addTile. They are written by hand because the compiler
// knows the fused multiply-add only in the form that overwrites a factor, and
// copies a register for every product.

// The arguments of both: DI sums, SI a, BX b, CX n.
#define ARGUMENTS \
	MOVQ sums+0(FP), DI \
	MOVQ a+8(FP), SI    \
	MOVQ b+16(FP), BX   \
	MOVQ n+24(FP), CX

// One row of b against the four of a in Z16 to Z19.
#define COLUMN(b, p, q, r, s) \
	VMOVUPD     b, Z20       \
	VFMADD231PD Z16, Z20, p  \
	VFMADD231PD Z17, Z20, q  \
	VFMADD231PD Z18, Z20, r  \
	VFMADD231PD Z19, Z20, s

#define LOADROW(at, p, q, r, s) \
	VMOVUPD at+0(DI), p   \
	VMOVUPD at+64(DI), q  \
	VMOVUPD at+128(DI), r \
	VMOVUPD at+192(DI), s

#define STOREROW(at, p, q, r, s) \
	VMOVUPD p, at+0(DI)   \
	VMOVUPD q, at+64(DI)  \
	VMOVUPD r, at+128(DI) \
	VMOVUPD s, at+192(DI)

// func addTileAVX512(sums *tileSums, a, b *chunk, n int)
TEXT ·addTileAVX512(SB), NOSPLIT, $0-32
	ARGUMENTS
	LOADROW(0, Z0, Z1, Z2, Z3)
	LOADROW(256, Z4, Z5, Z6, Z7)
	LOADROW(512, Z8, Z9, Z10, Z11)
	LOADROW(768, Z12, Z13, Z14, Z15)

next512:
	VMOVUPD (SI), Z16
	VMOVUPD 64(SI), Z17
	VMOVUPD 128(SI), Z18
	VMOVUPD 192(SI), Z19
	COLUMN((BX), Z0, Z4, Z8, Z12)
	COLUMN(64(BX), Z1, Z5, Z9, Z13)
	COLUMN(128(BX), Z2, Z6, Z10, Z14)
	COLUMN(192(BX), Z3, Z7, Z11, Z15)
	ADDQ $256, SI
	ADDQ $256, BX
	DECQ CX
	JNZ  next512

	STOREROW(0, Z0, Z1, Z2, Z3)
	STOREROW(256, Z4, Z5, Z6, Z7)
	STOREROW(512, Z8, Z9, Z10, Z11)
	STOREROW(768, Z12, Z13, Z14, Z15)
	VZEROUPPER
	RET

// One row of b against the two of a in Y8 and Y9.
#define PAIR(b, p, q) \
	VMOVUPD     b, Y10      \
	VFMADD231PD Y8, Y10, p  \
	VFMADD231PD Y9, Y10, q

// func addPairAVX2(sums, a, b *float64, n int)
TEXT ·addPairAVX2(SB), NOSPLIT, $0-32
	ARGUMENTS
	VMOVUPD (DI), Y0
	VMOVUPD 64(DI), Y1
	VMOVUPD 128(DI), Y2
	VMOVUPD 192(DI), Y3
	VMOVUPD 256(DI), Y4
	VMOVUPD 320(DI), Y5
	VMOVUPD 384(DI), Y6
	VMOVUPD 448(DI), Y7

next256:
	VMOVUPD (SI), Y8
	VMOVUPD 64(SI), Y9
	PAIR((BX), Y0, Y4)
	PAIR(64(BX), Y1, Y5)
	PAIR(128(BX), Y2, Y6)
	PAIR(192(BX), Y3, Y7)
	ADDQ $256, SI
	ADDQ $256, BX
	DECQ CX
	JNZ  next256

	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 64(DI)
	VMOVUPD Y2, 128(DI)
	VMOVUPD Y3, 192(DI)
	VMOVUPD Y4, 256(DI)
	VMOVUPD Y5, 320(DI)
	VMOVUPD Y6, 384(DI)
	VMOVUPD Y7, 448(DI)
	VZEROUPPER
	RET
