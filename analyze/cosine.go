package analyze

import (
	"iter"
	"math"
	"slices"
)

// cosines holds the cosine of every pair of tokens of a state.
type cosines struct {
	t   int
	all []float64 // (T, T), 1 on the diagonal, 0 throughout for a zero token
}

// newCosines divides the Gram matrix by the norms. A zero vector has no
// direction: its cosines are 0, also with itself, as in scikit-learn.
// Quotients beyond 1 by rounding are cut to it.
func newCosines(c *Cloud) *cosines { return cosinesIn(nil, c) }

// cosinesIn is newCosines in the given memory, where it is large enough.
func cosinesIn(memory []float64, c *Cloud) *cosines {
	t := c.T
	squares := c.normsSquared() // (T)
	inverse := inverseNorms(squares)
	all := sized(memory, t*t) // (T, T)
	for i := range t {
		cosineRow(all[i*t:(i+1)*t], c.Gram[i*t:(i+1)*t], squares, inverse, squares[i], inverse[i])
	}
	return &cosines{t: t, all: all}
}

// cosineRowPlain writes to dst the cosines of a token, of the given squared and
// inverse norm, from its inner products with others. It is the portable form of
// cosineRow and its oracle.
func cosineRowPlain(dst, row, squares, inverse []float64, square, inverseNorm float64) {
	for j, g := range row {
		v := min(max(g*(inverseNorm*inverse[j]), -1), 1)
		if g == square && g == squares[j] && g > 0 {
			v = 1 // the same token: exactly 1, whatever the rounding of the norms
		}
		dst[j] = v
	}
}

// inverseNorms returns 1/|x_i| from |x_i|^2, (T), 0 for a zero token.
func inverseNorms(squares []float64) []float64 {
	inverse := make([]float64, len(squares))
	for i, s := range squares {
		if s > 0 {
			inverse[i] = 1 / math.Sqrt(s)
		}
	}
	return inverse
}

// row returns the cosines of token i with every token, (T).
func (g *cosines) row(i int) []float64 { return g.all[i*g.t : (i+1)*g.t] }

// chain orders the tokens by their cosines as they are.
func (g *cosines) chain() (order []int, joins []float64) {
	return chain(g.all, g.t, slices.Repeat([]float64{1}, g.t))
}

// pairs yields the cosines of all pairs, each pair once, in stretches.
func (g *cosines) pairs() iter.Seq[[]float64] {
	return func(yield func([]float64) bool) {
		for i := 1; i < g.t; i++ {
			if !yield(g.row(i)[:i]) {
				return
			}
		}
	}
}

// meanCosine returns the mean cosine over pairs of different tokens without
// keeping the cosines. NaN for fewer than two tokens.
func meanCosine(c *Cloud) float64 {
	inverse := inverseNorms(c.normsSquared())
	var s float64
	for i := range c.T {
		s += inverse[i] * dot(c.Gram[i*c.T:i*c.T+i], inverse[:i])
	}
	return s / float64(c.T*(c.T-1)/2)
}

// paperCosine is the mean over all ordered pairs of tokens, each token with
// itself among them, as the paper has it (arXiv 2402.15415). It follows from
// the mean over pairs and the number of tokens that are not zero.
func paperCosine(c *Cloud) float64 {
	t := float64(c.T)
	var alive float64
	for _, s := range c.normsSquared() {
		if s > 0 {
			alive++
		}
	}
	if c.T == 1 {
		return alive
	}
	return (alive + t*(t-1)*meanCosine(c)) / (t * t)
}

// angle returns the angle of a cosine in radians. See angleFloor.
func angle(cosine float64) float64 {
	if cosine >= cosineCeiling {
		return angleFloor
	}
	return math.Acos(cosine)
}

// angleFloor is the least angle between two tokens, in radians: about 1e-6.
// The coordinates are float32 with relative rounding 6e-8, so smaller angles
// are noise; without a floor, densities 1/angle would reward that noise, and be
// infinite for equal tokens.
const angleFloor = 0x1p-20

// cosineCeiling is the cosine of angleFloor. Those above it are ties rather than
// an order made of noise.
const cosineCeiling = 1 - angleFloor*angleFloor/2

// CosineHistogram counts the cosines of all pairs of tokens, each pair once, in
// HistogramBins equal bins on [-1, 1]. A bin holds its lower edge; the last
// holds 1 too.
func CosineHistogram(c *Cloud) []int32 { return newDistribution(newCosines(c).pairs()).bins }
