package spectra

import (
	"cmp"
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"
)

// Factors are the update s B A of a linear map (out, in), as LoRA stores it (Hu
// et al. 2021, eq. 3).
type Factors struct {
	Rank, In, Out int
	A             []float32 // (r, in)
	B             []float32 // (out, r)
	Scale         float64   // s: alpha/r of PEFT, times what the user scales the adapter with
}

// Update is s B A taken apart without forming it.
type Update struct {
	Rank, In, Out int
	Sigma         []float64    // (min(r, in, out)) singular values, from the largest
	Eigen         []complex128 // (min(r, n)) eigenvalues by modulus, from the largest; nil where in != out
	U, V          [][]float64  // left and right singular vectors as rows (len(Sigma), out) and (len(Sigma), in); nil unless asked for
}

// Decompose finds the spectra of s B A from matrices of the size of r, with
// B = Q_B R_B and Aᵀ = Q_A R_A:
//
//	B A = Q_B (R_B R_Aᵀ) Q_Aᵀ    so that its singular values are those of R_B R_Aᵀ
//	B A x = λ x                  has the nonzero eigenvalues of A B
//
// all times s in the end, so that a scale of 16 gives 16 times the values to the
// last digit. Singular values are right to a few units of rounding of the largest,
// whatever the rank. With vectors it also finds the singular vectors. The error
// says that a decomposition did not converge, or that a value is too large for
// float64.
func Decompose(f *Factors, vectors bool) (*Update, error) {
	u := &Update{Rank: f.Rank, In: f.In, Out: f.Out}
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	a, b := w.widened(f) // (r, in), (r, out)
	var err error
	if f.In == f.Out {
		if u.Eigen, err = productEigenvalues(a, b, f.In); err != nil {
			return nil, err
		}
	}
	qa, qb := newReflections(a, f.In), newReflections(b, f.Out) // L_A = R_Aᵀ, L_B = R_Bᵀ
	var core mat.Dense                                          // (kb, ka)
	core.Mul(mat.NewDense(f.Rank, qb.k, qb.l).T(), mat.NewDense(f.Rank, qa.k, qa.l))
	kind := mat.SVDNone
	if vectors {
		kind = mat.SVDThin
	}
	var svd mat.SVD
	if !svd.Factorize(&core, kind) {
		return nil, fmt.Errorf("the singular values of a %d x %d matrix did not converge", qb.k, qa.k)
	}
	u.Sigma = svd.Values(nil)
	if vectors {
		var left, right mat.Dense // (kb, k), (ka, k)
		svd.UTo(&left)
		svd.VTo(&right)
		u.U, u.V = qb.times(rowsOf(left.T()), len(u.Sigma)), qa.times(rowsOf(right.T()), len(u.Sigma))
	}
	return u, u.scale(f.Scale)
}

// workspace is the memory of one decomposition: of the dozens of an adapter,
// clearing new memory would take as long as computing.
type workspace struct{ memory []float64 }

var workspaces = sync.Pool{New: func() any { return &workspace{} }}

// widened are a (r, in) and bᵀ (r, out) in float64, for one decomposition.
func (w *workspace) widened(f *Factors) (a, b [][]float64) {
	n := f.Rank * f.In
	if size := n + f.Rank*f.Out; cap(w.memory) < size {
		w.memory = make([]float64, size)
	}
	memory := w.memory[:n+f.Rank*f.Out]
	a, b = cut(memory[:n], f.Rank, f.In), cut(memory[n:], f.Rank, f.Out)
	widen(memory[:n], f.A)
	widenColumns(b, f.B)
	return a, b
}

// productEigenvalues are those of B A (n, n) from a (r, n) and bᵀ (r, n).
func productEigenvalues(a, b [][]float64, n int) ([]complex128, error) {
	r := len(a)
	product := make([]float64, r*r) // A B
	for i, row := range a {
		dots(product[i*r:(i+1)*r], row, b)
	}
	values, err := eigenvalues(product, r)
	return values[:min(len(values), n)], err // beyond n they are those that A B has more than B A: zeros
}

// scale multiplies the update.
func (u *Update) scale(s float64) error {
	for i := range u.Sigma {
		u.Sigma[i] *= math.Abs(s)
	}
	for i := range u.Eigen {
		u.Eigen[i] *= complex(s, 0)
	}
	if s < 0 {
		SortEigenvalues(u.Eigen)
		for _, row := range u.U {
			for k := range row {
				row[k] = -row[k]
			}
		}
	}
	if len(u.Sigma) > 0 && math.IsInf(u.Sigma[0], 0) {
		return fmt.Errorf("its largest singular value is beyond float64 at a scale of %g", s)
	}
	return nil
}

// eigenvalues of a small a (n, n), by modulus from the largest.
func eigenvalues(a []float64, n int) ([]complex128, error) {
	var e mat.Eigen
	if !e.Factorize(mat.NewDense(n, n, a), mat.EigenNone) {
		return nil, fmt.Errorf("the eigenvalues of a %d x %d matrix did not converge", n, n)
	}
	values := e.Values(nil)
	SortEigenvalues(values)
	return values, nil
}

// SortEigenvalues orders them by modulus, from the largest, and those of one
// modulus by real and then by imaginary part, so that the order is the same
// whatever found them. The two of a pair have one modulus to the bit.
func SortEigenvalues(values []complex128) {
	slices.SortFunc(values, func(x, y complex128) int {
		return cmp.Or(cmp.Compare(cmplx.Abs(y), cmplx.Abs(x)), cmp.Compare(real(y), real(x)), cmp.Compare(imag(y), imag(x)))
	})
}

// rowsOf is m row-major.
func rowsOf(m mat.Matrix) []float64 {
	r, c := m.Dims()
	x := make([]float64, 0, r*c)
	for i := range r {
		for j := range c {
			x = append(x, m.At(i, j))
		}
	}
	return x
}
