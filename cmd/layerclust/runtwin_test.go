package main

import (
	"math"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
)

// The twins stand in the table at the layers of the model, from the same
// embeddings, under both masks, and in a figure.
func TestRunTwin(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out", "--twin").fine(t)
	values := map[string]float64{}
	for _, r := range table(t, w.at("out"), "metrics.csv") {
		values[strings.Join([]string{r["variant"], r["prompt"], r["layer"], r["metric"], r["mask"]}, " ")] = float(t, r["value"])
	}
	for _, variant := range []string{"base", "tuned"} {
		for _, prompt := range []string{"one", "two", "all"} {
			for _, metric := range []string{analyze.TwinResidual, analyze.TwinSphere} {
				for _, mask := range []string{"default", "none"} {
					key := func(layer, metric string) string {
						return strings.Join([]string{variant, prompt, layer, metric, mask}, " ")
					}
					for _, layer := range []string{"0", "1", "2", "3-raw"} {
						if _, ok := values[key(layer, metric)]; !ok {
							t.Errorf("there is no %s", key(layer, metric))
						}
					}
					if off := values[key("0", metric)] - values[key("0", "cosine_mean")]; math.Abs(off) > 1e-6 {
						t.Errorf("%s begins %g from the model", key("0", metric), off)
					}
				}
			}
		}
	}
	if svg := string(readFile(t, w.at("out"), "figures/twin.svg")); !strings.Contains(svg, "residual") {
		t.Error("the figure shows no twin")
	}
	w.run(t, "some", "--twin", "--layers", "0,2").fine(t)
	if text := string(readFile(t, w.at("some"), "metrics.csv")); strings.Contains(text, analyze.TwinSphere) || !strings.Contains(text, analyze.TwinResidual) {
		t.Error("with some layers left out the twin on the sphere has no lengths, and the other needs none")
	}
	w.run(t, "none", "--twin", "--sites", "attn").refused(t, exitInput, "--twin", "--sites leaves resid out")
}
