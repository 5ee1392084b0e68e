package analyze

import (
	"math"
	"testing"
)

func TestRowKernelsAgainstPlain(t *testing.T) {
	for n := range 40 {
		a, b := randomNormal(1, n), randomNormal(2, n)
		peak, square := sizeOf(a)
		wantPeak, wantSquare := sizeOfPlain(a)
		if peak != wantPeak || math.Abs(square-wantSquare) > 1e-14*wantSquare {
			t.Errorf("n=%d: magnitude %x and square %v, want %x and %v", n, peak, square, wantPeak, wantSquare)
		}
		moved, norm := distance(a, b)
		wantMoved, wantNorm := distancePlain(a, b)
		// Up to 40 positive terms in another order.
		if math.Abs(moved-wantMoved) > 1e-14*wantMoved || math.Abs(norm-wantNorm) > 1e-14*wantNorm {
			t.Errorf("n=%d: distance %v and norm %v, want %v and %v", n, moved, norm, wantMoved, wantNorm)
		}
	}
}

func TestDotAgainstPlain(t *testing.T) {
	u, v := make([]float64, 50), make([]float64, 50)
	for i := range u {
		u[i], v[i] = math.Sin(float64(i)), math.Cos(float64(2*i))
	}
	for n := range 51 {
		// 50 terms below 1.
		if got, want := dot(u[:n], v[:n]), dotPlain(u[:n], v[:n]); math.Abs(got-want) > 1e-14 {
			t.Errorf("n=%d: %v, want %v", n, got, want)
		}
	}
}

// What is not finite must be on top, in every lane.
func TestPeakOfInfinity(t *testing.T) {
	for i := range 17 {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			x := randomNormal(3, 17)
			x[i] = float32(v)
			if peak, _ := sizeOf(x); peak < infinite {
				t.Errorf("%v at %d: the largest magnitude is %x", v, i, peak)
			}
		}
	}
}
