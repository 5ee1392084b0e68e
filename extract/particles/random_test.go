package particles

import (
	"math"
	"testing"
)

// The words and doubles of seed 42 as the specification has them; random_sample
// and RandomState(0).randn of numpy 2.4.6.
func TestRandomIsNumpys(t *testing.T) {
	r := NewRandom(42)
	for i, want := range []uint32{1608637542, 3421126067, 4083286876} {
		if got := r.Uint32(); got != want {
			t.Errorf("word %d: %d, not %d", i, got, want)
		}
	}
	for i, want := range []float64{0.3745401188473625, 0.9507143064099162} {
		if i == 0 {
			r = NewRandom(42)
		}
		if got := r.Float64(); got != want {
			t.Errorf("double %d: %v, not %v", i, got, want)
		}
	}
	for i, want := range []float64{1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458, 1.8675579901499675} {
		if got := NewRandom(0).Normal(5)[i]; math.Abs(got-want) > 1e-15 {
			t.Errorf("Gaussian %d: %v, not %v", i, got, want)
		}
	}
}
