//go:build goexperiment.simd && amd64

#include "textflag.h"

// The two kernels of updateRows.

// The arguments of both: DI a, R8 its stride and R12 three of it in bytes, SI u,
// BX q, DX v, CX y, R9 columns left of the group, R11 s; R10 is row k's place in
// the vectors.
#define ARGUMENTS \
	MOVQ a+0(FP), DI       \
	MOVQ stride+8(FP), R8  \
	MOVQ u+16(FP), SI      \
	MOVQ q+24(FP), BX      \
	MOVQ v+32(FP), DX      \
	MOVQ y+40(FP), CX      \
	MOVQ k+48(FP), R10     \
	MOVQ first+56(FP), R9  \
	MOVQ s+64(FP), R11     \
	SHLQ $3, R8            \
	SHLQ $3, R10

#define NEXT(bytes) \
	ADDQ $bytes, DI \
	ADDQ $bytes, SI \
	ADDQ $bytes, BX \
	ADDQ $bytes, DX \
	ADDQ $bytes, CX

// The values of row r: u in p, q in q, v in v, its sums in s.
#define BEGIN512(r, p, q, v, s) \
	VBROADCASTSD r*8(SI)(R10*1), p \
	VBROADCASTSD r*8(BX)(R10*1), q \
	VBROADCASTSD r*8(DX)(R10*1), v \
	VPXORQ       s, s, s

// Eight columns of a row, with u in Z16, q in Z17 and v in Z18.
#define ROW512(row, p, q, s, t) \
	VMOVUPD      row, t      \
	VFNMADD231PD Z16, q, t   \
	VFNMADD231PD Z17, p, t   \
	VMOVUPD      t, row      \
	VFMADD231PD  Z18, t, s

// func updateRowsAVX512(a *float64, stride int, u, q, v, y *float64, k, first int, s *[rowsTogether][lanes]float64)
TEXT ·updateRowsAVX512(SB), NOSPLIT, $0-72
	ARGUMENTS
	LEAQ (R8)(R8*2), R12
	BEGIN512(0, Z0, Z4, Z8, Z12)
	BEGIN512(1, Z1, Z5, Z9, Z13)
	BEGIN512(2, Z2, Z6, Z10, Z14)
	BEGIN512(3, Z3, Z7, Z11, Z15)
	SHRQ $3, R9
	JZ   group512

next512:
	VMOVUPD (SI), Z16
	VMOVUPD (BX), Z17
	VMOVUPD (DX), Z18
	VMOVUPD (CX), Z19
	ROW512((DI), Z0, Z4, Z12, Z20)
	ROW512((DI)(R8*1), Z1, Z5, Z13, Z21)
	ROW512((DI)(R8*2), Z2, Z6, Z14, Z22)
	ROW512((DI)(R12*1), Z3, Z7, Z15, Z23)
	VFMADD231PD Z20, Z8, Z19
	VFMADD231PD Z21, Z9, Z19
	VFMADD231PD Z22, Z10, Z19
	VFMADD231PD Z23, Z11, Z19
	VMOVUPD Z19, (CX)
	NEXT(64)
	DECQ R9
	JNZ  next512

group512:
	VMOVUPD (SI), Z16
	VMOVUPD (BX), Z17
	VMOVUPD (DX), Z18
	ROW512((DI), Z0, Z4, Z12, Z20)
	ROW512((DI)(R8*1), Z1, Z5, Z13, Z21)
	ROW512((DI)(R8*2), Z2, Z6, Z14, Z22)
	ROW512((DI)(R12*1), Z3, Z7, Z15, Z23)
	VMOVUPD Z12, (R11)
	VMOVUPD Z13, 64(R11)
	VMOVUPD Z14, 128(R11)
	VMOVUPD Z15, 192(R11)
	VZEROUPPER
	RET

// The values of row r: u in p, q in q, v in v, its sums in s and t.
#define BEGIN256(r, p, q, v, s, t) \
	VBROADCASTSD r*8(SI)(R10*1), p \
	VBROADCASTSD r*8(BX)(R10*1), q \
	VBROADCASTSD r*8(DX)(R10*1), v \
	VXORPD       s, s, s           \
	VXORPD       t, t, t

// Four columns of a row, with u in Y10, q in Y11 and v in Y12.
#define ROW256(row, p, q, s, t) \
	VMOVUPD      row, t      \
	VFNMADD231PD Y10, q, t   \
	VFNMADD231PD Y11, p, t   \
	VMOVUPD      t, row      \
	VFMADD231PD  Y12, t, s

// Four columns of both rows, at bytes from the current ones.
#define COLUMNS256(at, s0, s1) \
	VMOVUPD at(SI), Y10                      \
	VMOVUPD at(BX), Y11                      \
	VMOVUPD at(DX), Y12                      \
	ROW256(at(DI), Y0, Y2, s0, Y14)          \
	ROW256(at(DI)(R8*1), Y1, Y3, s1, Y15)

#define MIRROR256(at) \
	VMOVUPD     at(CX), Y13   \
	VFMADD231PD Y14, Y4, Y13  \
	VFMADD231PD Y15, Y5, Y13  \
	VMOVUPD     Y13, at(CX)

// func updatePairAVX2(a *float64, stride int, u, q, v, y *float64, k, first int, s *[lanes]float64)
TEXT ·updatePairAVX2(SB), NOSPLIT, $0-72
	ARGUMENTS
	BEGIN256(0, Y0, Y2, Y4, Y6, Y8)
	BEGIN256(1, Y1, Y3, Y5, Y7, Y9)
	SHRQ $3, R9
	JZ   group256

next256:
	COLUMNS256(0, Y6, Y7)
	MIRROR256(0)
	COLUMNS256(32, Y8, Y9)
	MIRROR256(32)
	NEXT(64)
	DECQ R9
	JNZ  next256

group256:
	COLUMNS256(0, Y6, Y7)
	COLUMNS256(32, Y8, Y9)
	VMOVUPD Y6, (R11)
	VMOVUPD Y8, 32(R11)
	VMOVUPD Y7, 64(R11)
	VMOVUPD Y9, 96(R11)
	VZEROUPPER
	RET
