package extract_test

import (
	"math"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// TestParityGoldens runs the goldens of this project's own: every form of
// adapter on two random models, against transformers and PEFT in float64
// (internal/testmodel/make_goldens.py). Clones without the fixtures have them.
func TestParityGoldens(t *testing.T) {
	for _, c := range testmodel.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			m, err := loader.Open(c.Model)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			var adapters []*loader.Adapter
			if c.Adapter != "" {
				a, err := loader.OpenAdapter(loader.AdapterRef{Name: "adapter", Dir: c.Adapter, Scale: c.Scale}, m, loader.AdapterOptions{})
				if err != nil {
					t.Fatal(err)
				}
				adapters = append(adapters, a)
			}
			opts := extract.Options{LastLayer: -1, RepeatDepth: c.RepeatDepth}
			for _, site := range c.Sites {
				opts.Sites = append(opts.Sites, extract.Site(site))
			}
			got, trace := collect(t, m, adapters, []extract.Prompt{{ID: c.Name, IDs: c.IDs}}, opts)
			last := len(got) - 1 // the adapter where there is one
			r := compare(t, c.Name, got[last][0], readReference(t, c.States))
			t.Logf("worst token %.2e; transformers' own float32 run %.2e", r, c.HFFloat32)
			if d := math.Abs(trace.Loss[last][0] - c.Loss); d > 1e-5 {
				t.Errorf("loss %.8f, the reference has %.8f nats", trace.Loss[last][0], c.Loss)
			}
		})
	}
}
