package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/layerclust/layerclust/analyze/theory"
	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/report"
)

// trajectoryFile is trajectory.json: the states of one system, and under lora
// those of the adapted one.
type trajectoryFile struct {
	Dynamics   particles.Dynamics   `json:"dynamics"`
	N          int                  `json:"n"`
	D          int                  `json:"d"`
	Integrator particles.Integrator `json:"integrator"`
	trajectoryData
	LoRA *trajectoryData `json:"lora,omitempty"`
}

type trajectoryData struct {
	Times    []float64                  `json:"times"`
	X        [][][]float64              `json:"x"` // (times, n, d)
	Clusters trajectoryCluster          `json:"clusters"`
	Metrics  map[string][]theory.Number `json:"metrics"`
	BlewUpAt *float64                   `json:"blew_up_at,omitempty"`
	Steps    int                        `json:"steps"`
	Evals    int                        `json:"evaluations"`
}

// trajectoryCluster counts connected components within each tolerance.
type trajectoryCluster struct {
	Tolerances  []float64 `json:"tolerances"`
	Counts      [][]int   `json:"counts"` // (times, tolerances)
	Final       []int     `json:"final"`  // (tolerances)
	Labels      []int     `json:"labels"` // of the last state, at labels_tolerance
	Labelled    float64   `json:"labels_tolerance"`
	Projections []int     `json:"leading_projections,omitempty"` // different values at tolerances .01 and .1
}

// newTrajectoryFile gathers the runs of one simulation.
func newTrajectoryFile(o particles.Options, runs []namedRun) *trajectoryFile {
	s := runs[0].system
	f := &trajectoryFile{Dynamics: s.Dynamics, N: s.N, D: s.D, Integrator: o.Integrator, trajectoryData: trajectoryOf(runs[0])}
	if len(runs) > 1 {
		d := trajectoryOf(runs[1])
		f.LoRA = &d
	}
	return f
}

func trajectoryOf(r namedRun) trajectoryData {
	series, counts := r.series, r.system.Count(r.Last())
	out := trajectoryData{Times: r.Times, Steps: r.Steps, Evals: r.Evals, Metrics: map[string][]theory.Number{}}
	for _, x := range r.X {
		out.X = append(out.X, tokenRows(x, r.D))
	}
	for name, values := range map[string][]float64{"mean_pairwise_cosine_incl_diag": series.CosineIncluding,
		"mean_pairwise_cosine": series.CosineExcluding, "energy": series.Energy, "diameter": series.Diameter} {
		if values != nil {
			out.Metrics[name] = numbers(values)
		}
	}
	out.Clusters = trajectoryCluster{Tolerances: particles.CountTolerances, Counts: series.Clusters, Final: counts.Clusters,
		Projections: counts.Projections, Labelled: particles.CountTolerances[2]}
	if counts.Clusters != nil {
		out.Clusters.Labels, _ = particles.Components(r.Last(), r.D, out.Clusters.Labelled)
	}
	if r.BlewUp {
		out.BlewUpAt = &r.BlowUpTime
	}
	return out
}

// tokenRows is a state as rows, (n, d).
func tokenRows(x []float64, d int) [][]float64 {
	rows := make([][]float64, 0, len(x)/d)
	for i := 0; i < len(x); i += d {
		rows = append(rows, x[i:i+d])
	}
	return rows
}

func numbers(values []float64) []theory.Number {
	out := make([]theory.Number, len(values))
	for i, v := range values {
		out[i] = theory.Number(v)
	}
	return out
}

// fileResult is the page and trajectory.json of a file.
func fileResult(path string, setup *particles.Setup, runs []namedRun) (*simulated, error) {
	s, o := setup.System, setup.Options
	out := &simulated{}
	if err := out.addJSON("trajectory.json", newTrajectoryFile(o, runs)); err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".json")
	out.page = report.Simulation{Title: "The particles of " + name, Lead: fmt.Sprintf("%s dynamics, %d tokens in %d dimensions", s.Dynamics, s.N, s.D)}
	out.describe(runs)
	out.draw(name, runs)
	out.page.Facts = [][2]string{{"dynamics", string(s.Dynamics)}, {"tokens", fmt.Sprintf("%d in %d dimensions", s.N, s.D)},
		{"beta", exact(s.Beta)}, {"causal", fmt.Sprint(s.Causal)}, {"integrator", methodWords(s, o)},
		{"time", fmt.Sprintf("to %s, step %s", exact(o.T), exact(o.Dt))}}
	return out, nil
}

func methodWords(s *particles.System, o particles.Options) string {
	switch {
	case s.Dynamics.InSteps():
		return fmt.Sprintf("steps of h = %s", exact(s.StepSize))
	case o.Integrator == particles.Adaptive:
		return fmt.Sprintf("adaptive (Dormand-Prince 5(4)), relative tolerance %s", exact(o.RTol))
	}
	return string(o.Integrator)
}

// describe says how each run ended.
func (s *simulated) describe(runs []namedRun) {
	for _, r := range runs {
		last := len(r.X) - 1
		c := r.system.Count(r.Last())
		_, begin := particles.MeanCosine(r.X[0], r.D)
		_, end := particles.MeanCosine(r.Last(), r.D)
		if r.BlewUp {
			s.page.Notices = append(s.page.Notices, fmt.Sprintf("%s: the tokens grew beyond all numbers at t = %s; what is shown ends before.", r.name, short(r.BlowUpTime)))
		}
		text := fmt.Sprintf("%s: the mean cosine between different tokens goes from %s to %s at t = %s", r.name, brief(begin), brief(end), short(r.Times[last]))
		if c.Clusters != nil {
			text += fmt.Sprintf("; %d clusters within 0.1 of each other", c.Clusters[2])
		}
		if c.Simple {
			text += fmt.Sprintf(", %d values of the leading left eigenvector of V", c.Projections[1])
		}
		s.page.Findings = append(s.page.Findings, text+".")
	}
}

// draw adds movie, cloud and curves of the runs, which start from one state.
func (s *simulated) draw(title string, runs []namedRun) {
	trs := make([]*particles.Trajectory, len(runs))
	for i, r := range runs {
		trs[i] = r.Trajectory
	}
	movie := report.Movie{Title: title}
	clouds := report.Clouds{File: "particles.svg", Title: title, Caption: "Where the tokens begin, how they go and where they end."}
	for i, v := range particles.NewViews(trs...) {
		name := runs[i].name
		movie.Panels = append(movie.Panels, report.MoviePanel{Name: name, D: v.D, Times: v.Times, Frames: v.Frames, Labels: v.Labels, Edges: v.Edges, Fit: v.Fit})
		clouds.Panels = append(clouds.Panels, report.CloudPanel{Name: name, D: v.D, Frames: v.Frames, Labels: v.Labels, Edges: v.Edges[len(v.Edges)-1]})
		if v.Note != "" {
			movie.Caption, clouds.Caption = sentenceOf(v.Note), clouds.Caption+" "+sentenceOf(v.Note)
		}
	}
	s.page.Movies, s.page.Clouds = append(s.page.Movies, movie), append(s.page.Clouds, clouds)
	cosines := report.Chart{File: "cosine.svg", Title: "Mean cosine between tokens over time", XLabel: "time", YLabel: "mean cosine",
		Caption: "Of different tokens: 1 means that all point the same way."}
	counts := report.Chart{File: "clusters.svg", Title: "Number of clusters over time", XLabel: "time", YLabel: "clusters",
		Caption: "Connected components of the tokens within 0.1 of each other."}
	for i, r := range runs {
		series := r.series
		cosines.Series = append(cosines.Series, report.XYSeries{Name: r.name, Color: i, X: r.Times, Y: series.CosineExcluding})
		if series.Clusters != nil {
			y := make([]float64, len(series.Clusters))
			for k, c := range series.Clusters {
				y[k] = float64(c[2])
			}
			counts.Series = append(counts.Series, report.XYSeries{Name: r.name, Color: i, X: r.Times, Y: y})
		}
	}
	s.page.Charts = append(s.page.Charts, cosines)
	if counts.Series != nil {
		s.page.Charts = append(s.page.Charts, counts)
	}
}

// sentenceOf begins with a capital and ends with a full stop.
func sentenceOf(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }
