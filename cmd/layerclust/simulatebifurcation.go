package main

import (
	"context"
	"fmt"
	"math"

	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// phaseEps are the perturbations of the paper's phase diagram.
var phaseEps = []float64{.001, .0016, .0017, .0018, .0019, .002, .0021, .0022, .0023, .003, .004, .005, .006, .007, .008, .009,
	.01, .011, .012, .015, .025, .03, .04, .05, .055, .06, .065, .075}

// bifurcationDelta is the paper's threshold.
const bifurcationDelta = 0.1

// timeBifurcation is the script: five eps, 50 time units.
func (f *simulateFlags) timeBifurcation(ctx context.Context) (*simulated, error) {
	b, err := f.bifurcation(50, 50)
	if err != nil {
		return nil, err
	}
	return f.bifurcationResult(ctx, b, []float64{.10, .15, .20, .25, .30}, "The time of the second clustering")
}

// phaseDiagram is the notebook. Its runs end at 400, before the switch of the
// smallest eps; without its artefacts they go on to 800.
func (f *simulateFlags) phaseDiagram(ctx context.Context) (*simulated, error) {
	end := 800.0
	if f.compat {
		end = 400
	}
	b, err := f.bifurcation(20, end)
	if err != nil {
		return nil, err
	}
	return f.bifurcationResult(ctx, b, phaseEps, "The phase diagram of the second clustering")
}

// bifurcation is the experiment with the paper's defaults.
func (f *simulateFlags) bifurcation(reference, end float64) (*particles.Bifurcation, error) {
	method, err := f.method(particles.Euler)
	if err != nil {
		return nil, err
	}
	if f.compat && method != particles.Euler {
		return nil, usageError{fmt.Errorf("--integrator %s: --paper-compat is about euler", method)}
	}
	if !f.given("seed") {
		f.seed = 42
	}
	n, d := orDefault(f.n, 20), orDefault(f.d, 2)
	if d < 2 || n > 2000 || d > 64 {
		return nil, loader.InputErrorf("--n %d --d %d: the experiment takes up to 2000 tokens in 2 to 64 dimensions", n, d)
	}
	return &particles.Bifurcation{X0: particles.NewRandom(f.seed).Uniform(-1, 1, n*d), D: d, Dt: 0.1, Reference: reference, End: end,
		Integrator: method, Deltas: []float64{bifurcationDelta}, Compat: f.compat}, nil
}

func orDefault(v, otherwise int) int {
	if v > 0 {
		return v
	}
	return otherwise
}

var bifurcationHeader = []string{"eps", "cluster_time", "bifurcation_time", "bifurcation_time_hausdorff", "bifurcation_time_per_token",
	"predicted_apriori", "predicted_plateau", "escape", "measured_minus_plateau_and_escape", "last_change_upper_form"}

// bifurcationResult runs all eps and sets the predictions beside them.
func (f *simulateFlags) bifurcationResult(ctx context.Context, b *particles.Bifurcation, eps []float64, title string) (*simulated, error) {
	settled, found, err := b.RunAll(ctx, eps)
	if err != nil {
		return nil, err
	}
	out := &simulated{}
	c := newCurves(len(eps))
	var rows [][]string
	for i, r := range found {
		p := b.Predict(settled, r, 0)
		t := r.Times[0]
		c.take(i, r, p)
		rows = append(rows, []string{exact(r.Eps), f.time(t[0].Cluster), f.time(t[0].Bifurcation), onGrid(t[1].Bifurcation), onGrid(t[2].Bifurcation),
			exact(p.APriori), exact(p.Plateau), exact(p.Escape), exact(t[0].Bifurcation - p.Plateau - p.Escape), exact(p.Last)})
	}
	out.page = report.Simulation{Title: title,
		Lead:     fmt.Sprintf("V = I against diag(1, 1 - eps, ..): %d tokens in %d dimensions, seed %d, delta = %g", len(b.X0)/b.D, b.D, f.seed, bifurcationDelta),
		Findings: bifurcationFindings(b, settled, c),
		Tables:   []report.SimTable{{ID: "times", Title: "Measured and predicted times", Header: bifurcationHeader, Rows: shortened(rows)}},
		Charts:   []report.Chart{c.phases(b), c.tightness()},
		Facts: [][2]string{{"integrator", string(b.Integrator) + fmt.Sprintf(", dt = %g", b.Dt)}, {"reference run", fmt.Sprintf("V = I to T = %g", b.Reference)},
			{"perturbed runs", fmt.Sprintf("to T = %g", b.End)}, {"arithmetic", arithmetic(f.compat)},
			{"clusters of V = I", fmt.Sprintf("%.6g", tokenRows(settled.Clusters, b.D))},
			{"prediction", "derived: T = ln(1/r*)/(2 eps); a priori from the clusters of V = I, plateau from the leaders of the perturbed run; plus tau, the escape beyond delta"}},
	}
	if f.compat {
		out.page.Notices = append(out.page.Notices, compatNotice)
	}
	return out, out.addCSV("results.csv", bifurcationHeader, rows)
}

const compatNotice = "These are the published numbers with their artefacts: attention overflows at t of about 356, the state is looked up at int(t/dt), which can be one step early, 0 means not found, and the distance is one-sided."

func arithmetic(compat bool) string {
	if compat {
		return "the script's, which overflows"
	}
	return "without overflow"
}

// time writes a measured time: what is not found is 0 in the script.
func (f *simulateFlags) time(v float64) string {
	if f.compat && math.IsNaN(v) {
		return "0"
	}
	return onGrid(v)
}

// shortened cuts the numbers of a table for reading.
func shortened(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			var v float64
			if _, err := fmt.Sscan(cell, &v); err == nil {
				cell = short(v)
			}
			out[i] = append(out[i], cell)
		}
	}
	return out
}

// curves are the columns that the figures draw.
type curves struct{ eps, cluster, bifurcation, apriori, plateau, last []float64 }

func newCurves(n int) *curves {
	c := &curves{}
	for _, p := range []*[]float64{&c.eps, &c.cluster, &c.bifurcation, &c.apriori, &c.plateau, &c.last} {
		*p = make([]float64, n)
	}
	return c
}

func (c *curves) take(i int, r *particles.Found, p particles.Prediction) {
	c.eps[i], c.cluster[i], c.bifurcation[i] = r.Eps, r.Times[0][0].Cluster, r.Times[0][0].Bifurcation
	c.apriori[i], c.plateau[i], c.last[i] = p.APriori+p.Escape, p.Plateau+p.Escape, p.Last
}

// phases is the phase diagram: before the clusters, the first clustering, after
// the second.
func (c *curves) phases(b *particles.Bifurcation) report.Chart {
	lo, hi := 0.5, b.End
	floor, ceiling := filled(len(c.eps), lo), filled(len(c.eps), hi)
	ends := make([]float64, len(c.eps)) // of the first clustering: where it is not left, the end of the run
	for i, v := range c.bifurcation {
		ends[i] = v
		if math.IsNaN(v) {
			ends[i] = hi
		}
	}
	return report.Chart{File: "phase-diagram.svg", Title: "Phases of the tokens", XLabel: "eps", YLabel: "time", LogX: true, LogY: true,
		YRange:  [2]float64{lo, hi},
		Caption: "Below the lower line the tokens have not clustered; between the lines they are in the clusters of V = I; above the upper one in those of the perturbed V. Rings: the time predicted a priori.",
		Series: []report.XYSeries{
			{Name: "before clusters", Color: 2, X: c.eps, Lo: floor, Hi: c.cluster},
			{Name: "first clustering", Color: 5, X: c.eps, Lo: c.cluster, Hi: ends},
			{Name: "second clustering", Color: 3, X: c.eps, Lo: c.bifurcation, Hi: ceiling},
			{Name: "cluster time", Color: 2, X: c.eps, Y: c.cluster, Mark: report.Dot},
			{Name: "bifurcation time", Color: 3, X: c.eps, Y: c.bifurcation, Mark: report.Dot},
			{Name: "predicted a priori", Color: 0, X: c.eps, Y: c.apriori, Mark: report.Ring, NoLine: true},
		}}
}

// tightness is the measured time over each prediction.
func (c *curves) tightness() report.Chart {
	ratio := func(of []float64) []float64 {
		out := make([]float64, len(of))
		for i, v := range of {
			out[i] = c.bifurcation[i] / v
			if math.IsInf(v, 0) {
				out[i] = math.NaN()
			}
		}
		return out
	}
	return report.Chart{File: "bound.svg", Title: "Measured time over predicted time", XLabel: "eps", YLabel: "ratio", LogX: true,
		Caption: "1 is a prediction without slack. A priori: from the clusters of V = I; plateau: from the leaders of the run itself; both with the escape time. Upper form: for the last change.",
		Series: []report.XYSeries{
			{Name: "a priori", Color: 1, X: c.eps, Y: ratio(c.apriori), Mark: report.Dot},
			{Name: "plateau", Color: 3, X: c.eps, Y: ratio(c.plateau), Mark: report.Dot},
			{Name: "upper form of the last change", Color: 4, Dash: 1, X: c.eps, Y: ratio(c.last), Mark: report.Ring},
		}}
}

func filled(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// bifurcationFindings sums the table up.
func bifurcationFindings(b *particles.Bifurcation, settled *particles.Settled, c *curves) []string {
	out := []string{fmt.Sprintf("With V = I the tokens settle in %d clusters.", len(settled.Clusters)/b.D)}
	if settled.From < 0 {
		return append(out, "Every cluster is extremal on its side of the first coordinate, or alone: no second clustering is predicted.", countFound(c))
	}
	out = append(out, fmt.Sprintf("r* = %.5f predicts a second clustering at eps T = %.5f.", settled.RStar, settled.Scaled), countFound(c))
	worst := -1.0
	for i, v := range c.bifurcation {
		if d := math.Abs(v - c.plateau[i]); d > worst && !math.IsInf(d, 0) {
			worst = d
		}
	}
	if worst < 0 { // no plateau was looked for, or none found
		return out
	}
	return append(out, fmt.Sprintf("The plateau prediction with its escape time is within %.2f time units of every measured bifurcation; dt = %g.", worst, b.Dt))
}

func countFound(c *curves) string {
	n := 0
	for _, v := range c.bifurcation {
		if !math.IsNaN(v) {
			n++
		}
	}
	return fmt.Sprintf("A second clustering was measured at %d of %d eps.", n, len(c.eps))
}
