package spectra

import "errors"

// krylovPays is the side from which the few leading values come faster by products
// with the matrix than by decomposing it whole, where they are at most one in
// krylovShare of all. Eigenvalues that lie as densely as can be on a disc, as those of
// random matrices do, need more products than a decomposition costs; whether they
// do shows by trying, for half as many products as the matrix has rows, a third of
// that cost or less.
const (
	krylovPays      = 1024
	krylovPaysEigen = 2048
	krylovShare     = 40
)

// few says whether to look for the k leading values of a matrix by products.
func (m Matrix) few(k, side int) bool {
	n := min(m.Rows, m.Cols)
	return n >= side && k*krylovShare <= n
}

func (m Matrix) asMap(s Solver) Map { return DenseMap(s, m.Data, m.Rows, m.Cols) }

// topTriplets are the k largest singular triplets of m.
func topTriplets(s Solver, m Matrix, k int) (Triplets, error) {
	if m.few(k, krylovPays) {
		u, sv, vt, err := LeadingSVD(s, m.asMap(s), k, Krylov{})
		if !unfinished(err) {
			return Triplets{Matrix{m.Rows, k, u}, sv, Matrix{k, m.Cols, vt}}, err
		}
	}
	u, sv, vt, err := s.SVD(m.Clone().Data, m.Rows, m.Cols)
	if err != nil {
		return Triplets{}, err
	}
	n := len(sv)
	return Triplets{Matrix{m.Rows, n, u}, sv, Matrix{n, m.Cols, vt}}.first(k), nil
}

// largest are the top largest singular values of m, all of them for 0. m is
// overwritten.
func (m Matrix) largest(s Solver, top int) ([]float64, error) {
	if top == 0 {
		return m.singularValues(s)
	}
	top = min(top, m.Rows, m.Cols)
	if m.few(top, krylovPays) {
		t, err := topTriplets(s, m, top)
		return t.S, err
	}
	sv, err := m.singularValues(s)
	return sv[:min(top, len(sv))], err
}

// leadingEigenvalues are the top eigenvalues of the largest modulus of a square m,
// and the other one of a pair where that would cut it. m is kept.
func (m Matrix) leadingEigenvalues(s Solver, top int) ([]complex128, error) {
	if m.few(top, krylovPaysEigen) {
		values, err := LeadingEigenvalues(s, m.asMap(s), top, Krylov{Products: m.Rows / 2})
		if !unfinished(err) {
			SortEigenvalues(values)
			return values, err
		}
	}
	all, err := s.Eigenvalues(m.Clone().Data, m.Rows)
	if err != nil {
		return nil, err
	}
	SortEigenvalues(all)
	n := min(top, len(all))
	if n < len(all) && imag(all[n-1]) > 0 { // its conjugate comes next
		n++
	}
	return all[:n], nil
}

// unfinished says whether an iteration gave up, so that the dense way is left.
func unfinished(err error) bool {
	var stopped *NotConverged
	return errors.As(err, &stopped)
}
