package theory

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// reference reads a file of the folder reference/sim beside the fixtures.
func reference(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testmodel.Fixtures(t), "..", "reference", "sim", name))
	if err != nil {
		t.Skip(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// gammaRun is the common inner product of tokens that start orthonormal, by
// scipy; past 0.9999999 that integration itself is off by up to 1e-11.
type gammaRun struct {
	N      int
	Beta   float64
	Kind   string
	T      []float64
	Gamma  []float64
	TimeTo map[string]float64 `json:"time_to"`
}

func TestEquiangular(t *testing.T) {
	var ref struct{ Runs []gammaRun }
	reference(t, "gamma_ode.json", &ref)
	goals := map[string]float64{"0.1": 0.1, "0.5": 0.5, "0.9": 0.9, "0.99": 0.99}
	for _, r := range ref.Runs {
		e := Equiangular{N: r.N, Beta: r.Beta, Unnormalised: r.Kind == "USA"}
		for i, got := range e.At(0, r.T) {
			if math.Abs(got-r.Gamma[i]) > 1e-8 {
				t.Errorf("n %d beta %g %s: gamma(%g) = %.12g, reference %.12g", r.N, r.Beta, r.Kind, r.T[i], got, r.Gamma[i])
			}
		}
		for name, goal := range goals {
			want, ok := r.TimeTo[name]
			if got := e.TimeTo(0, goal); ok && math.Abs(got-want) > 1e-8*want {
				t.Errorf("n %d beta %g %s: reaches %s at %.12g, reference %.12g", r.N, r.Beta, r.Kind, name, got, want)
			}
		}
	}
}

func TestDriftTime(t *testing.T) {
	var ref struct {
		Rows []struct {
			Eps, Theta0 float64
			Delta       float64 `json:"delta_angle"`
			T           float64 `json:"T_star"`
		}
	}
	reference(t, "sphere_consensus_drift.json", &ref)
	for _, r := range ref.Rows {
		b, err := Consensus(dense(2, 1, 0, 0, 1-r.Eps), []float64{math.Cos(r.Theta0), math.Sin(r.Theta0)}, r.Delta)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"T", "T_general", "T_leading"} {
			if got := b.Get(name); math.Abs(got-r.T) > 1e-6 {
				t.Errorf("eps %g theta_0 %g delta %g: %s = %.9g, reference %.9g", r.Eps, r.Theta0, r.Delta, name, got, r.T)
			}
		}
		if !b.Holds {
			t.Errorf("eps %g theta_0 %g delta %g: assumptions %v", r.Eps, r.Theta0, r.Delta, b.Assumptions)
		}
	}
}

// The clusters that V = I leaves in the reference, and what it predicts of them.
func TestSwitching(t *testing.T) {
	var ref struct {
		Runs []struct {
			Seed   uint32
			Points [][]float64 `json:"cluster_points"`
			RStar  float64     `json:"hardmax_r_star"`
			EpsT   *float64    `json:"predicted_T_times_eps"`
		}
	}
	reference(t, "time_bifurcation.json", &ref)
	for _, r := range ref.Runs {
		var points []float64
		for _, p := range r.Points {
			points = append(points, p...)
		}
		s := Switching(points, 2)
		general, err := SwitchingGeneral(points, 2, dense(2, 0, 0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		if r.EpsT == nil {
			if s.From >= 0 || general.From >= 0 {
				t.Errorf("seed %d: switches %+v and %+v, reference none", r.Seed, s, general)
			}
			continue
		}
		for _, got := range []Switch{s, general} {
			if math.Abs(got.RStar-r.RStar) > 1e-9 || math.Abs(got.Scaled-*r.EpsT) > 1e-9 {
				t.Errorf("seed %d: %+v, reference r* %g, eps T %g", r.Seed, got, r.RStar, *r.EpsT)
			}
		}
	}
}
