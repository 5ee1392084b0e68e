package spectra

import "math"

// reflections is the decomposition x = L Q of a wide matrix x (r, n), L (r, k)
// lower trapezoidal, Q (k, n) with orthonormal rows, k = min(r, n), by
// Householder reflections (Golub and Van Loan, Matrix Computations, 5.2.2):
//
//	x H_1 ... H_k = [L 0],  H_j = I - tau_j v_jᵀ v_j,  v_j = x_j - beta_j e_j
//
// It is backward stable whatever the rank of x, a row of zeros included; the
// Gram matrix of x would lose half of the digits of its small singular values.
type reflections struct {
	r, n, k int
	v       [][]float64 // (k) rows v_j from place j on: (n - j)
	tau     []float64   // (k)
	l       []float64   // (r, k)
}

// newReflections takes x apart, and overwrites it.
func newReflections(x [][]float64, n int) *reflections {
	r := len(x)
	q := &reflections{r: r, n: n, k: min(r, n)}
	q.tau, q.l = make([]float64, q.k), make([]float64, r*q.k)
	q.v = make([][]float64, q.k)
	for j := range q.k {
		v := x[j][j:]
		beta, tau := reflector(v)
		q.v[j], q.tau[j], q.l[j*q.k+j] = v, tau, beta
		for i := j + 1; i < r; i++ {
			reflect(x[i][j:], v, tau)
			q.l[i*q.k+j] = x[i][j]
		}
	}
	return q
}

// reflector turns the row v into that of a reflection which takes it to beta
// times the first unit vector; tau = 0, the identity, where it is zero.
func reflector(v []float64) (beta, tau float64) {
	norm := math.Sqrt(dot(v, v))
	if norm == 0 {
		return 0, 0
	}
	beta = -math.Copysign(norm, v[0]) // the sign that does not cancel
	v[0] -= beta
	return beta, -1 / (beta * v[0]) // 2 / |v|²
}

// reflect multiplies a row, of the length of v, with I - tau vᵀ v.
func reflect(row, v []float64, tau float64) {
	if tau != 0 {
		subtract(row, tau*dot(v, row), v)
	}
}

// times is c Q (m, n) for c (m, k), row-major, as rows.
func (q *reflections) times(c []float64, m int) [][]float64 {
	rows, _ := newRows(m, q.n)
	for i := range rows {
		copy(rows[i], c[i*q.k:(i+1)*q.k])
	}
	for j := q.k - 1; j >= 0; j-- {
		for _, row := range rows {
			reflect(row[j:], q.v[j], q.tau[j])
		}
	}
	return rows
}
