package report

import (
	"cmp"
	"fmt"
	"slices"
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
			s := XYSeries{Name: fmt.Sprintf("%s, layer %d", q.sign, layer), Color: 1 + i%6, Dash: dash, X: steps}
			if dash == 0 && len(steps) <= 30 {
				s.Mark = Dot
			}
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
	g.title, g.log = "Size of the updates "+what, g.wide()
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
