package vec

import (
	"math"
	"testing"
)

func TestRMSNorm(t *testing.T) {
	const eps = 1e-5
	eachWay(t, func(t *testing.T) {
		for _, d := range []int{1, 7, 8, 9, 64, 576, 4096, 4099} {
			x, gain := normal(uint64(d), 3*d, 2), normal(7, d, 1)
			x[d/2] = 3000 // a massive activation
			got := make([]float32, len(x))
			RMSNorm(got, x, gain, d, eps)
			for i := range x {
				row := x[i/d*d : i/d*d+d]
				var s float64
				for _, v := range row {
					s += float64(v) * float64(v)
				}
				want := float64(x[i]) / math.Sqrt(s/float64(d)+eps) * float64(gain[i%d])
				// Three roundings: of the scale and of two products.
				if e := math.Abs(float64(got[i]) - want); e > 3*0x1p-24*math.Abs(want) {
					t.Fatalf("d %d, value %d: %v, want %v", d, i, got[i], want)
				}
			}
			alone := append([]float32{}, x[d:2*d]...)
			RMSNorm(alone, alone, gain, d, eps)
			sameBits(t, "a row alone and in place", alone, got[d:2*d])
		}
	})
}

func TestSumSquares(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for n := range 40 {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(i + 1)
			}
			// 1² + 2² + ... + n² = n (n+1) (2n+1) / 6, exact in float64.
			if got, want := SumSquares(x), float64(n*(n+1)*(2*n+1)/6); got != want {
				t.Errorf("%d values: %v, want %v", n, got, want)
			}
		}
		if got := SumSquares([]float32{1e30, 1e-30, -1e30}); math.Abs(got-2e60) > 1e54 {
			t.Errorf("values whose squares overflow float32: %v, want 2e60", got)
		}
	})
}
