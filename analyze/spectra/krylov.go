package spectra

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas64"
)

// The leading values of a matrix from its products with vectors alone: for the
// largest few of a 4096 x 4096 matrix, or of W + s B A without forming it. Both
// iterations work on blocks of vectors, wider than the number of values asked
// for, so that no multiple value is met less often than it occurs; keep their bases
// orthonormal in full; restart with the better half of what they know; and check
// what they return by fresh products. A result is either within the tolerance, which
// bounds the backward error as that of a dense routine is bounded, or an error.

// Map is a real matrix M (Rows, Cols) known by what it does. Vectors are rows.
type Map struct {
	Rows, Cols int
	Apply      func(x []float64, n int) []float64 // x (n, Cols) to x M' (n, Rows)
	Adjoint    func(x []float64, n int) []float64 // x (n, Rows) to x M (n, Cols); Eigenvalues do without
}

// DenseMap is a matrix a (m, n), multiplied by s; a must stay as it is.
func DenseMap(s Solver, a []float64, m, n int) Map {
	if len(a) != m*n {
		panic(fmt.Sprintf("spectra: %d values for a matrix (%d, %d)", len(a), m, n))
	}
	return Map{Rows: m, Cols: n,
		Apply:   func(x []float64, count int) []float64 { return s.Multiply(x, false, a, true, count, n, m) },
		Adjoint: func(x []float64, count int) []float64 { return s.Multiply(x, false, a, false, count, m, n) },
	}
}

// SumMap is the sum of maps of one shape: W and s B A.
func SumMap(maps ...Map) Map {
	sum := func(of func(Map) func([]float64, int) []float64) func([]float64, int) []float64 {
		return func(x []float64, n int) []float64 {
			total := of(maps[0])(x, n)
			for _, m := range maps[1:] {
				for i, v := range of(m)(x, n) {
					total[i] += v
				}
			}
			return total
		}
	}
	for _, m := range maps[1:] {
		if m.Rows != maps[0].Rows || m.Cols != maps[0].Cols {
			panic(fmt.Sprintf("spectra: the sum of maps (%d, %d) and (%d, %d)", maps[0].Rows, maps[0].Cols, m.Rows, m.Cols))
		}
	}
	return Map{Rows: maps[0].Rows, Cols: maps[0].Cols, Apply: sum(apply), Adjoint: sum(adjoint)}
}

// ProductMap is the product of maps, the last one applied first, times a scale:
// W_O and W_V, or B and A.
func ProductMap(scale float64, maps ...Map) Map {
	last := len(maps) - 1
	for i := range last {
		if maps[i].Cols != maps[i+1].Rows {
			panic(fmt.Sprintf("spectra: the product of maps (%d, %d) and (%d, %d)", maps[i].Rows, maps[i].Cols, maps[i+1].Rows, maps[i+1].Cols))
		}
	}
	scaled := func(x []float64) []float64 {
		for i := range x {
			x[i] *= scale
		}
		return x
	}
	return Map{Rows: maps[0].Rows, Cols: maps[last].Cols,
		Apply: func(x []float64, n int) []float64 {
			for i := last; i >= 0; i-- {
				x = maps[i].Apply(x, n)
			}
			return scaled(x)
		},
		Adjoint: func(x []float64, n int) []float64 {
			for _, m := range maps {
				x = m.Adjoint(x, n)
			}
			return scaled(x)
		},
	}
}

func apply(m Map) func([]float64, int) []float64   { return m.Apply }
func adjoint(m Map) func([]float64, int) []float64 { return m.Adjoint }

// Krylov says how leading values are looked for. The zero value of a field is its default.
type Krylov struct {
	Seed      uint64  // of the vectors it starts from; same seed, same bytes
	Tolerance float64 // of residuals, relative to the norm of M: 1e-12
	Basis     int     // vectors kept at most: as the number of values needs
	Products  int     // of M, or M', with a vector at most: 40 times the side, and 4000 at least
}

const (
	oversample       = 2 // vectors of a block beyond the values asked for
	defaultTolerance = 1e-12
	defaultBasis     = 320   // vectors; random matrices converge slowly in fewer
	deflation        = 1e-14 // of the norm: what is left of a vector that the basis already spans
)

// withDefaults for k values of a map of the given smaller side.
func (o Krylov) withDefaults(k, side int) Krylov {
	if o.Tolerance == 0 {
		o.Tolerance = defaultTolerance
	}
	if o.Basis == 0 {
		o.Basis = defaultBasis
	}
	o.Basis = max(o.Basis, 6*(k+oversample))
	if o.Products == 0 {
		o.Products = max(40*side, 4000)
	}
	return o
}

// NotConverged says how far an iteration came.
type NotConverged struct {
	What      string
	Asked     int
	Converged int // how many leading values are within the tolerance
	Products  int
	Residual  float64 // the largest of those asked for, relative to the norm
	Tolerance float64
}

func (e *NotConverged) Error() string {
	return fmt.Sprintf("%s: %d of the %d leading ones converged in %d products: the residual of the rest is %.1e of the norm, not %.0e",
		e.What, e.Converged, e.Asked, e.Products, e.Residual, e.Tolerance)
}

// basis is a list of orthonormal vectors, one a row.
type basis struct {
	solver Solver
	rng    *rand.Rand
	dim    int       // of a vector
	rows   []float64 // (count, dim)
}

func newBasis(s Solver, seed uint64, dim, most int) *basis {
	return &basis{solver: s, rng: rand.New(rand.NewPCG(seed, uint64(dim))), dim: dim, rows: make([]float64, 0, most*dim)}
}

func (b *basis) count() int { return len(b.rows) / b.dim }

// random are n vectors of a normal distribution.
func (b *basis) random(n int) []float64 {
	x := make([]float64, n*b.dim)
	for i := range x {
		x[i] = b.rng.NormFloat64()
	}
	return x
}

// extend appends an orthonormal basis Q of what x (n, dim) has outside the span
// of the basis V, and returns coefficients with x = onto V + across Q: onto (n, count),
// across (n, n) lower triangular. A vector of which nothing above the threshold is left
// adds a random direction instead, with coefficient 0; where the basis is full
// already, nothing. x is overwritten.
func (b *basis) extend(x []float64, n int, threshold float64) (onto, across []float64, added int) {
	count := b.count()
	onto = make([]float64, n*count)
	if count > 0 {
		for range 2 { // twice is enough (Kahan; Giraud et al. 2005)
			c := b.solver.Multiply(x, false, b.rows, true, n, b.dim, count)
			for i, v := range b.solver.Multiply(c, false, b.rows, false, n, count, b.dim) {
				x[i] -= v
			}
			for i, v := range c {
				onto[i] += v
			}
		}
	}
	added = min(n, b.dim-count)
	across = make([]float64, n*n)
	for i := range n {
		v := x[i*b.dim : (i+1)*b.dim]
		for j, c := range b.project(v, count, min(i, added)) {
			across[i*n+j] += c
		}
		if i >= added {
			continue
		}
		length := norm(v)
		if length <= threshold {
			length = 0
			b.replace(v)
		} else {
			blas64.Scal(1/length, blas64.Vector{N: len(v), Data: v, Inc: 1})
		}
		across[i*n+i] = length
		b.rows = append(b.rows, v...)
	}
	return onto, across, added
}

// project takes from v its part along the n vectors from the given one on, and
// returns its coefficients. Where little is left it takes rounding along the others, too.
func (b *basis) project(v []float64, from, n int) []float64 {
	before := norm(v)
	c := b.subtract(v, from, n)
	if after := norm(v); after < before/2 {
		b.subtract(v, 0, from)
		for j, d := range b.subtract(v, from, n) {
			c[j] += d
		}
		b.subtract(v, 0, from)
	}
	return c
}

// subtract takes from v its components along the n vectors from the given one on.
func (b *basis) subtract(v []float64, from, n int) []float64 {
	c := make([]float64, n)
	x := blas64.Vector{N: b.dim, Data: v, Inc: 1}
	for j := range c {
		u := blas64.Vector{N: b.dim, Data: b.rows[(from+j)*b.dim : (from+j+1)*b.dim], Inc: 1}
		c[j] = blas64.Dot(u, x)
		blas64.Axpy(-c[j], u, x)
	}
	return c
}

// replace makes v a random unit vector outside the span.
func (b *basis) replace(v []float64) {
	copy(v, b.random(1))
	for range 3 {
		b.subtract(v, 0, b.count())
		blas64.Scal(1/norm(v), blas64.Vector{N: len(v), Data: v, Inc: 1})
	}
}

// combine replaces the first q vectors V by z' V, z (q, keep), and keeps those after.
func (b *basis) combine(z []float64, q, keep int) {
	made := b.solver.Multiply(z, true, b.rows[:q*b.dim], false, keep, q, b.dim)
	rest := b.rows[q*b.dim:]
	b.rows = append(append(b.rows[:0], made...), rest...) // made is no longer than what it replaces
}

func norm(v []float64) float64 { return blas64.Nrm2(blas64.Vector{N: len(v), Data: v, Inc: 1}) }

// checkLeading says what is wrong with the number of values asked for.
func checkLeading(what string, k, side int, o Krylov) error {
	switch {
	case k < 1 || k > side:
		return fmt.Errorf("%s: %d leading ones of %d", what, k, side)
	case o.Tolerance < 1e-14 || math.IsNaN(o.Tolerance):
		return fmt.Errorf("%s: a tolerance of %g is below the rounding of float64", what, o.Tolerance)
	}
	return nil
}

// finite reports whether all values are.
func finite(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
