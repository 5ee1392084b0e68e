package analyze

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/lapack/gonum"
)

// spectrum holds the squared singular values of a state, descending, zeros
// left out.
type spectrum []float64

// newSpectrum returns the squared singular values of the state behind c: the
// eigenvalues of its Gram matrix. At most min(T, D) of them can be nonzero, and
// those below the rounding of the largest are zero too.
func newSpectrum(c *Cloud) spectrum {
	l := eigenvalues(slices.Clone(c.Gram), c.T) // (T) ascending
	slices.Reverse(l)
	l = l[:c.rank()]
	if len(l) == 0 {
		return nil
	}
	floor := l[0] * float64(c.T) * 0x1p-52
	for i, v := range l {
		if v <= floor {
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

// eigenvalues returns the eigenvalues, ascending, of the symmetric matrix a
// (n, n), of which it reads and destroys the lower triangle. Householder
// reflections make it tridiagonal (Golub and Van Loan, Matrix Computations,
// 8.3.1); LAPACK's dsterf takes the eigenvalues of that.
func eigenvalues(a []float64, n int) []float64 {
	d, e := tridiagonal(a, n)
	if n > 0 && !(gonum.Implementation{}).Dsterf(n, d, e) {
		// The iteration fails only on numbers that are not finite, and a Study
		// lets none in.
		panic("analyze: the eigenvalues of a Gram matrix did not converge")
	}
	return d
}

// tridiagonal reduces the symmetric matrix a (n, n) to its diagonal d (n) and
// subdiagonal e (n-1). Row i, from the last, is reflected onto its last
// coordinate by I - u u'/h; the leading matrix then loses q u' + u q' with
// p = A u/h and q = p - u (u'p)/2h. That update of the matrix and its product
// with the next u are one pass over the memory: this, and contiguous rows, is
// what makes it several times faster than a general routine at n of a few
// hundred.
func tridiagonal(a []float64, n int) (d, e []float64) {
	d, e = make([]float64, n), make([]float64, max(n-1, 0))
	u, q := make([]float64, n), make([]float64, n) // of the step before
	v, y := make([]float64, n), make([]float64, n) // of this step
	for i := n - 1; i >= 0; i-- {
		row := a[i*n : i*n+i+1] // (i+1)
		updateRow(row, u, q, v, y, u[i], q[i], 0)
		d[i] = row[i]
		if i == 0 {
			break
		}
		h := reflector(v[:i], row[:i], &e[i-1])
		clear(y)
		for k := range i {
			y[k] += updateRow(a[k*n:k*n+k], u, q, v, y, u[k], q[k], v[k])
			diagonal := &a[k*n+k]
			*diagonal -= 2 * u[k] * q[k]
			y[k] += *diagonal * v[k]
		}
		u, v = v, u
		if h == 0 { // the row is zero already: nothing to reflect
			clear(u)
			clear(q)
			continue
		}
		up := dotPlain(u[:i], y[:i]) / (h * h)
		for k := range i {
			q[k] = y[k]/h - u[k]*up/2
		}
	}
	return d, e
}

// reflector sets u to the vector whose reflection I - u u'/h takes x to
// (0, ..., 0, end), and returns h = |u|^2/2.
func reflector(u, x []float64, end *float64) (h float64) {
	copy(u, x)
	last := len(x) - 1
	norm := math.Sqrt(dotPlain(x, x))
	if dotPlain(x[:last], x[:last]) == 0 {
		clear(u)
		*end = x[last]
		return 0
	}
	*end = -math.Copysign(norm, x[last])
	u[last] -= *end
	return norm * math.Abs(u[last])
}

// updateRowPlain takes qi u + ui q from the row a, adds vi a to y, and returns
// the inner product of a and v. It is the portable form of updateRow and its
// oracle.
func updateRowPlain(a, u, q, v, y []float64, ui, qi, vi float64) float64 {
	u, q, v, y = u[:len(a)], q[:len(a)], v[:len(a)], y[:len(a)]
	var s float64
	for k := range a {
		a[k] -= qi*u[k] + ui*q[k]
		s += a[k] * v[k]
		y[k] += vi * a[k]
	}
	return s
}
