package analyze

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// gonum's general symmetric eigenvalues are the oracle of the fused reduction.
func TestEigenvaluesAgainstGonum(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 8, 17, 64, 131} {
		c := NewCloud(randomState(uint64(n), n, 40), n, 40)
		got := eigenvalues(slices.Clone(c.Gram), n)
		var e mat.EigenSym
		if !e.Factorize(mat.NewSymDense(n, slices.Clone(c.Gram)), false) {
			t.Fatal("gonum did not converge")
		}
		want := e.Values(nil)
		for i := range want {
			// Backward stable both: errors are relative to the largest.
			if math.Abs(got[i]-want[i]) > 1e-13*want[n-1] {
				t.Errorf("n=%d: eigenvalue %d is %v, want %v", n, i, got[i], want[i])
			}
		}
	}
}

func TestUpdateRowAgainstPlain(t *testing.T) {
	vector := func(n int, f func(float64) float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = f(float64(i + 1))
		}
		return v
	}
	for n := range 14 {
		u, q, v := vector(n, math.Sin), vector(n, math.Cos), vector(n, math.Sqrt)
		a, y := vector(n, math.Log), vector(n, math.Cbrt)
		b, z := slices.Clone(a), slices.Clone(y)
		got, want := updateRow(a, u, q, v, y, 0.3, -1.7, 2.5), updateRowPlain(b, u, q, v, z, 0.3, -1.7, 2.5)
		for k := range n {
			if math.Abs(a[k]-b[k]) > 1e-14 || math.Abs(y[k]-z[k]) > 1e-13 {
				t.Errorf("n=%d: row %v and %v, product %v and %v", n, a, b, y, z)
			}
		}
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("n=%d: inner product %v, want %v", n, got, want)
		}
	}
}

// The effective rank of a state of few dimensions must not count the rounding
// of the other eigenvalues of its Gram matrix.
func TestSpectrumOfFewDimensions(t *testing.T) {
	const n, d = 90, 3
	l := newSpectrum(NewCloud(randomState(6, n, d), n, d))
	if len(l) != d {
		t.Errorf("%d singular values of a state of %d dimensions", len(l), d)
	}
	x := randomState(6, n, 40)
	for i := range n { // all but two coordinates
		for k := 2; k < 40; k++ {
			x[i*40+k] = 0
		}
	}
	if l := newSpectrum(NewCloud(x, n, 40)); len(l) != 2 {
		t.Errorf("%d singular values of a state of rank 2", len(l))
	}
}
