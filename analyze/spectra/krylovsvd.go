package spectra

import (
	"fmt"
	"math"
)

// LeadingSVD returns the k largest singular values of M from the largest, and
// their vectors: u (Rows, k), s (k), vt (k, Cols). For each, |M v - s u| and
// |M' u - s v| are within 10 tolerances of s[0]; so are the errors of s, whatever M is. Where
// fewer converge it returns those, with a NotConverged.
//
// Golub and Kahan's bidiagonalisation on blocks, with thick restarts (Golub,
// Luk and Overton 1981; Baglama and Reichel 2005): M V = U R and
// M' U = V R' + V_next C with U, V orthonormal.
func LeadingSVD(solver Solver, m Map, k int, o Krylov) (u, s, vt []float64, err error) {
	const what = "singular values"
	o = o.withDefaults(k, min(m.Rows, m.Cols))
	if err := checkLeading(what, k, min(m.Rows, m.Cols), o); err != nil {
		return nil, nil, nil, err
	}
	if m.Rows < m.Cols { // the transpose, so that u never fills up before v
		t := Map{Rows: m.Cols, Cols: m.Rows, Apply: m.Adjoint, Adjoint: m.Apply}
		v, s, ut, err := LeadingSVD(solver, t, k, o)
		return transpose(ut, len(s), m.Rows), s, transpose(v, m.Cols, len(s)), err
	}
	g := newBidiagonal(solver, m, k, o)
	converged, err := g.iterate()
	if err != nil {
		return nil, nil, nil, err
	}
	if u, s, vt, err = g.triplets(converged); err == nil && converged < k {
		err = &NotConverged{What: what, Asked: k, Converged: converged, Products: g.products, Residual: g.residual, Tolerance: o.Tolerance}
	}
	return u, s, vt, err
}

// bidiagonal is the state of the iteration: q columns of V with their images.
type bidiagonal struct {
	solver   Solver
	m        Map
	k, block int
	o        Krylov
	most, q  int
	u, v     *basis
	r        []float64 // (most, most), of which (q, q): M V = U R
	c        []float64 // (b, next): M' of the last b vectors of U is V R' + c V_next
	last     int       // b
	products int
	scale    float64   // |M| as far as it is seen
	left     []float64 // (q, q): the left singular vectors of R, by columns
	sigma    []float64 // (q)
	right    []float64 // (q, q): the right ones, by rows
	residual float64   // of the worst of the k leading ones, relative to the largest
}

func newBidiagonal(s Solver, m Map, k int, o Krylov) *bidiagonal {
	block := min(k+oversample, m.Cols)
	most := min(o.Basis, m.Cols)
	g := &bidiagonal{solver: s, m: m, k: k, block: block, o: o, most: most, r: make([]float64, most*most),
		u: newBasis(s, o.Seed, m.Rows, most), v: newBasis(s, o.Seed, m.Cols, most+block)}
	g.v.extend(g.v.random(block), block, 0)
	return g
}

// iterate returns how many leading triplets converged.
func (g *bidiagonal) iterate() (int, error) {
	confirmed := false
	for next := 0; ; {
		if g.q+g.pending() > g.most {
			g.restart()
		}
		if err := g.expand(); err != nil {
			return 0, err
		}
		whole := g.pending() == 0
		full := g.q+g.pending() > g.most
		if g.q < g.k || g.q < next && !whole && !full {
			continue
		}
		next = g.q + max(g.block, g.q/4)
		converged, err := g.check()
		if err != nil {
			return 0, err
		}
		done := converged == g.k
		if whole || done && confirmed || g.products >= g.o.Products {
			return converged, nil
		}
		confirmed = done
	}
}

// pending is the number of vectors of V that M is still to be applied to.
func (g *bidiagonal) pending() int { return g.v.count() - g.q }

// expand applies M to the pending vectors of V, and M' to what comes of them.
func (g *bidiagonal) expand() error {
	q, b := g.q, g.pending()
	x := g.m.Apply(g.v.rows[q*g.v.dim:], b) // (b, Rows)
	if !finite(x) {
		return fmt.Errorf("singular values: a product with the matrix is not finite")
	}
	for i := range b {
		g.scale = max(g.scale, norm(x[i*g.m.Rows:(i+1)*g.m.Rows]))
	}
	onto, across, _ := g.u.extend(x, b, deflation*g.scale)
	for j := range b {
		for i := range q {
			g.r[i*g.most+q+j] = onto[j*q+i]
		}
		for i := range j + 1 {
			g.r[(q+i)*g.most+q+j] = across[j*b+i]
		}
	}
	y := g.m.Adjoint(g.u.rows[q*g.u.dim:], b) // (b, Cols)
	if !finite(y) {
		return fmt.Errorf("singular values: a product with the transpose is not finite")
	}
	_, g.c, _ = g.v.extend(y, b, deflation*g.scale)
	g.q, g.last, g.products = q+b, b, g.products+2*b
	return nil
}

// check decomposes R and counts the leading triplets that are within the tolerance.
func (g *bidiagonal) check() (converged int, err error) {
	q := g.q
	small := make([]float64, q*q)
	for i := range q {
		copy(small[i*q:(i+1)*q], g.r[i*g.most:])
	}
	if g.left, g.sigma, g.right, err = g.solver.SVD(small, q, q); err != nil {
		return 0, err
	}
	g.residual = 0
	for i := range g.k {
		rest := make([]float64, g.last) // C' y of the last block
		for j := range g.last {
			for p := range g.last {
				rest[p] += g.left[(q-g.last+j)*q+i] * g.c[j*g.last+p]
			}
		}
		residual := norm(rest)
		if residual <= g.o.Tolerance*g.sigma[0] && converged == i {
			converged++
		}
		if g.sigma[0] > 0 {
			g.residual = max(g.residual, residual/g.sigma[0])
		}
	}
	return converged, nil
}

// restart keeps the better half of the triplets; the pending vectors stay.
func (g *bidiagonal) restart() {
	keep := g.k + (g.q-g.k)/2
	keep = min(keep, g.most-g.pending())
	g.u.combine(columns(g.left, g.q, keep), g.q, keep)
	g.v.combine(columns(transpose(g.right, g.q, g.q), g.q, keep), g.q, keep)
	clear(g.r)
	for i := range keep {
		g.r[i*g.most+i] = g.sigma[i]
	}
	g.q = keep
}

// triplets are the n leading ones, checked by fresh products.
func (g *bidiagonal) triplets(n int) (u, s, vt []float64, err error) {
	if n == 0 {
		return nil, nil, nil, nil
	}
	ut := g.solver.Multiply(columns(g.left, g.q, n), true, g.u.rows[:g.q*g.m.Rows], false, n, g.q, g.m.Rows)
	vt = g.solver.Multiply(g.right[:n*g.q], false, g.v.rows[:g.q*g.m.Cols], false, n, g.q, g.m.Cols)
	s = g.sigma[:n:n]
	forth, back := g.m.Apply(vt, n), g.m.Adjoint(ut, n)
	for i := range n {
		worst := max(distance(forth, ut, i, g.m.Rows, s[i]), distance(back, vt, i, g.m.Cols, s[i]))
		if !(worst <= 10*g.o.Tolerance*s[0]) {
			return nil, nil, nil, fmt.Errorf("singular values: number %d, %g, has a residual of %.1e of the norm when checked, not %.0e", i, s[i], worst/s[0], 10*g.o.Tolerance)
		}
	}
	return transpose(ut, n, g.m.Rows), s, vt, nil
}

// distance is |x_i - s y_i| of rows i.
func distance(x, y []float64, i, dim int, s float64) float64 {
	var sum float64
	for j := i * dim; j < (i+1)*dim; j++ {
		d := x[j] - s*y[j]
		sum += d * d
	}
	return math.Sqrt(sum)
}

// columns are the first n of x (q, q).
func columns(x []float64, q, n int) []float64 {
	y := make([]float64, q*n)
	for i := range q {
		copy(y[i*n:(i+1)*n], x[i*q:])
	}
	return y
}

// transpose of x (rows, cols).
func transpose(x []float64, rows, cols int) []float64 {
	y := make([]float64, len(x))
	for i := range rows {
		for j := range cols {
			y[j*rows+i] = x[i*cols+j]
		}
	}
	return y
}
