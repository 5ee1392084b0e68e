package analyze

import (
	"fmt"
	"math"
)

// leastCKA is the least number of tokens for which HSIC_1 is defined.
const leastCKA = 4

// DebiasedCKA is the linear centred kernel alignment of two states of the same
// tokens, HSIC(a, b) / sqrt(HSIC(a, a) HSIC(b, b)) (Kornblith et al. 2019) with
// the unbiased HSIC_1 of Song et al. 2012: without it CKA of unrelated
// states goes to 1 as D/T grows. It can be slightly negative, and is 1 for
// states that are equal up to rotation, scale and shift. NaN for fewer than
// four tokens, and where an HSIC(x, x) is not positive: then the tokens of x do
// not differ beyond chance.
func DebiasedCKA(a, b *Cloud) float64 {
	if a.T != b.T {
		panic(fmt.Sprintf("analyze: CKA of %d and %d tokens", a.T, b.T))
	}
	if a.T < leastCKA {
		return math.NaN()
	}
	x, y := a.centred(&Cloud{}), b.centred(&Cloud{})
	return cka(x, y, hsic(x, x), hsic(y, y))
}

// cka is DebiasedCKA of centred clouds of four tokens or more, whose HSIC with
// themselves are aa and bb.
func cka(a, b *Cloud, aa, bb float64) float64 {
	if aa <= 0 || bb <= 0 {
		return math.NaN()
	}
	return hsic(a, b) / math.Sqrt(aa*bb)
}

// hsic is HSIC_1 times n(n-3), a factor that CKA cancels, of centred clouds.
// With K and L the Gram matrices, their diagonals set to zero, it is
// tr(KL) + (1'K1)(1'L1)/((n-1)(n-2)) - 2/(n-2) 1'KL1. It does not change with a
// shift of the tokens, and the rows of a centred Gram matrix sum to zero, so
// those of K sum to the diagonal that was taken out, with the other sign.
func hsic(a, b *Cloud) float64 {
	n := float64(a.T)
	da, db := a.normsSquared(), b.normsSquared() // (T)
	both := dot(da, db)
	return dot(a.Gram, b.Gram) - both + sum(da)*sum(db)/((n-1)*(n-2)) - 2/(n-2)*both
}
