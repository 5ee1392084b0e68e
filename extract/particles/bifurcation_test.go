package particles

import (
	"math"
	"testing"
)

// paperTokens is x0 of the bifurcation scripts: n = 20, d = 2, U(-1, 1).
func paperTokens(seed uint32) []float64 { return NewRandom(seed).Uniform(-1, 1, 40) }

type predictionRow struct {
	Seed     uint32
	Eps      float64
	Measured float64 `json:"T_meas"`
	Base     float64 `json:"T_pred_base"`
	Plateau  float64 `json:"T_pred_plateau"`
	Escape   float64
}

// The reference was computed with numpy from clusters of its own; its plateau is
// taken at another time, so that prediction agrees only to what tokens still move.
func TestPredictions(t *testing.T) {
	var ref struct{ Rows []predictionRow }
	reference(t, "sim/bifurcation_prediction.json", &ref)
	for _, row := range ref.Rows {
		b := &Bifurcation{X0: paperTokens(row.Seed), D: 2, Dt: 0.1, Reference: 50, End: 700, Integrator: Euler, Deltas: []float64{0.1}}
		settled, err := b.Settle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found, err := b.Run(t.Context(), settled, row.Eps)
		if err != nil {
			t.Fatal(err)
		}
		p := b.Predict(settled, found, 0)
		got := found.Times[0][0]
		t.Logf("seed %d eps %g: measured %.1f (%.1f), a priori %.4f (%.4f), plateau %.4f (%.4f), escape %.4f (%.4f) at %.1f", row.Seed, row.Eps,
			got.Bifurcation, row.Measured, p.APriori, row.Base, p.Plateau, row.Plateau, p.Escape, row.Escape, found.At)
		if math.Abs(got.Bifurcation-row.Measured) > 1e-6 {
			t.Errorf("seed %d eps %g: measured %g, reference %g", row.Seed, row.Eps, got.Bifurcation, row.Measured)
		}
		if math.Abs(p.APriori-row.Base) > 1e-4*row.Base {
			t.Errorf("seed %d eps %g: a priori %g, reference %g", row.Seed, row.Eps, p.APriori, row.Base)
		}
		if off := math.Abs(p.APriori - got.Bifurcation); (row.Seed == 42 || row.Seed == 23) && row.Eps <= 0.01 && off > 0.02*got.Bifurcation {
			t.Errorf("seed %d eps %g: a priori %g, measured %g", row.Seed, row.Eps, p.APriori, got.Bifurcation)
		}
		if math.Abs(p.Plateau-row.Plateau) > math.Max(0.1, 1e-3*row.Plateau) {
			t.Errorf("seed %d eps %g: plateau %g, reference %g", row.Seed, row.Eps, p.Plateau, row.Plateau)
		}
		if math.Abs(p.Plateau+p.Escape-got.Bifurcation) > 0.3 {
			t.Errorf("seed %d eps %g: plateau and escape %g, measured %g", row.Seed, row.Eps, p.Plateau+p.Escape, got.Bifurcation)
		}
	}
}

type phaseRow struct {
	Eps                  float64
	PublishedBifurcation float64  `json:"published_bifurcation"`
	PublishedCluster     float64  `json:"published_cluster"`
	LiteralBifurcation   float64  `json:"rerun_literal_bifurcation"`
	LiteralCluster       float64  `json:"rerun_literal_cluster"`
	StableBifurcation    float64  `json:"stable_bifurcation"`
	StableCluster        float64  `json:"stable_cluster"`
	FirstNaN             *float64 `json:"literal_first_nan_time"`
}

// each runs the experiment for every eps.
func each(t *testing.T, b *Bifurcation, eps []float64) []*Found {
	t.Helper()
	_, found, err := b.RunAll(t.Context(), eps)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func sameTime(t *testing.T, eps float64, what string, got, want float64) bool {
	t.Helper()
	if math.IsNaN(got) {
		got = 0 // as the script says it
	}
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("eps %g: %s at %g, reference %g", eps, what, got, want)
		return false
	}
	return true
}

// The published arrays, re-run in numpy; SCIENCE section 3.3.
func TestPhaseDiagram(t *testing.T) {
	var ref struct{ Rows []phaseRow }
	reference(t, "sim/phase_diagram.json", &ref)
	var eps []float64
	for _, r := range ref.Rows {
		eps = append(eps, r.Eps)
	}
	b := &Bifurcation{X0: paperTokens(42), D: 2, Dt: 0.1, Reference: 20, End: 800, Integrator: Euler, Deltas: []float64{0.1}}
	for i, f := range each(t, b, eps) {
		r := ref.Rows[i]
		sameTime(t, r.Eps, "first clustering", f.Times[0][0].Cluster, r.StableCluster)
		sameTime(t, r.Eps, "bifurcation", f.Times[0][0].Bifurcation, r.StableBifurcation)
	}
	if testing.Short() {
		return
	}
	b.Compat, b.End = true, 400
	published := 0
	for i, f := range each(t, b, eps) {
		r := ref.Rows[i]
		got := f.Times[0][0]
		sameTime(t, r.Eps, "first clustering, compat", got.Cluster, r.LiteralCluster)
		sameTime(t, r.Eps, "bifurcation, compat", got.Bifurcation, r.LiteralBifurcation)
		if math.Abs(got.Bifurcation-r.PublishedBifurcation) < 1e-6 {
			published++
		}
		if r.FirstNaN != nil {
			sameTime(t, r.Eps, "first NaN", f.FirstNaN, *r.FirstNaN)
		}
	}
	if published != 27 {
		t.Errorf("%d of 28 published bifurcation times are reproduced, not 27", published)
	}
}

// The script's own runs, with its attention, and those re-run without overflow.
func TestTimeBifurcation(t *testing.T) {
	var ref struct {
		Runs []struct {
			Seed   uint32
			RStar  float64     `json:"hardmax_r_star"`
			EpsT   *float64    `json:"predicted_T_times_eps"`
			Points [][]float64 `json:"cluster_points"`
			Rows   []struct {
				Eps, T      float64
				Evaluator   string
				Cluster     float64  `json:"cluster_time_literal"`
				Bifurcation float64  `json:"bifurcation_time_literal"`
				Clean       *float64 `json:"cluster_time_clean"`
				CleanBif    *float64 `json:"bifurcation_time_clean"`
			}
		}
	}
	reference(t, "sim/time_bifurcation.json", &ref)
	for _, run := range ref.Runs {
		b := &Bifurcation{X0: paperTokens(run.Seed), D: 2, Dt: 0.1, Reference: 50, Integrator: Euler, Deltas: []float64{0.1}}
		settled, err := b.Settle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(settled.Clusters) != 2*len(run.Points) || math.Abs(settled.RStar-run.RStar) > 1e-4 {
			t.Errorf("seed %d: %d clusters and r* = %g, reference %d and %g", run.Seed, len(settled.Clusters)/2, settled.RStar, len(run.Points), run.RStar)
		}
		if run.EpsT != nil && math.Abs(settled.Scaled-*run.EpsT) > 1e-4 {
			t.Errorf("seed %d: eps T = %g, reference %g", run.Seed, settled.Scaled, *run.EpsT)
		}
		for _, row := range run.Rows {
			b.End, b.Compat = row.T, false
			clean := each(t, b, []float64{row.Eps})[0].Times[0][0]
			sameTime(t, row.Eps, "first clustering", clean.Cluster, orZero(row.Clean))
			sameTime(t, row.Eps, "bifurcation", clean.Bifurcation, orZero(row.CleanBif))
			if row.Evaluator != "literal" {
				continue
			}
			b.Compat = true
			got := each(t, b, []float64{row.Eps})[0].Times[0][0]
			sameTime(t, row.Eps, "first clustering, compat", got.Cluster, row.Cluster)
			sameTime(t, row.Eps, "bifurcation, compat", got.Bifurcation, row.Bifurcation)
		}
	}
}

func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// Seeds that nothing of the theory was fitted to.
func TestMoreSeeds(t *testing.T) {
	var ref struct {
		Runs []struct {
			Seed  uint32
			X0    [][]float64
			Delta float64
			RStar float64 `json:"hardmax_r_star"`
			TRef  float64 `json:"T_reference"`
			Rows  []struct {
				Eps         float64
				Cluster     *float64 `json:"cluster_time"`
				Bifurcation *float64 `json:"bifurcation_time"`
			}
		}
	}
	reference(t, "sim/bifurcation_more_seeds.json", &ref)
	for _, run := range ref.Runs {
		x0, err := flat("x0", run.X0, 2)
		if err != nil {
			t.Fatal(err)
		}
		b := &Bifurcation{X0: x0, D: 2, Dt: 0.1, Reference: run.TRef, End: 400, Integrator: Euler, Deltas: []float64{run.Delta}}
		var eps []float64
		for _, r := range run.Rows {
			eps = append(eps, r.Eps)
		}
		for i, f := range each(t, b, eps) {
			sameTime(t, eps[i], "first clustering", f.Times[0][0].Cluster, orZero(run.Rows[i].Cluster))
			sameTime(t, eps[i], "bifurcation", f.Times[0][0].Bifurcation, orZero(run.Rows[i].Bifurcation))
		}
	}
}
