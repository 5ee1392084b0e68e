package vec

import (
	"math"
	"testing"
)

func TestSiLUMul(t *testing.T) {
	var gate []float32
	for x := -87.; x <= 100; x += 0.0037 {
		gate = append(gate, float32(x))
	}
	up := normal(1, len(gate), 1)
	eachWay(t, func(t *testing.T) {
		got := append([]float32{}, gate...)
		SiLUMul(got, up)
		for i, x := range gate {
			want := float64(x) / (1 + math.Exp(-float64(x))) * float64(up[i])
			// exp to 2e-7, then a sum, a quotient and two products.
			if e := math.Abs(float64(got[i]) - want); e > 5e-7*math.Abs(want) {
				t.Fatalf("gate %v, up %v: %v, want %v", x, up[i], got[i], want)
			}
		}
	})
}

func TestSiLUMulOfExtremes(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachWay(t, func(t *testing.T) {
		got := []float32{0, -88, -1e30, 1e30, inf, nan}
		SiLUMul(got, []float32{2, 2, 2, 2, 2, 2})
		sameBits(t, "extremes", got[3:], []float32{2e30, inf, nan})
		for i, v := range got[:3] {
			if v != 0 {
				t.Errorf("value %d is %v, want 0", i, v)
			}
		}
	})
}

// An element has the same bits wherever its slice begins and ends.
func TestSiLUMulOfParts(t *testing.T) {
	gate, up := normal(5, 70, 3), normal(6, 70, 1)
	eachWay(t, func(t *testing.T) {
		whole := append([]float32{}, gate...)
		SiLUMul(whole, up)
		for from := range 20 {
			for to := from; to <= len(gate); to += 7 {
				part := append([]float32{}, gate[from:to]...)
				SiLUMul(part, up[from:to])
				sameBits(t, "part", part, whole[from:to])
			}
		}
	})
}
