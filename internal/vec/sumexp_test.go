package vec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSumExp compares with float64: exp is right to 2e-7, and a sum of n float32
// of one sign to n 2^-24 at worst.
func TestSumExp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 7, 16, 33, 256, 4097} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64() * 20)
		}
		want := 0.0
		largest, got := SumExp(x)
		for _, v := range x {
			want += math.Exp(float64(v) - float64(largest))
			if v > largest {
				t.Fatalf("n = %d: %v is larger than %v", n, v, largest)
			}
		}
		if e := math.Abs(float64(got)-want) / want; e > 1e-6 {
			t.Errorf("n = %d: %v, want %v: off by %.2g", n, got, want, e)
		}
	}
}
