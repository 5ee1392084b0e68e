package spectra

import (
	"cmp"
	"fmt"
	"math"
	"math/cmplx"
	"slices"

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
//	s B A = Q_B (s R_B R_Aᵀ) Q_Aᵀ    so that its singular values are those of s R_B R_Aᵀ
//	s B A x = λ x                    has the nonzero eigenvalues of s A B
//
// Singular values are right to a few units of rounding of the largest, whatever
// the rank. With vectors it also finds the singular vectors. The error says that
// a decomposition did not converge, or that a product is too large for float64.
func Decompose(f *Factors, vectors bool) (*Update, error) {
	u := &Update{Rank: f.Rank, In: f.In, Out: f.Out}
	a := widenRows(f.A, f.Rank, f.In)     // (r, in)
	b := widenColumns(f.B, f.Out, f.Rank) // (r, out)
	var err error
	if f.In == f.Out {
		if u.Eigen, err = f.eigen(a, b); err != nil {
			return nil, err
		}
	}
	qa, qb := newReflections(a, f.In), newReflections(b, f.Out) // L_A = R_Aᵀ, L_B = R_Bᵀ
	la, lb := mat.NewDense(f.Rank, qa.k, qa.l), mat.NewDense(f.Rank, qb.k, qb.l)
	var core mat.Dense // (kb, ka)
	core.Mul(lb.T(), la)
	core.Scale(f.Scale, &core)
	kind := mat.SVDNone
	if vectors {
		kind = mat.SVDThin
	}
	if !finiteAll(core.RawMatrix().Data) {
		return nil, fmt.Errorf("its product B A is too large for float64")
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
	return u, nil
}

// eigen is the spectrum of s B A (n, n) from a (r, n) and bᵀ (r, n).
func (f *Factors) eigen(a, b [][]float64) ([]complex128, error) {
	product := make([]float64, f.Rank*f.Rank) // (r, r): A B
	for i, row := range a {
		dots(product[i*f.Rank:(i+1)*f.Rank], row, b)
	}
	for i := range product {
		product[i] *= f.Scale
	}
	if !finiteAll(product) {
		return nil, fmt.Errorf("its product A B is too large for float64")
	}
	values, err := eigenvalues(product, f.Rank)
	return values[:min(len(values), f.In)], err // beyond n they are those that A B has more than B A: zeros
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

func finiteAll(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}
