package analyze

import (
	"math"
	"slices"
)

// spectrum holds the squared singular values of a state, descending, zeros
// left out.
type spectrum []float64

// newSpectra returns the squared singular values of the state behind c and of
// that state less its mean: the eigenvalues of their Gram matrices.
//
// Both come from one reduction to tridiagonal form. A reflection takes the mean
// of the tokens to a multiple of the last of them; the Gram matrix of all others
// then is that of the centred state, in other coordinates. The reduction works
// from the last coordinate and never mixes it into the others, so what it makes
// of the leading matrix is the reduction of the centred state.
func newSpectra(c *Cloud, w *workspace) (raw, centred spectrum) {
	if c.T == 0 {
		return nil, nil
	}
	r := newReduction(c, w.reduction)
	w.reduction = r.a
	d, e := r.tridiagonal()
	last := c.T - 1
	raw = newSpectrum(eigenvalues(d, e), c.D)
	return raw, newSpectrum(eigenvalues(d[:last], e[:max(last-1, 0)]), c.D)
}

// newSpectrum returns the positive ones of the eigenvalues, ascending, of a Gram
// matrix of vectors of d coordinates. At most d of them can be nonzero, and
// those below the rounding of the largest are zero too.
func newSpectrum(eigenvalues []float64, d int) spectrum {
	l := eigenvalues
	slices.Reverse(l)
	if len(l) == 0 {
		return nil
	}
	floor := l[0] * float64(len(l)) * 0x1p-52
	for i, v := range l {
		if v <= floor || i == d {
			return l[:i]
		}
	}
	return l
}

// effectiveRank is exp of the entropy of s/sum(s), the s singular values (Roy
// and Vetterli 2007). NaN for an all-zero state.
func (l spectrum) effectiveRank() float64 {
	var total float64
	for _, v := range l {
		total += math.Sqrt(v)
	}
	if total == 0 {
		return math.NaN()
	}
	var h float64
	for _, v := range l {
		p := math.Sqrt(v) / total
		h -= p * math.Log(p)
	}
	return math.Exp(h)
}

// participationRatio is (sum s^2)^2 / sum s^4. NaN for an all-zero state.
func (l spectrum) participationRatio() float64 {
	var s2, s4 float64
	for _, v := range l {
		p := v / l[0]
		s2 += p
		s4 += p * p
	}
	return s2 * s2 / s4
}

// topShare is s_1^2 / sum s^2. NaN for an all-zero state.
func (l spectrum) topShare() float64 {
	if len(l) == 0 {
		return math.NaN()
	}
	return l[0] / sum(l)
}
