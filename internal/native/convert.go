package native

import (
	"encoding/binary"
	"math"

	"github.com/layerclust/layerclust/internal/vec"
)

// widen converts the little-endian elements of a file to float32; every value of
// the three types is one.
func widen(dst []float32, raw []byte, t DType) {
	if t != F32 {
		vec.Widen(dst, raw, t == BF16)
		return
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
}
