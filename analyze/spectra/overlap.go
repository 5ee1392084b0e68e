package spectra

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Sides of an update that Overlap compares.
const (
	Left  = "left"  // column space: what the update writes, left singular vectors
	Right = "right" // row space: what it reads, right singular vectors
)

// maxSubspace bounds the subspaces compared: of the many directions of a very
// large rank the last say little, and comparing them costs its square.
const maxSubspace = 64

// Overlaps compares two updates, decomposed with vectors: on each side that has
// one dimension in both, the leading directions and the whole of their subspaces
// (numerical ranks, at most 64 directions). pair says what is compared. An update
// that is zero has no subspace, and gives nothing.
func Overlaps(a, b *Update, pair Overlap) []Overlap {
	ranks := [2]int{a.subspace(), b.subspace()}
	if ranks[0] == 0 || ranks[1] == 0 {
		return nil
	}
	var list []Overlap
	add := func(side string, x, y [][]float64) {
		x, y = x[:ranks[0]], y[:ranks[1]]
		c := cross(x, y)
		list = append(list, compare(c, x[:1], y[:1], side, pair))
		if ranks != [2]int{1, 1} {
			list = append(list, compare(c, x, y, side, pair))
		}
	}
	if a.Out == b.Out {
		add(Left, a.U, b.U)
	}
	if a.In == b.In {
		add(Right, a.V, b.V)
	}
	return list
}

// subspace is how many leading directions are compared.
func (u *Update) subspace() int { return min(u.Measures().NumericalRank, maxSubspace) }

// compare the spans of x (i, d) and y (j, d), orthonormal rows, whose inner
// products are in the corner (i, j) of c.
func compare(c [][]float64, x, y [][]float64, side string, pair Overlap) Overlap {
	pair.Side, pair.RankA, pair.RankB = side, len(x), len(y)
	pair.Random = float64(max(len(x), len(y))) / float64(len(x[0]))
	sum := 0.0
	for _, row := range c[:len(x)] {
		for _, v := range row[:len(y)] {
			sum += v * v
		}
	}
	pair.Phi = sum / float64(min(len(x), len(y)))
	pair.Angles = PrincipalAngles(x, y)
	return pair
}

// cross is x yᵀ (i, j) for rows of one length.
func cross(x, y [][]float64) [][]float64 {
	c, _ := newRows(len(x), len(y))
	for i, row := range x {
		dots(c[i], row, y)
	}
	return c
}

// PrincipalAngles are the angles between the spans of x (i, d) and y (j, d), rows
// orthonormal, from the smallest, in radians: min(i, j) of them. Those below 45
// degrees are taken from their sines, since a cosine near 1 knows an angle to
// 1e-8 only (Björck and Golub 1973; Knyazev and Argentati 2002).
func PrincipalAngles(x, y [][]float64) []float64 {
	if len(x) < len(y) {
		x, y = y, x
	}
	c := cross(y, x) // (j, i), j <= i
	cosines := singular(c, len(x))
	angles := make([]float64, len(y))
	var sines []float64
	for k, v := range cosines {
		if v*v <= 0.5 {
			angles[k] = math.Acos(v)
			continue
		}
		if sines == nil {
			sines = outside(c, x, y)
		}
		angles[k] = math.Asin(min(sines[k], 1))
	}
	return angles
}

// outside are the singular values, from the smallest, of what of y (j, d) lies
// outside the span of x (i, d), c (j, i) being their inner products.
func outside(c, x, y [][]float64) []float64 {
	rest, _ := newRows(len(y), len(y[0]))
	for k := range rest {
		copy(rest[k], y[k])
		for i, v := range c[k] {
			subtract(rest[k], v, x[i])
		}
	}
	q := newReflections(rest, len(y[0]))
	values := singularOf(mat.NewDense(q.r, q.k, q.l))
	slices.Reverse(values)
	return values
}

// singular values of rows (m, n), from the largest.
func singular(rows [][]float64, n int) []float64 {
	return singularOf(mat.NewDense(len(rows), n, slices.Concat(rows...)))
}

func singularOf(m *mat.Dense) []float64 {
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDNone) { // a small matrix of finite values converges
		panic("spectra: singular values of a small matrix did not converge")
	}
	return svd.Values(nil)
}
