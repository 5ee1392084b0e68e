package spectra

import "fmt"

// LeadingEigenvalues returns the k eigenvalues of M (n, n) of the largest modulus,
// from the largest, a complex pair whole and side by side: k+1 values where the last
// one would be cut from its own. They are exact for a matrix within 10 tolerances of
// M, relative to its norm: as for a dense routine, how far that moves them is their
// condition. Where fewer converge it returns those, with a NotConverged.
//
// Arnoldi's iteration on blocks, restarted by Krylov-Schur (Stewart 2001):
// M V = V H + V_next B with V orthonormal; M' is not used.
func LeadingEigenvalues(solver Solver, m Map, k int, o Krylov) ([]complex128, error) {
	const what = "eigenvalues"
	if m.Rows != m.Cols {
		panic(fmt.Sprintf("spectra: eigenvalues of a map (%d, %d)", m.Rows, m.Cols))
	}
	o = o.withDefaults(k, m.Rows)
	if err := checkLeading(what, k, m.Rows, o); err != nil {
		return nil, err
	}
	a := newArnoldi(solver, m, k, o)
	converged, err := a.iterate()
	if err != nil {
		return nil, err
	}
	values, err := a.values(converged)
	if err == nil && converged < k {
		err = &NotConverged{What: what, Asked: k, Converged: converged, Products: a.products, Residual: a.residual, Tolerance: o.Tolerance}
	}
	return values, err
}

// arnoldi is the state of the iteration: q vectors of V with their images.
type arnoldi struct {
	solver   Solver
	m        Map
	k, block int
	o        Krylov
	most, q  int
	v        *basis
	h        []float64 // (most+block, most), of which (q, q) is H and the rows below B: M V = V H + V_next B
	products int
	scale    float64 // |M| as far as it is seen
	form     *schur  // of H, the leading blocks in order
	ordered  int     // rows of them: k, or k+1
	residual float64 // of the worst leading one, relative to scale
}

func newArnoldi(s Solver, m Map, k int, o Krylov) *arnoldi {
	block := min(k+oversample, m.Cols)
	most := min(o.Basis, m.Cols)
	a := &arnoldi{solver: s, m: m, k: k, block: block, o: o, most: most, h: make([]float64, (most+block)*most),
		v: newBasis(s, o.Seed, m.Cols, most+block)}
	a.v.extend(a.v.random(block), block, 0)
	return a
}

// iterate returns how many leading eigenvalues converged.
func (a *arnoldi) iterate() (int, error) {
	confirmed := false
	for next := 0; ; {
		if a.q+a.pending() > a.most {
			a.restart()
		}
		if err := a.expand(); err != nil {
			return 0, err
		}
		whole := a.pending() == 0
		full := a.q+a.pending() > a.most
		if a.q < min(a.k+1, a.m.Cols) || a.q < next && !whole && !full {
			continue
		}
		next = a.q + max(a.block, a.q/4)
		converged, err := a.check()
		if err != nil {
			return 0, err
		}
		done := converged == a.ordered
		if whole || done && confirmed || a.products >= a.o.Products {
			return converged, nil
		}
		confirmed = done
	}
}

// pending is the number of vectors of V that M is still to be applied to.
func (a *arnoldi) pending() int { return a.v.count() - a.q }

// expand applies M to the pending vectors.
func (a *arnoldi) expand() error {
	q, b := a.q, a.pending()
	x := a.m.Apply(a.v.rows[q*a.v.dim:], b) // (b, n)
	if !finite(x) {
		return fmt.Errorf("eigenvalues: a product with the matrix is not finite")
	}
	for i := range b {
		a.scale = max(a.scale, norm(x[i*a.m.Rows:(i+1)*a.m.Rows]))
	}
	onto, across, added := a.v.extend(x, b, deflation*a.scale)
	for j := range b {
		for i := range q + b {
			a.h[i*a.most+q+j] = onto[j*(q+b)+i]
		}
		for i := range added {
			a.h[(q+b+i)*a.most+q+j] = across[j*b+i]
		}
	}
	a.q, a.products = q+b, a.products+b
	return nil
}

// check orders the Schur form of H and counts the leading eigenvalues whose
// residual, |B z| of their Schur vector z, is within the tolerance.
func (a *arnoldi) check() (converged int, err error) {
	q := a.q
	small := make([]float64, q*q)
	for i := range q {
		copy(small[i*q:(i+1)*q], a.h[i*a.most:])
	}
	if a.form, err = newSchur(a.solver, small, q); err != nil {
		return 0, err
	}
	a.ordered = a.form.sort(a.k)
	a.residual = 0
	for i := 0; i < a.ordered; {
		size := a.form.size(i)
		var worst float64
		for j := i; j < i+size; j++ {
			worst = max(worst, norm(a.coupling(j)))
		}
		if worst <= a.o.Tolerance*a.scale && converged == i {
			converged += size
		}
		if a.scale > 0 {
			a.residual = max(a.residual, worst/a.scale)
		}
		i += size
	}
	return converged, nil
}

// coupling is B z (pending) of Schur vector j.
func (a *arnoldi) coupling(j int) []float64 {
	c := make([]float64, a.pending())
	for p := range c {
		row := a.h[(a.q+p)*a.most:]
		for i := range a.q {
			c[p] += row[i] * a.form.z[i*a.q+j]
		}
	}
	return c
}

// restart keeps the better half of the Schur vectors; the pending vectors stay.
func (a *arnoldi) restart() {
	pending := a.pending()
	keep := a.form.sort(min(a.ordered+(a.q-a.ordered)/2, a.most-pending-1))
	b := make([]float64, pending*keep)
	for j := range keep {
		for p, v := range a.coupling(j) {
			b[p*keep+j] = v
		}
	}
	a.v.combine(columns(a.form.z, a.q, keep), a.q, keep)
	clear(a.h)
	for i := range keep {
		copy(a.h[i*a.most:i*a.most+keep], a.form.t[i*a.q:])
	}
	for p := range pending {
		copy(a.h[(keep+p)*a.most:], b[p*keep:(p+1)*keep])
	}
	a.q = keep
}

// values are the n leading ones, their invariant subspace checked by fresh products.
func (a *arnoldi) values(n int) ([]complex128, error) {
	if n == 0 {
		return nil, nil
	}
	dim, q := a.m.Cols, a.q
	vectors := a.solver.Multiply(columns(a.form.z, q, n), true, a.v.rows[:q*dim], false, n, q, dim) // (n, dim)
	t := make([]float64, n*n)
	for i := range n {
		copy(t[i*n:(i+1)*n], a.form.t[i*q:])
	}
	image, inside := a.m.Apply(vectors, n), a.solver.Multiply(t, true, vectors, false, n, n, dim)
	for i := range n {
		if r := distance(image, inside, i, dim, 1); !(r <= 10*a.o.Tolerance*a.scale) {
			return nil, fmt.Errorf("eigenvalues: number %d has a residual of %.1e of the norm when checked, not %.0e", i, r/a.scale, 10*a.o.Tolerance)
		}
	}
	var values []complex128
	for i := 0; i < n; i += a.form.size(i) {
		v := a.form.value(i)
		values = append(values, v)
		if a.form.size(i) == 2 {
			values = append(values, complex(real(v), -imag(v)))
		}
	}
	return values, nil
}
