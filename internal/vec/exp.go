package vec

import "math"

// The polynomial q of the package comment, highest power first: greatest relative
// error of exp 4.1e-9 on |r| <= ln(2)/2, by least squares on 4001 Chebyshev points
// reweighted until the errors are level, then rounded to float32.
const (
	exp6 = 0.0013814320554956794
	exp5 = 0.008368851616978645
	exp4 = 0.041668400168418884
	exp3 = 0.1666651964187622
	exp2 = 0.4999999403953552
)

// expLeast is where exp becomes 0: a little above the least normal float32, which
// is exp(-87.34).
const expLeast = -87

// expPlain returns exp(x) for x <= 80 in float64 arithmetic, rounded once.
func expPlain(x float32) float32 {
	if x < expLeast {
		return 0
	}
	// Adding 1.5 * 2⁵² leaves the nearest integer in the low bits.
	const shift = 3 << 51
	t := float64(x)*math.Log2E + shift
	r := float64(x) - (t-shift)*math.Ln2
	p := exp6*r + exp5
	p = p*r + exp4
	p = p*r + exp3
	p = p*r + exp2
	p = (p*r+1)*r + 1
	return float32(p * math.Float64frombits((math.Float64bits(t)+1023)<<52))
}
