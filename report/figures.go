package report

import (
	"fmt"

	"github.com/layerclust/layerclust/analyze"
)

// figure is one drawing that stands in the page, in report.md and as a file.
type figure struct {
	File    string // in the folder figures
	Title   string
	Caption string
	SVG     *drawing
}

// figureFiles are all names that figures may use.
var figureFiles = []string{"cosine.svg", "clusters.svg", "drift.svg", "agreement.svg", "histograms.svg", twinFile}

// figures draws what the Result has data for, in reading order.
func figures(t *table) []figure {
	var out []figure
	depth := []struct{ file, metric, title, yLabel, caption string }{
		{"cosine.svg", "cosine_mean", "Mean cosine between tokens over depth", "mean cosine",
			"How alike the directions of a prompt's tokens are, layer by layer: 1 means that all point the same way."},
		{"clusters.svg", "clusters", "Number of clusters over depth", "clusters",
			"How many groups the tokens of a prompt form, layer by layer."},
		{"drift.svg", "drift", "Distance of the adapted states from the base", "relative drift",
			"Mean over tokens of |adapted - base| / |base|: what the adapter moves, and where in the depth it begins."},
		{"agreement.svg", agreementMetric, "Agreement of the clusters with the base", "adjusted mutual information",
			"1: the adapter leaves the tokens in the same clusters as the base; 0: no more agreement than chance."},
	}
	for _, f := range depth {
		if svg := t.depthChart(f.metric, f.title, f.yLabel); svg != nil {
			caption := f.caption
			if f.metric == agreementMetric && t.uncompared() {
				caption += " Layers where base or adapter has no cluster are left out."
			}
			out = append(out, figure{f.file, f.title, caption + " " + t.figureBasis(), svg})
		}
	}
	if svg := t.twinChart(); svg != nil {
		out = append(out, figure{twinFile, twinTitle, twinCaption + " " + t.figureBasis(), svg})
	}
	if strip := t.heatStrip(); strip != nil {
		out = append(out, figure{"histograms.svg", strip.title,
			"Every pair of tokens of a prompt, sorted by its cosine: a column is a layer's histogram. " + t.histBasis(), strip.draw()})
	}
	return out
}

// maxBands is how many variants are shown with their intervals: the bands of
// more would lie over one another and hide the lines.
const maxBands = 6

// depthChart draws one metric of every variant, or nil without two layers.
func (t *table) depthChart(metric, title, yLabel string) *drawing {
	c := &lineChart{title: title, yLabel: yLabel, axis: t.axes[t.lead]}
	points := 0
	for i, v := range t.variants {
		l := t.shownLine(v, t.overview(), metric)
		if l == nil {
			continue
		}
		c.series = append(c.series, series{v, seriesClass(i), l, len(t.variants) <= maxBands})
		for _, x := range l.value {
			points += b2i(finite(x))
		}
	}
	if points < 2*len(c.series) || len(c.series) == 0 {
		return nil
	}
	return c.draw()
}

// heatStrip gathers the base, the adapter that drifts farthest, and their
// difference.
func (t *table) heatStrip() *heatStrip {
	prompt := t.histPrompt()
	a := t.axes[t.lead]
	if a == nil || prompt == "" {
		return nil
	}
	base := t.shares(analyze.Base, prompt, t.lead, analyze.MaskDefault)
	title := "Cosines between tokens over depth"
	if prompt == analyze.AllPrompts {
		title += ", all prompts"
	} else {
		title += ", prompt " + clip(prompt, 32)
	}
	h := &heatStrip{title: title, axis: a, panels: []heatPanel{{name: analyze.Base, shares: base}}}
	name := ""
	if peaks := adapterPeaks(t, a, "drift", 1); len(peaks) > 0 {
		name = peaks[0].variant
	} else if len(t.variants) > 1 {
		name = t.variants[1]
	}
	if name == "" {
		return h
	}
	adapted := t.shares(name, prompt, t.lead, analyze.MaskDefault)
	h.panels = append(h.panels,
		heatPanel{name: name, shares: adapted},
		heatPanel{name: "minus base", shares: minus(adapted, base), signed: true})
	return h
}

// histPrompt is the first prompt that the base has histograms of, "" for none.
func (t *table) histPrompt() string {
	a := t.axes[t.lead]
	if a == nil {
		return ""
	}
	for _, p := range append([]string{analyze.AllPrompts}, t.prompts...) {
		for _, layer := range a.layers {
			if t.hists[histKey{analyze.Base, p, t.lead, analyze.MaskDefault, layer}] != nil {
				return p
			}
		}
	}
	return ""
}

// histBasis says what the histograms are of.
func (t *table) histBasis() string {
	if site := t.siteNote(); site != "" {
		return "Default mask, " + site + "."
	}
	return "Default mask."
}

// figureBasis says what a depth figure shows.
func (t *table) figureBasis() string {
	what := "One prompt"
	switch n := len(t.Run.Prompts); {
	case t.overview() != analyze.AllPrompts:
		what = "Prompt " + t.overview()
	case n > 1 && len(t.variants) > maxBands:
		what = fmt.Sprintf("Mean of %d prompts (the %s is in %s)", n, t.intervalName(), metricsFile)
	case n > 1 && n < fewPrompts:
		what = fmt.Sprintf("Mean and %s", t.intervalName())
	case n > 1:
		what = fmt.Sprintf("Mean of %d prompts with its %s where one is defined", n, t.intervalName())
	}
	if site := t.siteNote(); site != "" {
		what += ", " + site
	}
	return what + ", default mask."
}

func hasFigure(figs []figure, file string) bool {
	for _, f := range figs {
		if f.File == file {
			return true
		}
	}
	return false
}
