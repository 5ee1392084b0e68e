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
