package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/lapack/gonum"
)

// randomTridiagonal returns a matrix with entries of many sizes and some zeros.
func randomTridiagonal(seed uint64, n int) (d, e []float64) {
	r := rand.New(rand.NewPCG(seed, 4))
	for range n {
		d = append(d, r.NormFloat64()*math.Exp2(-30*r.Float64()))
		e = append(e, r.NormFloat64()*math.Exp2(-30*r.Float64())*float64(r.IntN(8)&1))
	}
	return d, e[:max(n-1, 0)]
}

func TestEigenvaluesAgainstLAPACK(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 24, 25, 130} {
		for seed := range uint64(8) {
			d, e := randomTridiagonal(seed, n)
			scale := math.Exp2(float64(40 * (int(seed) - 4))) // from 1e-48 to 1e36
			for i := range d {
				d[i] *= scale
			}
			for i := range e {
				e[i] *= scale
			}
			want := slices.Clone(d)
			if n > 0 && !(gonum.Implementation{}).Dsterf(n, want, slices.Clone(e)) {
				t.Fatal("LAPACK did not converge")
			}
			for i, got := range eigenvalues(d, e) {
				// A few units of rounding of the largest for either.
				if math.Abs(got-want[i]) > 1e-14*norm1(d, e) {
					t.Errorf("n=%d, seed %d: eigenvalue %d is %v, want %v", n, seed, i, got, want[i])
				}
			}
		}
	}
}

// A matrix of eigenvalues that are known, some of them equal, some zero: the
// bisection must neither lose one nor stop wide.
func TestEigenvaluesByHand(t *testing.T) {
	d, e := []float64{2, 2, 5, 0, 0, 2}, []float64{1, 0, 0, 0, 0}
	want := []float64{0, 0, 1, 2, 3, 5}
	for i, got := range eigenvalues(d, e) {
		if math.Abs(got-want[i]) > 1e-15*8 {
			t.Errorf("eigenvalue %d is %v, want %v", i, got, want[i])
		}
	}
}

func TestCountBelowAgainstPlain(t *testing.T) {
	if countPoints == 0 {
		t.Skip("this build or processor does not count at many points at a time")
	}
	d, e := randomTridiagonal(3, 100)
	b := newBisection(d, e, 0.125)
	for i := range countPoints {
		b.points[i] = math.Cos(float64(i))
	}
	b.count(1)
	dets, counts := make([]det, countPoints), make([]int, countPoints)
	countBelowPlain(dets, counts, b.points[:countPoints], b.d, b.e2)
	for i, want := range dets {
		// 100 factors, with and without a rounding of the products.
		if ratio := b.dets[i].over(want); counts[i] != b.counts[i] || math.Abs(ratio-1) > 1e-10 {
			t.Errorf("point %v: %d below and determinant off by %v, want %d", b.points[i], b.counts[i], ratio, counts[i])
		}
	}
}
