package spectra

import (
	"fmt"
	"math"
)

// Basis is the singular value decomposition of a weight W (out, in), of which
// every adapter of it needs all vectors. They are kept with float32's precision,
// also by who has just computed them, so that a stored one gives the same results.
type Basis struct {
	U Matrix    // (out, k), k = min(out, in)
	S []float64 // (k)
	V Matrix    // (k, in)
}

// NewBasis decomposes w, which is overwritten.
func NewBasis(s Solver, w Matrix) (*Basis, error) {
	u, sv, vt, err := s.SVD(w.Data, w.Rows, w.Cols)
	if err != nil {
		return nil, err
	}
	b := &Basis{Matrix{w.Rows, len(sv), u}, sv, Matrix{len(sv), w.Cols, vt}}
	for _, m := range []Matrix{b.U, b.V} {
		for i, v := range m.Data {
			m.Data[i] = float64(float32(v))
		}
	}
	return b, nil
}

// Intruders looks for intruder dimensions (Shuttleworth et al. 2024, LoRA vs Full
// Fine-tuning: An Illusion of Equivalence, algorithm 1): leading singular vectors
// of W' = W + dW that are like no singular vector of W. It returns
//
//	intruder_cosine   for each of the 10 leading left singular vectors y_j of W', from
//	                  the largest singular value: max over all i of |<y_j, u_i>|, u_i
//	                  the left singular vectors of W
//	intruders         how many of these are below a threshold; the index is that of
//	                  the threshold
//	weight_sv         the 10 largest singular values of W'
//
// and the first two for right singular vectors, with _right at the end; also
// share_left and share_right, where dW lies in the basis. adapted is W' (out, in)
// and kept as it is. Where out exceeds in, W has no more than in left singular vectors
// of a singular value above 0, and these are meant.
//
// Vectors of singular values that are nearly equal are defined only up to a
// rotation of each other, so that a low cosine there need not come of dW: compare
// with the sweep, and with weight_sv.
func Intruders(s Solver, module string, basis *Basis, adapted Matrix, c Change, thresholds []float64) ([]Value, error) {
	t, err := topTriplets(s, adapted, defaultDirections)
	if err != nil {
		return nil, fmt.Errorf("singular vectors of W': %w", err)
	}
	sheet := sheet{module: module, head: Whole}
	left := basis.U.times(s, true, t.U, false)  // (k, 10)
	right := basis.V.times(s, false, t.V, true) // (k, 10)
	sheet.intruders("", left, thresholds)
	sheet.intruders("_right", right, thresholds)
	sheet.list("weight_sv", t.S)
	if err := sheet.shares(s, basis, c); err != nil {
		return nil, err
	}
	return sheet.values, nil
}

// intruders adds what inner products (k, n) with the k vectors of a basis say.
func (s *sheet) intruders(side string, products Matrix, thresholds []float64) {
	cosines := make([]float64, products.Cols)
	for i := range products.Rows {
		for j, v := range products.row(i) {
			cosines[j] = max(cosines[j], math.Abs(v))
		}
	}
	s.list("intruder_cosine"+side, cosines)
	for i, eps := range thresholds {
		n := 0
		for _, c := range cosines {
			if c < eps {
				n++
			}
		}
		s.add("intruders"+side, i, float64(n), 0)
	}
}

// Leading are the values weight_sv of the base, beside which those of W' are read.
func (b *Basis) Leading(module string) []Value {
	sheet := sheet{module: module, head: Whole}
	sheet.list("weight_sv", b.S[:min(defaultDirections, len(b.S))])
	return sheet.values
}
