package analyze

import (
	"math"
	"testing"
)

func TestDriftByHand(t *testing.T) {
	base := []float32{3, 4, 1, 0, 0, 0, 0, 0}
	adapted := []float32{3, 4, 0, 1, 0, 0, 1, 0}
	got := Drift(base, adapted, 4, 2)
	want := []float64{0, math.Sqrt2, 0, math.NaN()} // unchanged, turned, zero in both, zero in the base only
	for i := range want {
		if got[i] != want[i] && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Errorf("token %d: %v, want %v", i, got[i], want[i])
		}
	}
}

func TestShapesPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"NewCloud":      func() { NewCloud(make([]float32, 5), 2, 3) },
		"MassiveTokens": func() { MassiveTokens(make([]float32, 5), 2, 3) },
		"Drift":         func() { Drift(make([]float32, 6), make([]float32, 4), 2, 3) },
		"HDBSCAN":       func() { HDBSCAN(make([]float64, 3), 2, clusterOptions) },
		"AMI":           func() { AMI([]int{1}, []int{1, 2}) },
		"DebiasedCKA":   func() { DebiasedCKA(&Cloud{T: 1}, &Cloud{T: 2}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took shapes that do not fit", name)
				}
			}()
			f()
		}()
	}
}
