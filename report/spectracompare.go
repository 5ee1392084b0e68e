package report

import (
	"fmt"
	"math"
	"slices"
)

// overlapsFigure compares the column spaces of all adapters in one matrix.
func overlapsFigure(w *weights) *figure {
	m := w.overlapMatrix()
	if m == nil {
		return nil
	}
	g := &gridChart{title: "Overlap of the updates' subspaces", rows: w.shortNames(m.variants), columns: w.shortNames(m.variants), unit: "φ", lo: 0, hi: 1,
		value: func(i, j int) float64 { return m.phi[i][j] }}
	caption := fmt.Sprintf("φ of the %s spaces in %s of layer %d: 1 where one holds the other; random subspaces have %s in the mean.",
		m.side, label(m.module), m.layer, short(m.random))
	return &figure{"overlaps.svg", g.title, caption, g.draw()}
}

// overlapMatrix is phi of all pairs of adapters in one matrix.
type overlapMatrix struct {
	variants []string
	module   string
	side     string
	layer    int
	phi      [][]float64 // (variants, variants), 1 on the diagonal
	random   float64
}

// mostCompared is how many adapters a static matrix has names for.
const mostCompared = 24

// overlapMatrix gathers the matrix that the first overlap within a layer is of.
func (w *weights) overlapMatrix() *overlapMatrix {
	var m *overlapMatrix
	places := map[string]int{}
	for i := range w.Overlaps {
		o := &w.Overlaps[i]
		if o.LayerA != o.LayerB || o.A == o.B {
			continue
		}
		if m == nil {
			m = &overlapMatrix{module: o.Module, side: o.Side, layer: o.LayerA, random: o.Random}
		}
		if o.Module != m.module || o.Side != m.side || o.LayerA != m.layer {
			continue
		}
		for _, v := range []string{o.A, o.B} {
			if _, ok := places[v]; !ok && len(m.variants) < mostCompared {
				places[v] = len(m.variants)
				m.variants = append(m.variants, v)
			}
		}
	}
	if m == nil {
		return nil
	}
	for i := range m.variants {
		m.phi = append(m.phi, slices.Repeat([]float64{math.NaN()}, len(m.variants)))
		m.phi[i][i] = 1
	}
	for i := range w.Overlaps {
		o := &w.Overlaps[i]
		a, okA := places[o.A]
		b, okB := places[o.B]
		if okA && okB && o.LayerA == m.layer && o.LayerB == m.layer && o.Module == m.module && o.Side == m.side {
			m.phi[a][b], m.phi[b][a], m.random = o.Phi, o.Phi, o.Random // the whole subspaces come after the leading directions
		}
	}
	return m
}

// intrudersFigure counts intruder dimensions over the thresholds.
func intrudersFigure(w *weights) *figure {
	if len(w.info.Thresholds) == 0 || !w.has("intruders") {
		return nil
	}
	c := &Chart{Title: "Intruder dimensions over the threshold", XLabel: "cosine below which a singular vector is an intruder", YLabel: "intruders in all matrices"}
	for _, v := range w.finals() {
		s := XYSeries{Name: label(v), Color: 1 + (w.color(v)-1)%6, Dash: (w.color(v) - 1) / 6 % 4, Mark: Dot}
		for at, eps := range w.info.Thresholds {
			total, found := 0.0, false
			for _, layer := range w.layers {
				for _, m := range w.modules {
					if x := w.of(v, layer, m, "intruders"); x != nil && at < len(x.re) {
						total, found = total+clean(x.re[at]), true
					}
				}
			}
			if found {
				s.X, s.Y = append(s.X, eps), append(s.Y, total)
			}
		}
		if len(s.X) > 0 && len(c.Series) < mostLines {
			c.Series = append(c.Series, s)
		}
	}
	if len(c.Series) == 0 {
		return nil
	}
	return &figure{"intruders.svg", c.Title, "Of the 10 leading left singular vectors of each W', those that no singular vector of W comes near.", c.draw()}
}

// mostLines is how many lines a static chart tells apart.
const mostLines = 24

// joinFigure is the scatter of the closest relation of weights and tokens.
func joinFigure(w *weights) *figure {
	j := w.strongest()
	if j == nil {
		return nil
	}
	c := &Chart{Title: "Weights against tokens, layer by layer", XLabel: label(j.Covariate) + ", rank, trend removed", YLabel: label(j.Target) + ", rank, trend removed"}
	s := XYSeries{Name: label(j.Adapter), Color: 1, Mark: Dot, NoLine: true}
	for _, p := range j.Points {
		s.X, s.Y = append(s.X, p.XRest), append(s.Y, p.YRest)
	}
	c.Series = []XYSeries{s}
	caption := fmt.Sprintf("Each point a layer; ρ = %s", short(j.Rho))
	if finite(j.P) {
		caption += fmt.Sprintf(", p = %s over %d circular shifts", short(j.P), j.Shifts)
	}
	if n := w.joinsOf(j.Adapter); n > 1 && finite(j.PMax) {
		caption += fmt.Sprintf("; as the extreme of %d pairs, p = %s", n, short(j.PMax))
	}
	return &figure{"join.svg", c.Title, caption + ".", c.draw()}
}
