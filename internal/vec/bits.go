package vec

import (
	"encoding/binary"
	"math"
)

const (
	signBit     = 0x80000000
	exponentOne = 0x7f800000 // all bits of the exponent: Inf or NaN
	quietBit    = 0x00400000
)

// RoundBF16 rounds x to bfloat16, nearest and ties to even. NaN stays NaN.
func RoundBF16(x []float32) { chosen.roundBF16(x) }

// Finite reports whether x has neither NaN nor Inf.
func Finite(x []float32) bool { return chosen.finite(x) }

// Widen writes the little-endian bfloat16 or float16 numbers of src to dst,
// exactly.
func Widen(dst []float32, src []byte, bf16 bool) {
	src = src[:2*len(dst)]
	if bf16 {
		chosen.widenBF16(dst, src)
	} else {
		chosen.widenFP16(dst, src)
	}
}

func roundBF16Plain(x []float32) {
	for i, v := range x {
		u := math.Float32bits(v)
		if v != v {
			u |= quietBit // or a payload in the low bits alone would end as Inf
		} else {
			u += 0x7fff + u>>16&1
		}
		x[i] = math.Float32frombits(u &^ 0xffff)
	}
}

func finitePlain(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v)&exponentOne == exponentOne {
			return false
		}
	}
	return true
}

func widenBF16Plain(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// Exponents of float16 and float32 differ by 112 in their bias; Inf and NaN need
// that twice, and a subnormal number is its bits times 2⁻²⁴.
func widenFP16Plain(dst []float32, src []byte) {
	for i := range dst {
		h := uint32(binary.LittleEndian.Uint16(src[2*i:]))
		u := h & 0x7fff << 13
		switch h >> 10 & 31 {
		case 0:
			u = math.Float32bits(float32(h&0x3ff) * 0x1p-24)
		case 31:
			u += 2 * 112 << 23
		default:
			u += 112 << 23
		}
		dst[i] = math.Float32frombits(u | h>>15<<31)
	}
}
