package spectra

import "errors"

// krylovShare: iterations pay where the values asked for are fewer than this share
// of the smaller side.
const krylovShare = 32

// topTriplets are the k largest singular triplets of m, by iteration where that
// pays and comes to an end.
func topTriplets(s Solver, m Matrix, k int) (Triplets, error) {
	if k*krylovShare < min(m.Rows, m.Cols) {
		u, sv, vt, err := LeadingSVD(s, DenseMap(s, m.Data, m.Rows, m.Cols), k, Krylov{})
		if !errors.As(err, new(*NotConverged)) {
			return Triplets{Matrix{m.Rows, len(sv), u}, sv, Matrix{len(sv), m.Cols, vt}}, err
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
	if top > 0 {
		t, err := topTriplets(s, m, min(top, m.Rows, m.Cols))
		return t.S, err
	}
	return m.singularValues(s)
}

// leadingEigenvalues are the top eigenvalues of the largest modulus of a square m,
// and the other one of a pair where that would cut it. m is kept.
func (m Matrix) leadingEigenvalues(s Solver, top int) ([]complex128, error) {
	if top*krylovShare < m.Rows {
		eig, err := LeadingEigenvalues(s, DenseMap(s, m.Data, m.Rows, m.Cols), top, Krylov{})
		if !errors.As(err, new(*NotConverged)) {
			return eig, err
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
