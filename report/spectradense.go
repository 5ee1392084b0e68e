package report

import (
	"fmt"
	"strconv"

	"github.com/layerclust/layerclust/analyze/spectra"
)

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
	caption := fmt.Sprintf("Where there are more than %d eigenvalues, the outermost are drawn and of the rest every so many.", mostPoints)
	if _, radius := p.at(0, 0); finite(radius) {
		caption += " Dashed: the edge of the circular law for a matrix of this size and norm with independent entries."
	}
	return &figure{"eigenvalues.svg", p.title, caption, p.draw()}
}

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
	g.log = g.wide()
	return g
}
