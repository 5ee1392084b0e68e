package report

import (
	"fmt"

	"github.com/layerclust/layerclust/analyze"
)

// twinFile is the figure that lays the mean-field twins over the model.
const (
	twinFile    = "twin.svg"
	twinTitle   = "Mean cosine over depth: model and mean-field twins"
	twinCaption = "Solid: the model. Dashed: its residual twin, dotted: its twin on the sphere, which have its attention and its embeddings but no MLPs and no positions. Where the lines part, the theory ends."
)

// mostTwins is how many variants the figure has room for, three lines each.
const mostTwins = 3

// twinChart draws cosine_mean and its twins, or nil where a run has none.
func (t *table) twinChart() *drawing {
	c := &lineChart{title: twinTitle, yLabel: "mean cosine", axis: t.axes[t.lead]}
	twins := 0
	for i, v := range t.variants[:min(len(t.variants), mostTwins)] {
		for dash, m := range []struct{ metric, suffix string }{{"cosine_mean", ""}, {analyze.TwinResidual, ", residual"}, {analyze.TwinSphere, ", sphere"}} {
			l := t.shownLine(v, t.overview(), m.metric)
			if l == nil {
				continue
			}
			twins += b2i(dash > 0)
			c.series = append(c.series, series{v + m.suffix, fmt.Sprintf("s%d d%d", i, dash), l, false})
		}
	}
	if twins == 0 {
		return nil
	}
	return c.draw()
}
