package vec

import "math"

// RMSNorm writes x / sqrt(mean(x²)+eps) * gain of each row of x (rows, d) to dst,
// which may be x. The mean is taken in float64.
func RMSNorm(dst, x, gain []float32, d int, eps float64) {
	checkRows("RMSNorm", len(x), d)
	dst, gain = dst[:len(x)], gain[:d]
	for i := 0; i < len(x); i += d {
		row := x[i : i+d]
		scale := 1 / math.Sqrt(chosen.sumSquares(row)/float64(d)+eps)
		chosen.scaleMul(dst[i:i+d], row, gain, float32(scale))
	}
}

// SumSquares returns the sum of squares of x, taken in float64.
func SumSquares(x []float32) float64 { return chosen.sumSquares(x) }

func sumSquaresPlain(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

func scaleMulPlain(dst, x, gain []float32, scale float32) {
	for i, v := range x {
		dst[i] = v * scale * gain[i]
	}
}
