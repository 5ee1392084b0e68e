package theory

import "math"

// RankOneClusters is how many clusters V = I and K'Q = u u' lead to, from the
// components a_i = <u, x_i(0)> alone: tokens with a_i > 0 go to the one with the
// largest a, those with a_i < 0 to the one with the smallest, and one at 0 pays
// all equal attention for ever. With all on one side the token farthest out
// wins, and the others go to it.
func RankOneClusters(a []float64) int {
	var positive, negative, zero bool
	for _, v := range a {
		positive, negative, zero = positive || v > 0, negative || v < 0, zero || v == 0
	}
	count := 0
	for _, side := range []bool{positive, negative, zero} {
		if side {
			count++
		}
	}
	return count
}

// UniformMean is the exact solution where K'Q = 0: the token at time t that was
// x at 0, mean the mean of all and V = I, is mean + e^{-t}(x - mean).
func UniformMean(x, mean, t float64) float64 { return mean + math.Exp(-t)*(x-mean) }
