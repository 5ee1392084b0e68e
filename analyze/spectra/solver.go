package spectra

// Solver decomposes dense matrices, row-major. Its methods may overwrite their
// argument and may be called concurrently.
type Solver interface {
	// Name says what computes and in which version, for provenance.
	Name() string
	// Eigenvalues of a (n, n), in no particular order.
	Eigenvalues(a []float64, n int) ([]complex128, error)
	// SingularValues of a (m, n), from the largest, min(m, n) of them.
	SingularValues(a []float64, m, n int) ([]float64, error)
	// SVD is a = u diag(s) vt with k = min(m, n): u (m, k), s (k), vt (k, n).
	SVD(a []float64, m, n int) (u, s, vt []float64, err error)
	// Multiply returns op(a) op(b) (m, n), op(a) (m, k), op(b) (k, n): op transposes
	// where told, so that a is (k, m), b (n, k) as they lie.
	Multiply(a []float64, transA bool, b []float64, transB bool, m, k, n int) []float64
}
