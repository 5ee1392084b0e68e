//go:build goexperiment.simd && amd64

#include "textflag.h"

// Arguments of all tiles, with steps in bytes: DI c and R8 its step; SI a, R9 the
// step of its rows, R10 that of its columns; BX b; CX n. R11 is 3 rows of c, R12 3
// rows of a.
#define ARGUMENTS \
	MOVQ c+0(FP), DI         \
	MOVQ a+8(FP), SI         \
	MOVQ b+16(FP), BX        \
	MOVQ cStep+24(FP), R8    \
	MOVQ rowStep+32(FP), R9  \
	MOVQ colStep+40(FP), R10 \
	MOVQ n+48(FP), CX        \
	SHLQ $2, R8              \
	SHLQ $2, R9              \
	SHLQ $2, R10             \
	LEAQ (R8)(R8*2), R11     \
	LEAQ (R9)(R9*2), R12

#define LOAD4(at, p, q, r, s) \
	VMOVUPS at, p     \
	VMOVUPS 64 at, q  \
	VMOVUPS 128 at, r \
	VMOVUPS 192 at, s

#define STORE4(p, q, r, s, at) \
	VMOVUPS p, at     \
	VMOVUPS q, 64 at  \
	VMOVUPS r, 128 at \
	VMOVUPS s, 192 at

// One value of a times four vectors of b.
#define ADD4(value, x, p, q, r, s) \
	VBROADCASTSS value, x  \
	VFMADD231PS  x, Z16, p \
	VFMADD231PS  x, Z17, q \
	VFMADD231PS  x, Z18, r \
	VFMADD231PS  x, Z19, s

// The rows of a that the next tile takes, from R13 on, are fetched on the way: keys
// a power of two apart are beyond what the processor foresees.
//
// func tile4AVX512(c, a, b *float32, cStep, rowStep, colStep, n int)
TEXT ·tile4AVX512(SB), NOSPLIT, $0-56
	ARGUMENTS
	LEAQ (SI)(R9*4), R13
	LOAD4((DI), Z0, Z1, Z2, Z3)
	LOAD4((DI)(R8*1), Z4, Z5, Z6, Z7)
	LOAD4((DI)(R8*2), Z8, Z9, Z10, Z11)
	LOAD4((DI)(R11*1), Z12, Z13, Z14, Z15)

next4:
	LOAD4((BX), Z16, Z17, Z18, Z19)
	ADD4((SI), Z20, Z0, Z1, Z2, Z3)
	ADD4((SI)(R9*1), Z21, Z4, Z5, Z6, Z7)
	ADD4((SI)(R9*2), Z22, Z8, Z9, Z10, Z11)
	ADD4((SI)(R12*1), Z23, Z12, Z13, Z14, Z15)
	PREFETCHT0 (R13)
	PREFETCHT0 (R13)(R9*1)
	PREFETCHT0 (R13)(R9*2)
	PREFETCHT0 (R13)(R12*1)
	ADDQ R10, SI
	ADDQ R10, R13
	ADDQ $256, BX
	DECQ CX
	JNZ  next4

	STORE4(Z0, Z1, Z2, Z3, (DI))
	STORE4(Z4, Z5, Z6, Z7, (DI)(R8*1))
	STORE4(Z8, Z9, Z10, Z11, (DI)(R8*2))
	STORE4(Z12, Z13, Z14, Z15, (DI)(R11*1))
	VZEROUPPER
	RET

#define LOAD2(at, p, q) \
	VMOVUPS at, p    \
	VMOVUPS 32 at, q

#define STORE2(p, q, at) \
	VMOVUPS p, at    \
	VMOVUPS q, 32 at

// One value of a times two vectors of b.
#define ADD2(value, x, p, q) \
	VBROADCASTSS value, x  \
	VFMADD231PS  x, Y12, p \
	VFMADD231PS  x, Y13, q

// R13 and R12 are the lower three rows of c and of a.
//
// func tile6AVX2(c, a, b *float32, cStep, rowStep, colStep, n int)
TEXT ·tile6AVX2(SB), NOSPLIT, $0-56
	ARGUMENTS
	LEAQ (DI)(R11*1), R13
	LEAQ (SI)(R12*1), R12
	LOAD2((DI), Y0, Y1)
	LOAD2((DI)(R8*1), Y2, Y3)
	LOAD2((DI)(R8*2), Y4, Y5)
	LOAD2((R13), Y6, Y7)
	LOAD2((R13)(R8*1), Y8, Y9)
	LOAD2((R13)(R8*2), Y10, Y11)

next6:
	LOAD2((BX), Y12, Y13)
	ADD2((SI), Y14, Y0, Y1)
	ADD2((SI)(R9*1), Y15, Y2, Y3)
	ADD2((SI)(R9*2), Y14, Y4, Y5)
	ADD2((R12), Y15, Y6, Y7)
	ADD2((R12)(R9*1), Y14, Y8, Y9)
	ADD2((R12)(R9*2), Y15, Y10, Y11)
	ADDQ R10, SI
	ADDQ R10, R12
	ADDQ $256, BX
	DECQ CX
	JNZ  next6

	STORE2(Y0, Y1, (DI))
	STORE2(Y2, Y3, (DI)(R8*1))
	STORE2(Y4, Y5, (DI)(R8*2))
	STORE2(Y6, Y7, (R13))
	STORE2(Y8, Y9, (R13)(R8*1))
	STORE2(Y10, Y11, (R13)(R8*2))
	VZEROUPPER
	RET

// func tile2AVX2(c, a, b *float32, cStep, rowStep, colStep, n int)
TEXT ·tile2AVX2(SB), NOSPLIT, $0-56
	ARGUMENTS
	LOAD2((DI), Y0, Y1)
	LOAD2((DI)(R8*1), Y2, Y3)

next2:
	LOAD2((BX), Y12, Y13)
	ADD2((SI), Y14, Y0, Y1)
	ADD2((SI)(R9*1), Y15, Y2, Y3)
	ADDQ R10, SI
	ADDQ $256, BX
	DECQ CX
	JNZ  next2

	STORE2(Y0, Y1, (DI))
	STORE2(Y2, Y3, (DI)(R8*1))
	VZEROUPPER
	RET
