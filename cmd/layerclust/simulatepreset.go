package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// preset is one experiment.
type preset struct {
	name  string
	takes []string // of the flags n, d, seed, seeds, paper-compat, integrator
	run   func(f *simulateFlags, ctx context.Context) (*simulated, error)
}

// presets lists the experiments that are not geometries.
func presets() []preset {
	return []preset{
		{"time-bifurcation", []string{"n", "d", "seed", "paper-compat", "integrator"}, (*simulateFlags).timeBifurcation},
		{"phase-diagram", []string{"n", "d", "seed", "paper-compat", "integrator"}, (*simulateFlags).phaseDiagram},
		{"tightness", []string{"seeds"}, (*simulateFlags).tightness},
		{"norm-transition", []string{"seeds"}, (*simulateFlags).normTransition},
		{"consensus-drift", nil, (*simulateFlags).consensusDrift},
	}
}

func presetNames() []string {
	names := particles.GeometryNames()
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

// runPreset finds the experiment and refuses flags that it would not heed.
func (f *simulateFlags) runPreset(ctx context.Context) (*simulated, error) {
	p := preset{f.preset, []string{"n", "d", "seed", "paper-compat", "integrator"}, (*simulateFlags).geometry}
	if !slices.Contains(particles.GeometryNames(), f.preset) {
		list := presets()
		k := slices.IndexFunc(list, func(p preset) bool { return p.name == f.preset })
		if k < 0 {
			return nil, usageError{fmt.Errorf("--preset %q is not one of %v", f.preset, presetNames())}
		}
		p = list[k]
	}
	for _, flag := range []string{"n", "d", "seed", "seeds", "paper-compat", "integrator"} {
		if f.given(flag) && !slices.Contains(p.takes, flag) {
			if flag == "paper-compat" || flag == "seed" {
				continue // nothing of the experiment depends on it
			}
			return nil, usageError{fmt.Errorf("--%s: the preset %s does not take it", flag, f.preset)}
		}
	}
	out, err := p.run(f, ctx)
	if err != nil {
		return nil, err
	}
	out.page.Command = "layerclust simulate --preset " + f.preset + f.flagWords()
	return out, nil
}

// flagWords repeats the flags that decided the result.
func (f *simulateFlags) flagWords() string {
	var words string
	for _, v := range []struct {
		flag  string
		value any
	}{{"seed", f.seed}, {"seeds", f.seeds}, {"n", f.n}, {"d", f.d}, {"integrator", f.integrator}} {
		if f.given(v.flag) {
			words += fmt.Sprintf(" --%s %v", v.flag, v.value)
		}
	}
	if f.compat {
		words += " --paper-compat"
	}
	return words + " --out DIR"
}

// geometry runs a preset of the paper's script, original and LoRA, with its
// integrator and, to see what that does to tokens near a tie, with the exact
// flow.
func (f *simulateFlags) geometry(ctx context.Context) (*simulated, error) {
	g, err := particles.NewGeometry(f.preset, particles.GeometryOptions{Seed: f.seed, N: f.n, D: f.d, Compat: f.compat})
	if err != nil {
		return nil, loader.InputErrorf("--preset %w", err)
	}
	method, err := f.method(particles.Euler)
	if err != nil {
		return nil, err
	}
	methods := []particles.Integrator{method}
	if !f.given("integrator") {
		methods = append(methods, particles.Adaptive)
	}
	out := &simulated{}
	var rows [][]string
	for i, m := range methods {
		o := particles.Options{Integrator: m, T: g.T, Dt: g.Dt}
		if i > 0 {
			o.Times, o.RTol = []float64{g.T}, 1e-8
		}
		runs, err := runBoth(ctx, &particles.Setup{System: g.Base, Adapted: g.Adapted, X0: g.X0, Options: o})
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			rows = append(rows, f.geometryRow(g, r, m))
		}
		if i > 0 {
			continue
		}
		if err := out.addJSON("trajectory.json", newTrajectoryFile(o, runs)); err != nil {
			return nil, err
		}
		out.describe(runs)
		out.draw(g.Name, runs)
	}
	out.page.Findings = append(out.page.Findings, "Expected: "+g.Expected+".")
	out.geometryPage(g, rows)
	return out, out.addCSV("results.csv", geometryHeader, rows)
}

var geometryHeader = []string{"geometry", "which", "integrator", "seed", "n", "d", "T", "dt", "clusters_tol_0.001", "clusters_tol_0.01",
	"clusters_tol_0.1", "clusters_tol_1", "leading_projections_tol_0.01", "leading_projections_tol_0.1", "hull_corners", "max_abs_final"}

func (f *simulateFlags) geometryRow(g *particles.Geometry, r namedRun, m particles.Integrator) []string {
	c := r.system.Count(r.Last())
	row := []string{g.Name, r.name, string(m), fmt.Sprint(f.seed), fmt.Sprint(r.N), fmt.Sprint(r.D), exact(g.T), exact(g.Dt)}
	for _, v := range c.Clusters {
		row = append(row, fmt.Sprint(v))
	}
	for i := range particles.ProjectionTolerances {
		text := ""
		if c.Projections != nil {
			text = fmt.Sprint(c.Projections[i])
		}
		row = append(row, text)
	}
	return append(row, fmt.Sprint(c.Corners), exact(c.Largest))
}

func (s *simulated) geometryPage(g *particles.Geometry, rows [][]string) {
	s.page.Title = "Clusters of the preset " + g.Name
	s.page.Lead = fmt.Sprintf("%d tokens in %d dimensions, rescaled dynamics, Q = K, to T = %s", g.Base.N, g.Base.D, exact(g.T))
	s.page.Tables = []report.SimTable{{ID: "counts", Title: "Clusters, by tolerance and integrator", Header: geometryHeader, Rows: rows}}
	matrix := func(x []float64) string { return fmt.Sprintf("%.4g", tokenRows(x, g.Base.D)) }
	h := g.Base.Layers[0].Heads[0]
	s.page.Facts = [][2]string{{"Q = K", matrix(h.Q)}, {"V", matrix(h.V)}}
	if g.Adapted != nil {
		h := g.Adapted.Layers[0].Heads[0]
		s.page.Facts = append(s.page.Facts, [2]string{"Q = K, adapted", matrix(h.Q)}, [2]string{"V, adapted", matrix(h.V)})
	}
}
