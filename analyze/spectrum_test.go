package analyze

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// gonum's general symmetric eigenvalues are the oracle of both spectra.
func TestSpectraAgainstGonum(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 17, 64, 131} {
		c := NewCloud(randomState(uint64(n), n, 200), n, 200)
		raw, centred := newSpectra(c, &workspace{})
		compareSpectrum(t, "raw", raw, c, n)
		compareSpectrum(t, "centred", centred, c.centred(&Cloud{}), n-1)
	}
}

// compareSpectrum wants the rank largest eigenvalues of the Gram matrix of c.
func compareSpectrum(t *testing.T, what string, got spectrum, c *Cloud, rank int) {
	t.Helper()
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(c.T, slices.Clone(c.Gram)), false) {
		t.Fatal("gonum did not converge")
	}
	want := e.Values(nil)
	if slices.Reverse(want); len(got) != rank {
		t.Fatalf("n=%d, %s: %d singular values, want %d", c.T, what, len(got), rank)
	}
	for i := range got {
		// Backward stable both: errors are relative to the largest, for the
		// centred state to that of the state itself, some times larger.
		if math.Abs(got[i]-want[i]) > 1e-12*want[0] {
			t.Errorf("n=%d, %s: eigenvalue %d is %v, want %v", c.T, what, i, got[i], want[i])
		}
	}
}

func TestUpdateRowsAgainstPlain(t *testing.T) {
	c := NewCloud(randomState(8, 30, 40), 30, 40)
	got, want := newReduction(c, nil), newReduction(c, nil)
	for i := range 30 {
		got.v[i], want.v[i] = math.Sin(float64(i)), math.Sin(float64(i))
	}
	clear(got.y)
	clear(want.y)
	for k := 0; k < 30; k += rowsTogether {
		got.updateRows(k)
		want.updateRowsPlain(k)
	}
	for i := range want.a {
		if math.Abs(got.a[i]-want.a[i]) > 1e-12 {
			t.Errorf("entry %d is %v, want %v", i, got.a[i], want.a[i])
		}
	}
	for i := range want.y {
		// 30 terms of up to some 500.
		if math.Abs(got.y[i]-want.y[i]) > 1e-10 {
			t.Errorf("product %d is %v, want %v", i, got.y[i], want.y[i])
		}
	}
}

// The effective rank of a state of few dimensions must not count the rounding
// of the other eigenvalues of its Gram matrix.
func TestSpectrumOfFewDimensions(t *testing.T) {
	const n, d = 90, 3
	l, _ := newSpectra(NewCloud(randomState(6, n, d), n, d), &workspace{})
	if len(l) != d {
		t.Errorf("%d singular values of a state of %d dimensions", len(l), d)
	}
	x := randomState(6, n, 40)
	for i := range n { // all but two coordinates
		for k := 2; k < 40; k++ {
			x[i*40+k] = 0
		}
	}
	if l, _ := newSpectra(NewCloud(x, n, 40), &workspace{}); len(l) != 2 {
		t.Errorf("%d singular values of a state of rank 2", len(l))
	}
}
