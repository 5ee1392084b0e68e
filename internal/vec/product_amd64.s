//go:build goexperiment.simd && amd64

#include "textflag.h"

// Arguments of both tiles, steps in bytes:
// DI c, R8 its step, SI a, BX b, R9 step of a's rows, R10 of its columns, CX n;
// R11 and R12 are 3 steps of c and of a.
#define ARGUMENTS \
	MOVQ c+0(FP), DI        \
	MOVQ a+8(FP), SI        \
	MOVQ b+16(FP), BX       \
	MOVQ cStep+24(FP), R8   \
	MOVQ rowStep+32(FP), R9 \
	MOVQ colStep+40(FP), R10 \
	MOVQ n+48(FP), CX       \
	SHLQ $2, R8             \
	SHLQ $2, R9             \
	SHLQ $2, R10            \
	LEAQ (R8)(R8*2), R11    \
	LEAQ (R9)(R9*2), R12

#define LOADROW(p, q, r, s, base, index) \
	VMOVUPS (base)(index), p    \
	VMOVUPS 64(base)(index), q  \
	VMOVUPS 128(base)(index), r \
	VMOVUPS 192(base)(index), s

#define STOREROW(p, q, r, s, base, index) \
	VMOVUPS p, (base)(index)    \
	VMOVUPS q, 64(base)(index)  \
	VMOVUPS r, 128(base)(index) \
	VMOVUPS s, 192(base)(index)

// A row of the tile: one value of a, four vectors of b.
#define ADDROW(value, x, p, q, r, s) \
	VBROADCASTSS value, x      \
	VFMADD231PS  x, Z16, p     \
	VFMADD231PS  x, Z17, q     \
	VFMADD231PS  x, Z18, r     \
	VFMADD231PS  x, Z19, s

// func tileAVX512(c, a, b *float32, cStep, rowStep, colStep, n int)
TEXT ·tileAVX512(SB), NOSPLIT, $0-56
	ARGUMENTS
	XORQ AX, AX
	LOADROW(Z0, Z1, Z2, Z3, DI, AX*1)
	LOADROW(Z4, Z5, Z6, Z7, DI, R8*1)
	LOADROW(Z8, Z9, Z10, Z11, DI, R8*2)
	LOADROW(Z12, Z13, Z14, Z15, DI, R11*1)

next512:
	LOADROW(Z16, Z17, Z18, Z19, BX, AX*1)
	ADDROW((SI), Z20, Z0, Z1, Z2, Z3)
	ADDROW((SI)(R9*1), Z21, Z4, Z5, Z6, Z7)
	ADDROW((SI)(R9*2), Z22, Z8, Z9, Z10, Z11)
	ADDROW((SI)(R12*1), Z23, Z12, Z13, Z14, Z15)
	ADDQ R10, SI
	ADDQ $256, BX
	DECQ CX
	JNZ  next512

	STOREROW(Z0, Z1, Z2, Z3, DI, AX*1)
	STOREROW(Z4, Z5, Z6, Z7, DI, R8*1)
	STOREROW(Z8, Z9, Z10, Z11, DI, R8*2)
	STOREROW(Z12, Z13, Z14, Z15, DI, R11*1)
	VZEROUPPER
	RET

#define ADDPAIR(value, x, p, q) \
	VBROADCASTSS value, x  \
	VFMADD231PS  x, Y8, p  \
	VFMADD231PS  x, Y9, q

// func tileAVX2(c, a, b *float32, cStep, rowStep, colStep, n int)
TEXT ·tileAVX2(SB), NOSPLIT, $0-56
	ARGUMENTS
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS (DI)(R8*1), Y2
	VMOVUPS 32(DI)(R8*1), Y3
	VMOVUPS (DI)(R8*2), Y4
	VMOVUPS 32(DI)(R8*2), Y5
	VMOVUPS (DI)(R11*1), Y6
	VMOVUPS 32(DI)(R11*1), Y7

next256:
	VMOVUPS (BX), Y8
	VMOVUPS 32(BX), Y9
	ADDPAIR((SI), Y10, Y0, Y1)
	ADDPAIR((SI)(R9*1), Y11, Y2, Y3)
	ADDPAIR((SI)(R9*2), Y12, Y4, Y5)
	ADDPAIR((SI)(R12*1), Y13, Y6, Y7)
	ADDQ R10, SI
	ADDQ $256, BX
	DECQ CX
	JNZ  next256

	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, (DI)(R8*1)
	VMOVUPS Y3, 32(DI)(R8*1)
	VMOVUPS Y4, (DI)(R8*2)
	VMOVUPS Y5, 32(DI)(R8*2)
	VMOVUPS Y6, (DI)(R11*1)
	VMOVUPS Y7, 32(DI)(R11*1)
	VZEROUPPER
	RET
