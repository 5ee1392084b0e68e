package analyze

import "math"

// groupRows is how many rows of a reduction are worked on together. Its blocks
// of that size on the diagonal are kept whole, so that every row ends in whole
// vectors.
const groupRows = 8

// reduction makes a symmetric matrix tridiagonal by Householder reflections
// (Golub and Van Loan, Matrix Computations, 8.3.1). Row i, from the last, is
// reflected onto its last coordinate by I - u u'/h; the leading matrix then
// loses q u' + u q' with p = A u/h and q = p - u (u'p)/2h. That update of the
// matrix and its product with the next u are one pass over the memory, four rows
// at a time: this is what makes it several times faster than a general routine
// at n of a few hundred.
type reduction struct {
	n, stride  int
	a          []float64 // (n, stride), rows up to the end of their group on the diagonal
	u, q, v, y []float64 // (n); u and q of the step before, v and y of this one
}

// newReduction returns the reduction of the Gram matrix of c, its first
// reflection chosen: the one that takes the sum of the tokens to the last. See
// newSpectra. It works in the given memory, where that is large enough.
func newReduction(c *Cloud, memory []float64) *reduction {
	n := (c.T + groupRows - 1) / groupRows * groupRows
	r := &reduction{n: c.T, stride: oddLines(n)}
	r.a = sized(memory, n*r.stride)
	r.u, r.q, r.v, r.y = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		row := r.a[i*r.stride:][:(i/groupRows+1)*groupRows]
		if i >= c.T {
			clear(row)
			continue
		}
		clear(row[copy(row, c.Gram[i*c.T:(i+1)*c.T]):])
	}
	direction := 1 / math.Sqrt(float64(c.T))
	last := c.T - 1
	for i := range c.T {
		r.u[i] = direction
		r.y[i] = direction*sum(c.Gram[i*c.T:(i+1)*c.T]) + c.Gram[i*c.T+last]
	}
	r.u[last]++
	r.reflect(c.T, 1+direction)
	return r
}

// oddLines rounds a row of n values up to an odd number of cache lines: rows a
// power of two apart would share a few sets of the cache.
func oddLines(n int) int { return (n+7)/8*8 | 8 }

// tridiagonal returns the diagonal d (n) and the subdiagonal e (n-1), and
// destroys the matrix.
func (r *reduction) tridiagonal() (d, e []float64) {
	d, e = make([]float64, r.n), make([]float64, max(r.n-1, 0))
	for i := r.n - 1; i >= 0; i-- {
		row := r.a[i*r.stride : i*r.stride+i+1] // (i+1)
		for k := range row {
			row[k] -= r.q[i]*r.u[k] + r.u[i]*r.q[k]
		}
		d[i] = row[i]
		if i == 0 {
			break
		}
		h := reflector(r.v[:i], row[:i], &e[i-1])
		for _, vector := range [][]float64{r.u, r.q, r.v} {
			clear(vector[i:min(i+groupRows, len(vector))])
		}
		r.multiply(i)
		r.u, r.v = r.v, r.u
		r.reflect(i, h)
	}
	return d, e
}

// reflect sets q from u, y = A u and h, over the first i coordinates.
func (r *reduction) reflect(i int, h float64) {
	if h == 0 { // the row is zero already: nothing to reflect
		clear(r.u)
		clear(r.q)
		return
	}
	up := dot(r.u[:i], r.y[:i]) / (h * h)
	for k := range i {
		r.q[k] = r.y[k]/h - r.u[k]*up/2
	}
}

// multiply takes the step before from the leading matrix (i, i) and sets y to
// its product with v. Of the rows from i on, in the last group, it makes
// anything: all vectors are zero there.
func (r *reduction) multiply(i int) {
	clear(r.y[:min(i+groupRows, len(r.y))])
	for k := 0; k < i; k += rowsTogether {
		r.updateRows(k)
	}
}

// rowsTogether is how many rows of a group a kernel takes at once.
const rowsTogether = 4

// updateRowsPlain is multiply for the rows from k on. What a row holds left of
// its group stands for its mirror image, too. It is the portable form of
// updateRows and its oracle.
func (r *reduction) updateRowsPlain(k int) {
	first := k / groupRows * groupRows // column of the group
	for i := k; i < k+rowsTogether; i++ {
		row := r.a[i*r.stride:][:first+groupRows]
		u, q, v, y := r.u[:len(row)], r.q[:len(row)], r.v[:len(row)], r.y[:len(row)]
		ui, qi, vi := u[i], q[i], v[i]
		var s float64
		for j := range row {
			row[j] -= qi*u[j] + ui*q[j]
			s += row[j] * v[j]
		}
		for j, a := range row[:first] {
			y[j] += vi * a
		}
		y[i] += s
	}
}

// reflector sets u to the vector whose reflection I - u u'/h takes x to
// (0, ..., 0, end), and returns h = |u|^2/2.
func reflector(u, x []float64, end *float64) (h float64) {
	copy(u, x)
	last := len(x) - 1
	rest := dot(x[:last], x[:last])
	if rest == 0 {
		clear(u)
		*end = x[last]
		return 0
	}
	norm := math.Sqrt(rest + x[last]*x[last])
	*end = -math.Copysign(norm, x[last])
	u[last] -= *end
	return norm * math.Abs(u[last])
}
