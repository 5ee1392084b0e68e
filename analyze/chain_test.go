package analyze

import (
	"math"
	"slices"
	"testing"
)

// Points infinitely far apart are joined last.
func TestChainOfInfiniteDistances(t *testing.T) {
	far := math.Inf(-1)
	near := []float64{0, far, -1, far, 0, far, -1, far, 0} // (3, 3): 0 and 2 are a pair
	order, joins := chain(near, 3, []float64{0, 0, 0})
	if !slices.Equal(order, []int{0, 2, 1}) || !slices.Equal(joins, []float64{-1, far}) {
		t.Errorf("order %v, joins %v", order, joins)
	}
}

func TestDrawAgainstPlain(t *testing.T) {
	for n := range 20 {
		var near, left, got []float64
		for i := range n {
			x := float64(i)
			near, left, got = append(near, math.Sin(x)), append(left, math.Cos(x*x)), append(got, math.Sin(3*x))
		}
		want := slices.Clone(got)
		if a, b := draw(got, left, near, 0.7), drawPlain(want, left, near, 0.7); a != b || !slices.Equal(got, want) {
			t.Errorf("n=%d: %v and %v, want %v and %v", n, a, got, b, want)
		}
	}
}
