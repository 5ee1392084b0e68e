package main

import (
	"context"
	"fmt"
	"math"

	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/report"
)

var studyHeader = []string{"n", "d", "seed", "eps", "delta", "clusters", "r_star", "cluster_time", "bifurcation_time", "bifurcation_time_per_token",
	"predicted_apriori", "predicted_plateau", "escape", "last_change", "last_change_upper_form", "ended"}

// tightness is the numerical study of how sharp the predictions are.
func (f *simulateFlags) tightness(ctx context.Context) (*simulated, error) {
	s := particles.DefaultStudy()
	s.Seeds = orDefault(f.seeds, s.Seeds)
	all, err := s.Run(ctx)
	if err != nil {
		return nil, err
	}
	out := &simulated{}
	rows := make([][]string, len(all))
	for i, r := range all {
		rows[i] = []string{fmt.Sprint(r.N), fmt.Sprint(r.D), fmt.Sprint(r.Seed), exact(r.Eps), exact(r.Delta), fmt.Sprint(r.Clusters), exact(r.RStar),
			onGrid(r.Cluster), onGrid(r.Bifurcation), onGrid(r.PerToken), exact(r.APriori), exact(r.Plateau), exact(r.Escape),
			onGrid(r.LastChange), exact(r.Last), exact(r.Ended)}
	}
	groups := newGroups(s, all)
	summary := make([][]string, len(groups))
	for i, g := range groups {
		summary[i] = g.row()
	}
	out.page = report.Simulation{Title: "How tight the predictions of the second clustering are",
		Lead:     fmt.Sprintf("%d seeds, %d sizes, %d eps, %d delta: %d measurements", s.Seeds, len(s.Sizes), len(s.Eps), len(s.Deltas), len(all)),
		Findings: studyFindings(all), Charts: studyCharts(s, all, groups),
		Tables: []report.SimTable{{ID: "summary", Title: "Measured time over predicted time, by size, eps and delta: median and 5 to 95 %", Header: summaryHeader, Rows: shortened(summary)}},
		Facts: [][2]string{{"integrator", fmt.Sprintf("euler, dt = %g", s.Dt)}, {"tokens", "uniform on (-1, 1), numpy's legacy generator"},
			{"perturbation", "V = I against diag(1, 1 - eps, .., 1 - eps), Q = K = I"},
			{"runs", fmt.Sprintf("a fifth beyond the upper form of the last change, at most T = %g", s.End)},
			{"counted", "switches that were both predicted a priori, after the first clustering, and measured"}},
	}
	if err := out.addCSV("summary.csv", summaryHeader, summary); err != nil {
		return nil, err
	}
	return out, out.addCSV("results.csv", studyHeader, rows)
}

// group is the study's rows of one size, eps and delta.
type group struct {
	particles.Size
	eps, delta                float64
	runs, predicted, switched int
	both                      int
	apriori, plateau, last    []float64 // measured over predicted, where both
	quantA, quantP, quantL    [5]float64
}

func newGroups(s particles.Study, all []particles.StudyRow) []*group {
	type key struct {
		particles.Size
		eps, delta float64
	}
	by := map[key]*group{}
	var out []*group
	for _, size := range s.Sizes {
		for _, eps := range s.Eps {
			for _, delta := range s.Deltas {
				g := &group{Size: size, eps: eps, delta: delta}
				by[key{size, eps, delta}] = g
				out = append(out, g)
			}
		}
	}
	for _, r := range all {
		by[key{r.Size, r.Eps, r.Delta}].take(r)
	}
	for _, g := range out {
		g.quantA, g.quantP, g.quantL = particles.Quantiles(g.apriori), particles.Quantiles(g.plateau), particles.Quantiles(g.last)
	}
	return out
}

func (g *group) take(r particles.StudyRow) {
	g.runs++
	if r.Predicted() {
		g.predicted++
	}
	if r.Switched() {
		g.switched++
	}
	if r.Predicted() && r.Switched() {
		g.both++
		g.apriori = append(g.apriori, r.Bifurcation/(r.APriori+r.Escape))
		g.plateau = append(g.plateau, r.Bifurcation/(r.Plateau+r.Escape))
		g.last = append(g.last, r.LastChange/r.Last)
	}
}

var summaryHeader = []string{"n", "d", "eps", "delta", "runs", "predicted", "switched", "both",
	"apriori_median", "apriori_5", "apriori_95", "plateau_median", "plateau_5", "plateau_95", "last_median", "last_5", "last_95"}

func (g *group) row() []string {
	row := []string{fmt.Sprint(g.N), fmt.Sprint(g.D), exact(g.eps), exact(g.delta), fmt.Sprint(g.runs), fmt.Sprint(g.predicted), fmt.Sprint(g.switched), fmt.Sprint(g.both)}
	for _, q := range [][5]float64{g.quantA, g.quantP, g.quantL} {
		row = append(row, exact(q[2]), exact(q[0]), exact(q[4]))
	}
	return row
}

// studyFindings says what the whole study shows.
func studyFindings(all []particles.StudyRow) []string {
	var apriori, plateau, last []float64
	var wrong, missed, exceeded, off, early int
	for _, r := range all {
		switch {
		case r.Predicted() && r.Switched():
			apriori = append(apriori, r.Bifurcation/(r.APriori+r.Escape))
			plateau = append(plateau, r.Bifurcation/(r.Plateau+r.Escape))
			last = append(last, r.LastChange/r.Last)
			exceeded += truth(r.LastChange > r.Last)
			early += truth(math.IsNaN(r.Plateau))
			off += truth(math.Abs(r.Bifurcation-r.Plateau-r.Escape) > 0.3)
		case r.Predicted():
			missed++
		case r.Switched():
			wrong++
		}
	}
	a, p, l := particles.Quantiles(apriori), particles.Quantiles(plateau), particles.Quantiles(last)
	both := len(apriori)
	return []string{
		fmt.Sprintf("The a-priori prediction, from where V = I leads: measured over predicted has median %.4f, 90 %% of it between %.3f and %.3f.", a[2], a[0], a[4]),
		fmt.Sprintf("The plateau prediction, from the run itself: median %.4f, 90 %% between %.4f and %.4f; more than 0.3 time units off in %d of %d switches. Another %d came before the run had reached a plateau.", p[2], p[0], p[4], off, both-early, early),
		fmt.Sprintf("The upper form for the last change: median %s of it is used, 90 %% between %s and %s; %d of %d runs pass it, which its O(t_c) allows.", brief(l[2]), brief(l[0]), brief(l[4]), exceeded, both),
		fmt.Sprintf("%d predicted switches were not measured, and %d measured ones were not predicted a priori, among %d measurements.", missed, wrong, len(all)),
	}
}

func truth(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// studyCharts draws measured against predicted, and the ratio over eps and size.
func studyCharts(s particles.Study, all []particles.StudyRow, groups []*group) []report.Chart {
	delta := s.Deltas[len(s.Deltas)/2]
	scatter := report.Chart{File: "predicted.svg", Title: "Measured against predicted bifurcation time", XLabel: "predicted (plateau and escape)", YLabel: "measured",
		LogX: true, LogY: true, Diagonal: true, Caption: fmt.Sprintf("Every switch of the study at delta = %g; the line is equality. Marks off it: runs whose plateau had not settled when it was looked at.", delta)}
	for i, size := range s.Sizes {
		line := report.XYSeries{Name: sizeName(size), Color: 1 + i, NoLine: true, Mark: report.Dot}
		for _, r := range all {
			if r.Size == size && r.Delta == delta && r.Predicted() && r.Switched() && r.Seed < mostDots {
				line.X, line.Y = append(line.X, r.Plateau+r.Escape), append(line.Y, r.Bifurcation)
			}
		}
		scatter.Series = append(scatter.Series, line)
	}
	out := []report.Chart{scatter}
	for _, c := range []struct {
		file, title string
		of          func(*group) [5]float64
	}{{"apriori.svg", "A priori: measured over predicted", func(g *group) [5]float64 { return g.quantA }},
		{"plateau.svg", "Plateau: measured over predicted", func(g *group) [5]float64 { return g.quantP }},
		{"last-change.svg", "Last change: measured over its upper form", func(g *group) [5]float64 { return g.quantL }}} {
		chart := report.Chart{File: c.file, Title: c.title, XLabel: "eps", YLabel: "ratio", LogX: true,
			Caption: fmt.Sprintf("Median by size at delta = %g, and the middle half of the seeds.", delta)}
		for i, size := range s.Sizes {
			chart.Series = append(chart.Series, quantileLine(groups, c.of, i, size, delta))
		}
		out = append(out, chart)
	}
	return out
}

// mostDots bounds the seeds that a scatter shows: a page has so much room.
const mostDots = 120

func sizeName(s particles.Size) string { return fmt.Sprintf("n = %d, d = %d", s.N, s.D) }

func quantileLine(groups []*group, of func(*group) [5]float64, i int, size particles.Size, delta float64) report.XYSeries {
	line := report.XYSeries{Name: sizeName(size), Color: 1 + i, Mark: report.Dot}
	for _, g := range groups {
		if g.Size == size && g.delta == delta {
			q := of(g)
			line.X, line.Y = append(line.X, g.eps), append(line.Y, q[2])
			line.Lo, line.Hi = append(line.Lo, q[1]), append(line.Hi, q[3])
		}
	}
	return line
}
