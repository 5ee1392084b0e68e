package spectra

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// reflected is H D H, H = 1 - 2 v v' with a random unit v, D with the leading
// values given (a, b: the block of the pair a + bi, a - bi) and small ones after them.
func reflected(rng *rand.Rand, n int, leading [][2]float64) Matrix {
	m, at := NewMatrix(n, n), 0
	for _, v := range leading {
		m.Data[at*n+at] = v[0]
		if v[1] != 0 {
			m.Data[at*n+at+1], m.Data[(at+1)*n+at], m.Data[(at+1)*n+at+1] = v[1], -v[1], v[0]
			at++
		}
		at++
	}
	for ; at < n; at++ {
		m.Data[at*n+at] = 0.1 * rng.Float64()
	}
	v := random(rng, 1, n).Data
	blas64.Scal(1/norm(v), blas64.Vector{N: n, Data: v, Inc: 1})
	vector := blas64.Vector{N: n, Data: v, Inc: 1}
	general := blas64.General{Rows: n, Cols: n, Stride: n, Data: m.Data}
	image := blas64.Vector{N: n, Data: make([]float64, n), Inc: 1}
	blas64.Gemv(blas.Trans, 1, general, vector, 0, image) // D' v
	blas64.Ger(-2, vector, image, general)
	blas64.Gemv(blas.NoTrans, 1, general, vector, 0, image)
	blas64.Ger(-2, image, vector, general)
	return m
}

// TestLeadingOfLarge: matrices large enough for products in place of a
// decomposition, with values known by construction, to 1e-11 of the norm.
func TestLeadingOfLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	m := reflected(rng, krylovPaysEigen, [][2]float64{{-3, 0}, {2, 1}, {1, 0}, {0.4, 0.3}})
	if !m.few(4, krylovPaysEigen) || m.few(4, krylovPaysEigen+1) || m.few(krylovPaysEigen/krylovShare+1, 1) {
		t.Fatal("the wrong way for this size")
	}
	eig, err := m.leadingEigenvalues(Gonum{}, 5)
	if err != nil {
		t.Fatal(err)
	}
	setNear(t, "leading", eig, [][2]float64{{-3, 0}, {2, 1}, {2, -1}, {1, 0}, {0.4, 0.3}, {0.4, -0.3}}, 3e-11)
	if _, err := LeadingEigenvalues(Gonum{}, m.asMap(Gonum{}), 5, Krylov{Products: m.Rows / 2}); err != nil {
		t.Error("the decomposition was needed after all:", err)
	}
	d, err := topTriplets(Gonum{}, m, 3) // of a normal matrix: the moduli
	if err != nil {
		t.Fatal(err)
	}
	listNear(t, "leading", d.S, []float64{3, 2.23606797749979, 2.23606797749979}, 3e-11)
	triplets(t, "leading", m, d.U.Data, d.S, d.V.Data)
	sv, err := m.largest(Gonum{}, 4)
	if err != nil {
		t.Fatal(err)
	}
	listNear(t, "largest", sv, []float64{3, 2.23606797749979, 2.23606797749979, 1}, 3e-11)
}
