package report

import (
	"math"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
)

// The twins are drawn where a run has them, beside the model's own curve, and
// nowhere else.
func TestTwinChart(t *testing.T) {
	r := sample("v-r2")
	if newTable(r).twinChart() != nil {
		t.Error("a figure of twins that the run has not")
	}
	for _, v := range []string{analyze.Base, "v-r2"} {
		for k, layer := range []string{"0", "1", "2"} {
			r.Metrics = append(r.Metrics, analyze.Row{Key: &analyze.Key{Variant: v, Prompt: analyze.AllPrompts, Layer: layer, Site: "resid"}, Metric: analyze.TwinResidual,
				Mask: analyze.MaskDefault, Value: 0.2 * float64(k), Lo: math.NaN(), Hi: math.NaN(), N: 2})
		}
	}
	svg := newTable(r).twinChart()
	if svg == nil {
		t.Fatal("no figure of the twins")
	}
	text := svg.file()
	for _, want := range []string{">base<", ">base, residual<", ">v-r2<", ">v-r2, residual<", `class="line s1 d1"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the figure has no %s", want)
		}
	}
	if strings.Contains(text, "sphere") {
		t.Error("a twin on the sphere that the run has not")
	}
}
