package spectra

// topTriplets are the k largest singular triplets of m.
func topTriplets(s Solver, m Matrix, k int) (Triplets, error) {
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
