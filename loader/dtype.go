package loader

import (
	"encoding/binary"
	"math"
)

// DType is a safetensors element type. "F32", "F16" and "BF16" can be read as
// float32 and "I64" as int64; the others are known by their size only.
type DType string

// Element types that this package reads or writes.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
)

// dtypeBits is the size of one element of every type of the format, in bits:
// the F4 and F6 types are narrower than a byte.
var dtypeBits = map[DType]uint64{
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
	"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
	"F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"I16": 16, "U16": 16, F16: 16, BF16: 16,
	"I32": 32, "U32": 32, F32: 32,
	"I64": 64, "U64": 64, "F64": 64, "C64": 64,
}

// float reports whether the type can be read as float32 without loss.
func (t DType) float() bool { return t == F32 || t == F16 || t == BF16 }

// size is the number of bytes of one element; 0 for types narrower than a byte.
func (t DType) size() int { return int(dtypeBits[t] / 8) }

// decodeFloats converts little-endian elements of type t; every value of the
// three types is a float32, so nothing is rounded.
func decodeFloats(dst []float32, src []byte, t DType) {
	switch t {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	case F16:
		for i := range dst {
			h := binary.LittleEndian.Uint16(src[2*i:])
			if normalHalf(h) { // nearly every weight
				dst[i] = widenNormal(h)
			} else {
				dst[i] = widenOther(h)
			}
		}
	}
}

// normalHalf reports whether the exponent of an IEEE 754 binary16 is neither 0
// nor 31.
func normalHalf(h uint16) bool { return h&0x7c00-0x400 < 0x7800 }

// widenNormal gives the exponent float32's bias, and the fraction zeros behind it.
func widenNormal(h uint16) float32 {
	const rebias = (127 - 15) << 23
	return math.Float32frombits(uint32(h&0x8000)<<16 | (uint32(h&0x7fff)<<13 + rebias))
}

// widenOther widens zero, subnormals, infinities and NaN. A subnormal is an
// integer below 1024 times 2^-24: an exact product, and a normal float32.
func widenOther(h uint16) float32 {
	sign, fraction := uint32(h&0x8000)<<16, uint32(h&0x3ff)
	if h&0x7c00 == 0 {
		magnitude := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(magnitude))
	}
	return math.Float32frombits(sign | 0x7f800000 | fraction<<13) // NaN keeps its payload
}

// roundBF16 is the nearest bfloat16, of two as near the one with an even last
// bit. What is too large becomes infinite; NaN stays NaN, though cutting its
// fraction could leave an infinity.
func roundBF16(x float32) uint16 {
	bits := math.Float32bits(x)
	if x != x {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
