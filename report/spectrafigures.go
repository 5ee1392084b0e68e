package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// spectraFigureFiles are all names that the figures of spectra may use.
var spectraFigureFiles = []string{"training.svg", "updates.svg", "eigenvalues.svg", "singular-values.svg", "overlaps.svg", "intruders.svg", "heads.svg", "join.svg"}

// figures draws what the Result has data for, in reading order.
func (w *weights) figures() []figure {
	var out []figure
	for _, f := range []func(*weights) *figure{
		trainingFigure, updatesFigure, planesFigure, singularFigure, overlapsFigure, intrudersFigure, headsFigure, joinFigure,
	} {
		if fig := f(w); fig != nil {
			out = append(out, *fig)
		}
	}
	return out
}

// chosenLayers are a few layers that stand for all: those of the paper's figures
// where they are there, else the first, the last and some between.
func (w *weights) chosenLayers(n int) []int {
	paper := []int{0, 1, 2, 15, 31}
	if n >= len(paper) && !slices.ContainsFunc(paper, func(l int) bool { return !slices.Contains(w.layers, l) }) {
		return paper
	}
	if len(w.layers) <= n {
		return w.layers
	}
	var out []int
	for i := range n {
		out = append(out, w.layers[i*(len(w.layers)-1)/(n-1)])
	}
	return out
}

// trainingFigure is the paper's figure of eigenvalues over training, with the
// singular values beside them.
func trainingFigure(w *weights) *figure {
	if len(w.families) == 0 {
		return nil
	}
	f := w.families[0]
	module := w.leadModule("lora_sv", f.Variants)
	if module == "" {
		return nil
	}
	c := &Chart{Title: "The update over training, " + label(module), XLabel: "step", YLabel: "σ₁ and |λ₁| of s B A", LogY: true}
	steps := make([]float64, len(f.Steps))
	for i, s := range f.Steps {
		steps[i] = float64(s)
	}
	for i, layer := range w.chosenLayers(5) {
		for dash, q := range []struct{ quantity, sign string }{{"lora_sv", "σ₁"}, {"lora_eig", "|λ₁|"}} {
			s := XYSeries{Name: fmt.Sprintf("%s, layer %d", q.sign, layer), Color: 1 + i%6, Dash: dash, X: steps, Mark: Mark(1 - dash)}
			found := false
			for _, v := range f.Variants {
				x := w.of(v, layer, module, q.quantity).modulus()
				s.Y, found = append(s.Y, x), found || finite(x)
			}
			if found {
				c.Series = append(c.Series, s)
			}
		}
	}
	caption := "Solid: the largest singular value of the update at each checkpoint"
	if w.leadModule("lora_eig", f.Variants) == module {
		caption += "; dashed: the modulus of its leading eigenvalue, which the paper's figure shows"
	}
	return &figure{"training.svg", c.Title, caption + ". " + w.scaleSentence(), c.draw()}
}

// scaleSentence says which scale the updates carry.
func (w *weights) scaleSentence() string {
	if w.info.LoRAScale == "paper" {
		return "As the paper has them, without the factor α/r."
	}
	return "With the factor α/r that PEFT applies."
}

// leadModule is the first module that has a quantity in some variants.
func (w *weights) leadModule(quantity string, variants []string) string {
	if list := w.matrices(quantity, variants); len(list) > 0 {
		return list[0].module
	}
	return ""
}

// updatesFigure is the size of updates, layer by module, or layer by adapter
// where they are of one module.
func updatesFigure(w *weights) *figure {
	quantity, unit := "relative_norm", "|ΔW| / |W|"
	if !w.has(quantity) {
		quantity, unit = "delta_norm", "|ΔW|"
	}
	finals := w.finals()
	list := w.matrices(quantity, finals)
	if len(list) == 0 {
		return nil
	}
	g := &gridChart{columns: w.layerNames(), columnLabel: "layer", unit: unit}
	what := ""
	if modules := w.modulesOf(list); len(modules) == 1 {
		variants := w.adapters()
		g.rows, what = w.shortNames(variants), "of "+label(modules[0])
		g.value = func(i, j int) float64 { return w.of(variants[i], w.layers[j], modules[0], quantity).first() }
	} else {
		v := w.broadest(quantity, finals)
		modules = w.modulesOf(w.matrices(quantity, []string{v}))
		g.rows, what = labels(modules), "by "+clip(label(v), 40)
		g.value = func(i, j int) float64 { return w.of(v, w.layers[j], modules[i], quantity).first() }
	}
	g.title = "Size of the updates " + what
	return &figure{"updates.svg", g.title, "Frobenius norm " + map[bool]string{true: "of each update against that of its weight. ", false: "of each update. "}[quantity == "relative_norm"] + w.scaleSentence(), g.draw()}
}

// modulesOf are the modules of some matrices, in the order of a block.
func (w *weights) modulesOf(list []placed) []string {
	return slices.DeleteFunc(slices.Clone(w.modules), func(m string) bool {
		return !slices.ContainsFunc(list, func(p placed) bool { return p.module == m })
	})
}

// broadest is the first of the variants with a quantity of the most matrices.
func (w *weights) broadest(quantity string, variants []string) string {
	return slices.MaxFunc(variants, func(a, b string) int {
		return cmp.Compare(len(w.matrices(quantity, []string{a})), len(w.matrices(quantity, []string{b})))
	})
}

func (w *weights) layerNames() []string {
	out := make([]string, len(w.layers))
	for i, l := range w.layers {
		out[i] = layerName(l)
	}
	return out
}

// planesFigure sets the eigenvalues of V beside those with the adapter that
// changes them most.
func planesFigure(w *weights) *figure {
	if !w.has("v_eig") {
		return nil
	}
	var variants []string
	for _, v := range append([]string{spectra.Base}, w.finals()...) {
		if w.leadModule("v_eig", []string{v}) != "" && len(variants) < 2 {
			variants = append(variants, v)
		}
	}
	module := w.leadModule("v_eig", variants)
	if module == "" {
		return nil
	}
	var layers []int
	for _, l := range w.chosenLayers(3) {
		if w.of(variants[0], l, module, "v_eig") != nil {
			layers = append(layers, l)
		}
	}
	if len(layers) == 0 {
		return nil
	}
	p := &planeChart{title: "Eigenvalues of V (" + label(module) + ")", rows: labels(variants)}
	for _, v := range variants {
		p.classes = append(p.classes, seriesClass(w.color(v)))
	}
	for _, l := range layers {
		p.columns = append(p.columns, "layer "+layerName(l))
	}
	p.at = func(i, j int) (*spectrum, float64) {
		return w.of(variants[i], layers[j], module, "v_eig"), w.circle(variants[i], layers[j], module, spectra.Whole, "v_eig")
	}
	return &figure{"eigenvalues.svg", p.title, fmt.Sprintf("Of more than %d eigenvalues the outer ones are drawn and of the inner ones every so many. Dashed: the edge of the circular law for a matrix of this size and norm with independent entries.",
		mostPoints), p.draw()}
}

// singularFigure is the singular values of updates, over their order, against
// random updates of the same shape and norm.
func singularFigure(w *weights) *figure {
	finals := w.finals()
	list := w.matrices("lora_sv", finals)
	if len(list) == 0 {
		return nil
	}
	top := largest(list)
	s := w.of(top.variant, top.layer, top.module, "lora_sv")
	if len(s.re) < 2 {
		return nil
	}
	c := &Chart{Title: "Singular values of the largest update", XLabel: "order", YLabel: "σ", LogY: true, WholeX: true}
	c.Series = append(c.Series, w.singularSeries(label(top.variant), 1, s))
	if r := w.random(top, "lora_sv"); r != nil {
		c.Series = append(c.Series, *r)
	}
	return &figure{"singular-values.svg", c.Title, fmt.Sprintf("Of %s, %s. %s", label(top.variant), top.where(), w.scaleSentence()), c.draw()}
}

func (w *weights) singularSeries(name string, color int, s *spectrum) XYSeries {
	out := XYSeries{Name: name, Color: color, Mark: Dot}
	for i, v := range s.re {
		out.X, out.Y = append(out.X, float64(i+1)), append(out.Y, v)
	}
	return out
}

// random is the random reference of a spectrum: its mean, and its range where
// there is one.
func (w *weights) random(p placed, quantity string) *XYSeries {
	of := func(suffix string) *spectrum { return w.of(p.variant, p.layer, p.module, quantity+suffix) }
	mean := of(randomSuffix)
	if mean == nil {
		return nil
	}
	out := w.singularSeries("random, same shape and norm", 0, mean)
	out.Dash, out.Mark = 1, NoMark
	if lo, hi := of(randomSuffix+"_lo"), of(randomSuffix+"_hi"); lo != nil && hi != nil && len(lo.re) == len(mean.re) && len(hi.re) == len(mean.re) {
		out.Lo, out.Hi = lo.re, hi.re
	}
	return &out
}

// randomSuffix marks what a random update of the same shape and norm has.
const randomSuffix = "_random"

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

// headsFigure is the spectral radius of each head's OV in the base, or the rank
// of its QK where only that is there.
func headsFigure(w *weights) *figure {
	for _, q := range []struct{ quantity, title, unit, caption string }{
		{"ov_radius", "Spectral radius of each head's OV", "|λ₁| of W_O W_V", "The largest modulus of an eigenvalue of W_O,h W_V,h in the base, head by head."},
		{"qk_rank", "Numerical rank of each head's QK", "rank of W_Q' W_K", "The rank of W_Q,h' W_K,h in the base, head by head, at the tolerance that Methods states."},
	} {
		for _, m := range w.modules {
			for _, v := range w.variants[:min(1, len(w.variants))] {
				if g := w.headGrid(v, m, q.quantity); g != nil {
					g.title, g.unit = q.title, q.unit
					return &figure{"heads.svg", g.title, q.caption, g.draw()}
				}
			}
		}
	}
	return nil
}

// headGrid is a quantity of all heads, nil where none has it.
func (w *weights) headGrid(variant, module, quantity string) *gridChart {
	most := -1
	for _, layer := range w.layers {
		for _, h := range w.heads[headsKey{variant, layer, module, quantity}] {
			most = max(most, h)
		}
	}
	if most < 0 || most > 512 {
		return nil
	}
	g := &gridChart{columns: w.layerNames(), columnLabel: "layer", rowLabel: "head"}
	for h := range most + 1 {
		g.rows = append(g.rows, strconv.Itoa(h))
	}
	g.value = func(i, j int) float64 {
		return w.series[spectrumKey{variant, w.layers[j], module, i, quantity}].first()
	}
	return g
}

// joinFigure is the scatter of the closest relation of weights and tokens.
func joinFigure(w *weights) *figure {
	j := w.strongest()
	if j == nil {
		return nil
	}
	c := &Chart{Title: "Weights against tokens, layer by layer", XLabel: label(j.Covariate) + ", trend removed", YLabel: label(j.Target) + ", trend removed"}
	s := XYSeries{Name: label(j.Adapter), Color: 1, Mark: Dot, NoLine: true}
	for _, p := range j.Points {
		s.X, s.Y = append(s.X, p.XRest), append(s.Y, p.YRest)
	}
	c.Series = []XYSeries{s}
	caption := fmt.Sprintf("Each point a layer; ρ = %s", short(j.Rho))
	if finite(j.P) {
		caption += fmt.Sprintf(", p = %s over %d circular shifts", short(j.P), j.Shifts)
	}
	if len(w.Joins) > 1 {
		caption += fmt.Sprintf("; the extreme of %d pairs, not corrected for that", len(w.Joins))
	}
	return &figure{"join.svg", c.Title, caption + ".", c.draw()}
}
