package particles

import (
	"math"
	"testing"
)

// The same seeds in numpy: the drift agrees far within the four standard
// deviations that the specification allows; a long depth amplifies rounding.
func TestNormTransition(t *testing.T) {
	var ref struct {
		Rows []struct {
			L    int
			Q    float64 `json:"eta_over_sqrtL"`
			Mean float64 `json:"rms_drift_mean"`
			Std  float64 `json:"rms_drift_std"`
			Cos  float64 `json:"final_mean_cosine"`
		}
	}
	reference(t, "sim/norm_transition.json", &ref)
	for _, r := range ref.Rows {
		if r.L > 256 && testing.Short() {
			continue
		}
		got, err := PaperTransition().Run(t.Context(), r.L, r.Q)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Mean-r.Mean) > 1e-6 || math.Abs(got.Std-r.Std) > 1e-6 || math.Abs(got.MeanCosine-r.Cos) > 1e-6 {
			t.Errorf("L %d q %g: drift %.9f +- %.9f, cosine %.9f; reference %.9f +- %.9f, %.9f",
				r.L, r.Q, got.Mean, got.Std, got.MeanCosine, r.Mean, r.Std, r.Cos)
		}
	}
}
