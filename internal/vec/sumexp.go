package vec

import "slices"

// SumExp returns the largest value of x and Σ exp(x - largest): what a piece of a
// vocabulary adds to log Σ exp. x is not empty and finite.
func SumExp(x []float32) (largest, sum float32) {
	largest = slices.Max(x)
	return largest, chosen.sumExp(x, largest)
}

func sumExpPlain(x []float32, most float32) float32 {
	var sum float64
	for _, v := range x {
		sum += float64(expPlain(v - most))
	}
	return float32(sum)
}
