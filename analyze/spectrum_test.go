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
