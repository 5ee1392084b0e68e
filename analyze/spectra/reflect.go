package spectra

import "math"

// reflections is the decomposition x = L Q of a wide matrix x (r, n), L (r, k)
// lower trapezoidal, Q (k, n) with orthonormal rows, k = min(r, n), by
// Householder reflections (Golub and Van Loan, Matrix Computations, 5.2.2):
//
//	x H_1 ... H_k = [L 0],  H_j = I - tau_j v_jᵀ v_j
//
// It is backward stable whatever the rank of x, a row of zeros included; the
// Gram matrix of x would lose half of the digits of its small singular values.
type reflections struct {
	r, n, k int
	v       [][]float64 // (k) rows v_j from place j on: (n - j), the first of them 1
	tau     []float64   // (k)
	l       []float64   // (r, k)
}

// newReflections takes x apart, and overwrites it.
func newReflections(x [][]float64, n int) *reflections {
	r := len(x)
	q := &reflections{r: r, n: n, k: min(r, n)}
	q.tau, q.l = make([]float64, q.k), make([]float64, r*q.k)
	q.v = make([][]float64, q.k)
	rest := make([][]float64, r)
	s := make([]float64, r)
	for j := range q.k {
		v := x[j][j:]
		beta, tau := reflector(v)
		q.v[j], q.tau[j], q.l[j*q.k+j] = v, tau, beta
		below := rest[:0]
		for i := j + 1; i < r; i++ {
			below = append(below, x[i][j:])
		}
		reflect(below, s, v, tau)
		for i, row := range below {
			q.l[(j+1+i)*q.k+j] = row[0]
		}
	}
	return q
}

// reflector turns the row v into that of a reflection which takes it to beta
// times the first unit vector.
func reflector(v []float64) (beta, tau float64) {
	var square [1]float64
	dots(square[:], v, [][]float64{v})
	norm := math.Sqrt(square[0])
	first := v[0]
	v[0] = 1
	if norm == 0 {
		return 0, 0 // v is zero but for its first: the reflection is the identity
	}
	beta = -math.Copysign(norm, first)
	scale := 1 / (first - beta)
	for k := 1; k < len(v); k++ {
		v[k] *= scale
	}
	return beta, (beta - first) / beta
}

// reflect multiplies rows, of the length of v, with I - tau vᵀ v; s is memory of
// their number.
func reflect(rows [][]float64, s, v []float64, tau float64) {
	if tau == 0 {
		return
	}
	s = s[:len(rows)]
	dots(s, v, rows)
	for i := range s {
		s[i] *= tau
	}
	subtract(rows, s, v)
}

// times is c Q (m, n) for c (m, k), row-major, as rows.
func (q *reflections) times(c []float64, m int) [][]float64 {
	rows, _ := newRows(m, q.n)
	for i := range rows {
		copy(rows[i], c[i*q.k:(i+1)*q.k])
	}
	part := make([][]float64, m)
	s := make([]float64, m)
	for j := q.k - 1; j >= 0; j-- {
		for i := range rows {
			part[i] = rows[i][j:]
		}
		reflect(part, s, q.v[j], q.tau[j])
	}
	return rows
}
