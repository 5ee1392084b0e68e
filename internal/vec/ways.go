package vec

import "github.com/layerclust/layerclust/internal/isacap"

// way is one way to run the inner loops, which trust the lengths of their slices;
// the plain functions say what each does.
type way struct {
	name       string
	addRows    func(dst, row []float32) // dst (rows, len(row))
	mulRows    func(dst, row []float32) // dst (rows, len(row))
	scaleMul   func(dst, x, gain []float32, scale float32)
	sumSquares func(x []float32) float64
	rotate     func(a, b, cos, sin []float32)
	siluMul    func(gate, up []float32)
	roundBF16  func(x []float32)
	finite     func(x []float32) bool
	widenBF16  func(dst []float32, src []byte)
	widenFP16  func(dst []float32, src []byte)
	product    func(c []float32, a matrix, b []float32)
	softmax    func(s, most, sum, shrink []float32)
	sumExp     func(x []float32, most float32) float32
	largest    func(x []float32) float32
	transpose  func(dst []float32, dstStep int, a matrix, scale float32)
}

// chosen is what the exported functions run; tests set it.
var chosen = best(isacap.Bits())
