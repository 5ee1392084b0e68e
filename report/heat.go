package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// heatStrip shows the distribution of cosines over depth: a column a layer, a
// row a cosine bin, the shade the share of pairs in it. Panels stand side by
// side: the base, an adapter, and the adapter minus the base.
type heatStrip struct {
	title  string
	axis   *axis
	panels []heatPanel
}

// heatPanel is one picture of a strip.
type heatPanel struct {
	name   string
	shares [][]float64 // (layers, HistogramBins) of all pairs, or their difference; nil where a layer has none
	signed bool
}

// The shades. They are fixed, not fitted to the data, so that strips of
// different runs can be held side by side: full ink from a fifth of all pairs
// in one bin on, or a twentieth for a difference. The root spends more shades
// on the thin parts, where the shape of a distribution is.
const (
	fullShare  = 0.2
	fullChange = 0.05
	shades     = 9
	halfShades = 5
)

// shade is the class of a share, or "" for what is too little to show.
func shade(v float64, signed bool) string {
	if !signed {
		k := int(math.Ceil(shades * math.Sqrt(math.Min(v/fullShare, 1))))
		if v <= 0 {
			return ""
		}
		return fmt.Sprintf("q%d", k)
	}
	k := int(math.Round(halfShades * math.Sqrt(math.Min(math.Abs(v)/fullChange, 1))))
	switch {
	case k == 0:
		return ""
	case v < 0:
		return fmt.Sprintf("n%d", k)
	}
	return fmt.Sprintf("p%d", k)
}

// shares returns the histograms of one variant as shares of all pairs.
func (t *table) shares(variant, prompt, site, mask string) [][]float64 {
	a := t.axes[site]
	out := make([][]float64, len(a.layers)) // (layers, HistogramBins)
	for i, layer := range a.layers {
		h := t.hists[histKey{variant, prompt, site, mask, layer}]
		if h == nil {
			continue
		}
		var total int32
		for _, n := range h.Counts {
			total += n
		}
		if total == 0 || len(h.Counts) != analyze.HistogramBins {
			continue
		}
		out[i] = make([]float64, analyze.HistogramBins)
		for k, n := range h.Counts {
			out[i][k] = float64(n) / float64(total)
		}
	}
	return out
}

// minus is the difference of two pictures where both have a layer.
func minus(x, y [][]float64) [][]float64 {
	out := make([][]float64, len(x)) // (layers, HistogramBins)
	for i := range x {
		if x[i] == nil || y[i] == nil {
			continue
		}
		out[i] = make([]float64, len(x[i]))
		for k := range x[i] {
			out[i][k] = x[i][k] - y[i][k]
		}
	}
	return out
}

// draw lays the panels out on one row above the key of shades.
func (h *heatStrip) draw() *drawing {
	const top, height, gap, foot = 62.0, 230.0, 14.0, 116.0
	d := &drawing{width: chartWidth, height: top + height + foot, title: h.title}
	d.text(marginLeft-44, 24, "title", "start", h.title)
	lo, hi := h.bins()
	y := scale{binEdge(lo), binEdge(hi), top + height, top}
	values, labels := ticks(binEdge(lo), binEdge(hi), 5)
	for i, v := range values {
		d.text(marginLeft-8, y.at(v)+4, "tick", "end", labels[i])
	}
	d.upright(20, top+height/2, "label", "cosine between tokens")
	n := float64(len(h.panels))
	w := (chartWidth - marginLeft - 12 - gap*(n-1)) / n
	for i := range h.panels {
		left := marginLeft + float64(i)*(w+gap)
		d.text(left, top-10, "label", "start", clip(h.panels[i].name, int(w/6.6)))
		h.panels[i].draw(d, h.axis, left, w, y, lo, hi)
	}
	d.text(marginLeft+(chartWidth-marginLeft)/2, top+height+38, "label", "middle", h.xLabel())
	h.key(d, top+height+66)
	return d
}

// bins is the range of bins that hold anything in any panel, with one to spare.
func (h *heatStrip) bins() (lo, hi int) {
	lo, hi = analyze.HistogramBins, 0
	for _, p := range h.panels {
		for _, column := range p.shares {
			for k, v := range column {
				if shade(v, p.signed) != "" {
					lo, hi = min(lo, k), max(hi, k+1)
				}
			}
		}
	}
	if lo > hi {
		return 0, analyze.HistogramBins
	}
	return max(0, lo-1), min(analyze.HistogramBins, hi+1)
}

// draw draws the cells of one panel and its axes.
func (p *heatPanel) draw(d *drawing, a *axis, left, w float64, y scale, lo, hi int) {
	column := w / float64(max(1, len(a.layers)))
	cells := map[string]*strings.Builder{} // shade -> path data of its cells
	for i, shares := range p.shares {
		for k := lo; k < hi && shares != nil; {
			class, end := shade(shares[k], p.signed), k+1
			for end < hi && shade(shares[end], p.signed) == class {
				end++
			}
			if class != "" {
				if cells[class] == nil {
					cells[class] = &strings.Builder{}
				}
				up, down := y.at(binEdge(end)), y.at(binEdge(k))
				cells[class].WriteString(box(left+float64(i)*column, up, column, down-up))
			}
			k = end
		}
	}
	for _, class := range shadeClasses(p.signed) {
		if b := cells[class]; b != nil {
			d.path(class, b.String())
		}
	}
	if y.d0 < 0 && y.d1 > 0 {
		d.line(left, y.at(0), left+w, y.at(0), "grid")
	}
	d.line(left, y.p0, left+w, y.p0, "axis")
	p.layerTicks(d, a, left, column, y.p0)
}

// layerTicks names some of the columns.
func (p *heatPanel) layerTicks(d *drawing, a *axis, left, column, bottom float64) {
	step := max(1, int(niceStep(float64(len(a.layers))/(4*float64(len(a.layers))*column/150))))
	for i, layer := range a.layers {
		n := a.number(i)
		crowded := a.hasRaw() && n != a.last && a.last-n < step
		if !a.isRaw(i) && (n == a.last && a.hasRaw() || n%step == 0 && !crowded) {
			x := left + (float64(i)+0.5)*column
			d.line(x, bottom, x, bottom+4, "axis")
			d.text(x, bottom+17, "tick", "middle", layer)
		}
	}
}

// xLabel names the columns.
func (h *heatStrip) xLabel() string {
	if h.axis.site != residSite {
		return "block, " + h.axis.site + " output"
	}
	if h.axis.hasRaw() {
		return "layer (the last column: before the final norm)"
	}
	return "layer"
}

// key explains the shades.
func (h *heatStrip) key(d *drawing, y float64) {
	const cell = 20.0
	x := marginLeft
	d.text(x, y+11, "tick", "start", "share of pairs: 0")
	x += 96
	for _, class := range shadeClasses(false) {
		d.path(class, box(x, y, cell, 12))
		x += cell
	}
	d.text(x+6, y+11, "tick", "start", "20 % or more in one bin")
	signed := false
	for _, p := range h.panels {
		signed = signed || p.signed
	}
	if !signed {
		return
	}
	x, y = marginLeft, y+22
	d.text(x, y+11, "tick", "start", "change: -5 %")
	x += 96
	for _, class := range shadeClasses(true) {
		d.path(class, box(x, y, 18, 12))
		x += 18
	}
	d.text(x+6, y+11, "tick", "start", "+5 % or more")
}

// shadeClasses lists the shades in their order.
func shadeClasses(signed bool) []string {
	var out []string
	if !signed {
		for k := 1; k <= shades; k++ {
			out = append(out, fmt.Sprintf("q%d", k))
		}
		return out
	}
	for k := halfShades; k >= 1; k-- {
		out = append(out, fmt.Sprintf("n%d", k))
	}
	for k := 1; k <= halfShades; k++ {
		out = append(out, fmt.Sprintf("p%d", k))
	}
	return out
}
