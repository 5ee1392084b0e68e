package spectra

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// Matrix is a dense matrix (Rows, Cols), row-major.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// NewMatrix is a matrix of zeros.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{rows, cols, make([]float64, rows*cols)}
}

// Clone is a copy, for a Solver that overwrites.
func (m Matrix) Clone() Matrix { return Matrix{m.Rows, m.Cols, slices.Clone(m.Data)} }

// Norm is the Frobenius norm.
func (m Matrix) Norm() float64 {
	var sum float64
	for _, v := range m.Data {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// ScaleCols makes m diag(g) of m, g (Cols): the gain of the norm that a
// projection reads from, folded into it.
func (m Matrix) ScaleCols(g []float64) {
	if len(g) != m.Cols {
		panic(fmt.Sprintf("spectra: %d gains for %d columns", len(g), m.Cols))
	}
	for r := range m.Rows {
		row := m.row(r)
		for i := range row {
			row[i] *= g[i]
		}
	}
}

// ScaleHeads multiplies row i of each head by g[i], g (head_dim): the gain of a
// norm of queries or keys, folded into their projection.
func (m Matrix) ScaleHeads(g []float64) {
	if m.Rows%len(g) != 0 {
		panic(fmt.Sprintf("spectra: %d gains for heads of %d rows in all", len(g), m.Rows))
	}
	for r := range m.Rows {
		row := m.row(r)
		for i := range row {
			row[i] *= g[r%len(g)]
		}
	}
}

func (m Matrix) row(r int) []float64 { return m.Data[r*m.Cols : (r+1)*m.Cols] }

// rows lends rows [lo, hi).
func (m Matrix) rows(lo, hi int) Matrix {
	return Matrix{hi - lo, m.Cols, m.Data[lo*m.Cols : hi*m.Cols]}
}

// cols copies columns [lo, hi).
func (m Matrix) cols(lo, hi int) Matrix {
	c := NewMatrix(m.Rows, hi-lo)
	for r := range m.Rows {
		copy(c.row(r), m.row(r)[lo:hi])
	}
	return c
}

func (m Matrix) transposed() Matrix {
	t := NewMatrix(m.Cols, m.Rows)
	for r := range m.Rows {
		for c, v := range m.row(r) {
			t.Data[c*m.Rows+r] = v
		}
	}
	return t
}

// times is op(m) op(n) by the solver, op a transposition where told.
func (m Matrix) times(s Solver, transM bool, n Matrix, transN bool) Matrix {
	rows, inner := m.Rows, m.Cols
	if transM {
		rows, inner = inner, rows
	}
	check, cols := n.Rows, n.Cols
	if transN {
		check, cols = cols, check
	}
	if check != inner {
		panic(fmt.Sprintf("spectra: a product of (%d, %d) and (%d, %d)", rows, inner, check, cols))
	}
	return Matrix{rows, cols, s.Multiply(m.Data, transM, n.Data, transN, rows, inner, cols)}
}

// lower is L (m.Rows, k), k = min(m.Rows, m.Cols), of m = L Q with orthonormal
// rows of Q (k, m.Cols): of a wide m all that its singular values depend on. A
// tall m is its own. By Householder reflections, so that small singular values
// keep their accuracy, which a Gram matrix would square.
func (m Matrix) lower() Matrix {
	if m.Rows > m.Cols {
		return m
	}
	a := m.Clone()
	general := blas64.General{Rows: a.Rows, Cols: a.Cols, Stride: max(1, a.Cols), Data: a.Data}
	tau, work := make([]float64, m.Rows), make([]float64, 1)
	lapack64.Gelqf(general, tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack64.Gelqf(general, tau, work, len(work))
	l := NewMatrix(m.Rows, m.Rows)
	for r := range m.Rows {
		copy(l.row(r)[:r+1], a.row(r))
	}
	return l
}

// singularValues are those of m, which is overwritten.
func (m Matrix) singularValues(s Solver) ([]float64, error) {
	return s.SingularValues(m.Data, m.Rows, m.Cols)
}
