package spectra

import (
	"fmt"
	"math"
	"runtime/debug"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Gonum is the Solver that works everywhere, in Go alone; at 4096 x 4096 its
// eigenvalues take many times what a LAPACK library takes (docs/SPECTRA.md).
type Gonum struct{}

const gonumPath = "gonum.org/v1/gonum"

// Name is gonum with the version that is built in, as "gonum v0.17.0".
func (Gonum) Name() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == gonumPath {
				return "gonum " + d.Version
			}
		}
	}
	return "gonum"
}

// Eigenvalues of a (n, n), a complex pair side by side.
func (Gonum) Eigenvalues(a []float64, n int) ([]complex128, error) {
	if err := checkDense("eigenvalues", a, n, n); err != nil || n == 0 {
		return nil, err
	}
	var e mat.Eigen
	if !e.Factorize(mat.NewDense(n, n, a), mat.EigenNone) {
		return nil, fmt.Errorf("gonum: eigenvalues of (%d, %d): no convergence", n, n)
	}
	return e.Values(nil), nil
}

// SingularValues of a (m, n), from the largest.
func (Gonum) SingularValues(a []float64, m, n int) ([]float64, error) {
	if err := checkDense("singular values", a, m, n); err != nil || m == 0 || n == 0 {
		return nil, err
	}
	var d mat.SVD
	if !d.Factorize(mat.NewDense(m, n, a), mat.SVDNone) {
		return nil, fmt.Errorf("gonum: singular values of (%d, %d): no convergence", m, n)
	}
	return d.Values(nil), nil
}

// SVD is a = u diag(s) vt with k = min(m, n): u (m, k), s (k), vt (k, n).
func (Gonum) SVD(a []float64, m, n int) (u, s, vt []float64, err error) {
	if err := checkDense("SVD", a, m, n); err != nil || m == 0 || n == 0 {
		return nil, nil, nil, err
	}
	var d mat.SVD
	if !d.Factorize(mat.NewDense(m, n, a), mat.SVDThin) {
		return nil, nil, nil, fmt.Errorf("gonum: SVD of (%d, %d): no convergence", m, n)
	}
	var left, right mat.Dense // (m, k), (n, k)
	d.UTo(&left)
	d.VTo(&right)
	return compact(&left), d.Values(nil), compact(mat.DenseCopyOf(right.T())), nil
}

// Multiply returns op(a) op(b) (m, n).
func (Gonum) Multiply(a []float64, transA bool, b []float64, transB bool, m, k, n int) []float64 {
	if len(a) != m*k || len(b) != k*n {
		panic(fmt.Sprintf("spectra: operands of %d and %d values for (%d, %d) times (%d, %d)", len(a), len(b), m, k, k, n))
	}
	c := make([]float64, m*n)
	if m == 0 || k == 0 || n == 0 {
		return c
	}
	left, ta := operand(a, m, k, transA)
	right, tb := operand(b, k, n, transB)
	blas64.Gemm(ta, tb, 1, left, right, 0, blas64.General{Rows: m, Cols: n, Stride: n, Data: c})
	return c
}

// operand is the matrix whose op is (rows, cols).
func operand(x []float64, rows, cols int, trans bool) (blas64.General, blas.Transpose) {
	t := blas.NoTrans
	if trans {
		rows, cols, t = cols, rows, blas.Trans
	}
	return blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: x}, t
}

// compact is the values of a matrix, row by row without gaps.
func compact(m *mat.Dense) []float64 {
	raw := m.RawMatrix()
	if raw.Stride == raw.Cols {
		return raw.Data[:raw.Rows*raw.Cols]
	}
	return mat.DenseCopyOf(m).RawMatrix().Data
}

// checkDense panics where the values are not a matrix (m, n), and refuses those
// that are not finite: iterations would not end, or end in nonsense.
func checkDense(what string, a []float64, m, n int) error {
	if m < 0 || n < 0 || len(a) != m*n {
		panic(fmt.Sprintf("spectra: %d values for a matrix (%d, %d)", len(a), m, n))
	}
	for i, v := range a {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s of (%d, %d): the value at row %d, column %d is %v", what, m, n, i/n, i%n, v)
		}
	}
	return nil
}
