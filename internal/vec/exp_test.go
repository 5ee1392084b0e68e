package vec

import (
	"math"
	"testing"
)

// TestExp measures exp from -87 to slack through the softmax, which subtracts 0
// here, on every 1009th float32: the relative error must not pass 2e-7.
func TestExp(t *testing.T) {
	s, shrink := make([]float32, lanes*lanes), make([]float32, lanes)
	eachWay(t, func(t *testing.T) {
		worst, at, checked := 0., float32(0), 0
		for bits := math.Float32bits(0x1p-40); bits <= math.Float32bits(87); {
			x := make([]float32, 0, len(s))
			for ; len(x) < len(s); bits += 1009 {
				v := math.Float32frombits(bits)
				x = append(x, max(-v, expLeast), min(v, slack))
			}
			copy(s, x)
			chosen.softmax(s, make([]float32, lanes), make([]float32, lanes), shrink)
			for i, got := range s {
				want := math.Exp(float64(x[i]))
				if e := math.Abs(float64(got)/want - 1); !(e <= worst) {
					worst, at = e, x[i]
				}
			}
			checked += len(s)
		}
		t.Logf("%d values, worst relative error %.3g at %v", checked, worst, at)
		if !(worst <= 2e-7) {
			t.Errorf("relative error %v at %v", worst, at)
		}
	})
}

// Below -87 exp is exactly 0, and NaN stays NaN.
func TestExpOfExtremes(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachWay(t, func(t *testing.T) {
		for _, c := range [][2]float32{{0, 1}, {-87.01, 0}, {-88, 0}, {-104, 0}, {-1e6, 0}, {-math.MaxFloat32, 0}, {-inf, 0}, {nan, nan}} {
			s := make([]float32, lanes)
			for i := range s {
				s[i] = c[0]
			}
			chosen.softmax(s, make([]float32, lanes), make([]float32, lanes), make([]float32, lanes))
			for _, got := range s {
				sameBits(t, "exp", []float32{got}, c[1:])
			}
		}
	})
}
