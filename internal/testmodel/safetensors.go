package testmodel

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// tensor is what a weights file of WriteModel or WriteAdapter holds: values in row-major
// order, rounded to dtype when written.
type tensor struct {
	name   string
	dtype  string
	shape  []int
	values []float64
}

// encodeSafetensors lays tensors out as one safetensors file: the header's length (u64,
// little-endian), a JSON object from name to dtype, shape and byte range, padded with blanks
// to a multiple of 8, then the values without gaps. It is apart from loader's writer on
// purpose: a reader tested only on its own package's writer would not see a shared mistake.
func encodeSafetensors(tensors []tensor) ([]byte, error) {
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header := map[string]entry{}
	var data []byte
	for _, t := range tensors {
		begin := len(data)
		var err error
		if data, err = appendValues(data, t.dtype, t.values); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		header[t.name] = entry{t.dtype, t.shape, [2]int{begin, len(data)}}
	}
	text, err := json.Marshal(header) // sorts the names: the same bytes each time
	if err != nil {
		return nil, err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(file, text...), data...), nil
}

func appendValues(dst []byte, dtype string, values []float64) ([]byte, error) {
	for _, v := range values {
		switch dtype {
		case "F32":
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
		case "BF16":
			dst = binary.LittleEndian.AppendUint16(dst, toBF16(float32(v)))
		case "F16":
			dst = binary.LittleEndian.AppendUint16(dst, toF16(v))
		default:
			return nil, fmt.Errorf("dtype %q is not one of F32, F16, BF16", dtype)
		}
	}
	return dst, nil
}

// toBF16 keeps the upper half of a finite float32, rounded to nearest, ties to even.
func toBF16(v float32) uint16 {
	bits := math.Float32bits(v)
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// toF16 rounds a value below the largest half (65504) to nearest, ties to even.
func toF16(v float64) uint16 {
	var sign uint16
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	if v == 0 {
		return sign
	}
	_, e := math.Frexp(v)                        // v = f 2^e, 1/2 <= f < 1
	exp := max(e-1, -14)                         // below 2^-14 halves are subnormal: the spacing stays at 2^-24
	n := math.RoundToEven(math.Ldexp(v, 10-exp)) // v as a multiple of the spacing 2^(exp-10)
	// n counts from 1024 for a normal half; the implicit bit is folded into the exponent,
	// so a carry (n = 2048) moves to the next exponent by itself.
	return sign | uint16((exp+14)<<10+int(n))
}
