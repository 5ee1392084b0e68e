package extract

import (
	"math"

	"github.com/layerclust/layerclust/loader"
)

// ropeTables gives the cosines and sines of the rotary embedding for the
// positions 0..t-1, both (t, headDim/2).
//
// Frequencies and angles are rounded to float32 where transformers rounds them:
// at position 4,000 that rounding is already 1e-4 rad, and it is the model's own,
// since it was trained with it. Only the cosine itself is better than float32.
func ropeTables(rope loader.Rope, headDim, t int) (cos, sin []float32) {
	half := headDim / 2
	frequencies := rope.Frequencies(headDim, t)
	factor := 1.0
	if rope.Type == "yarn" {
		factor = rope.AttentionFactor
	}
	cos = make([]float32, t*half) // (t, headDim/2)
	sin = make([]float32, t*half) // (t, headDim/2)
	for p := range t {
		for i, f := range frequencies {
			s, c := math.Sincos(float64(float32(p) * f))
			cos[p*half+i], sin[p*half+i] = float32(factor*c), float32(factor*s)
		}
	}
	return cos, sin
}
