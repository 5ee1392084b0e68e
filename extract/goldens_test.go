package extract_test

import (
	"math"
	"slices"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// TestParityGoldens runs the goldens of this project's own: every form of
// adapter and type of model, against transformers and PEFT in float64
// (internal/testmodel/make_goldens.py and make_forms.py). Clones without the
// fixtures have them.
func TestParityGoldens(t *testing.T) {
	for _, engine := range engines(t) {
		for _, c := range testmodel.Cases(t) {
			t.Run(engine+"/"+c.Name, func(t *testing.T) { parityOfCase(t, engine, c) })
		}
	}
}

func parityOfCase(t *testing.T, engine string, c testmodel.Case) {
	m, err := loader.Open(c.Model)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	adapters := openChange(t, c, m, c.Scale)
	opts := extract.Options{LastLayer: -1, RepeatDepth: c.RepeatDepth, Backend: engine}
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
}

// openChange opens the adapter or the fine-tuned model of a case, if it has one.
func openChange(t *testing.T, c testmodel.Case, m *loader.Model, scale float64) []*loader.Adapter {
	t.Helper()
	var a *loader.Adapter
	var err error
	switch {
	case c.Adapter != "":
		a, err = loader.OpenAdapter(loader.AdapterRef{Name: "adapter", Dir: c.Adapter, Scale: scale}, m, loader.AdapterOptions{})
	case c.Variant != "":
		a, err = loader.OpenVariant(loader.AdapterRef{Name: "variant", Dir: c.Variant, Scale: scale}, m)
	default:
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return []*loader.Adapter{a}
}

// TestScaleZeroGoldens: at scale 0 every form of adapter, and a fine-tuned model,
// is the base to the bit, its loss too.
func TestScaleZeroGoldens(t *testing.T) {
	for _, c := range testmodel.Cases(t) {
		if c.Adapter == "" && c.Variant == "" || c.Scale != 1 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			m, err := loader.Open(c.Model)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			got, trace := collect(t, m, openChange(t, c, m, 0), []extract.Prompt{{ID: c.Name, IDs: c.IDs}}, extract.Options{LastLayer: -1})
			if !slices.Equal(got[1][0].hidden, got[0][0].hidden) || !slices.Equal(got[1][0].last, got[0][0].last) || trace.Loss[1][0] != trace.Loss[0][0] {
				t.Error("the states or the loss differ from the base's")
			}
			if a := trace.Applied[0]; a.RelativeNorm != 0 {
				t.Errorf("applied %+v", a)
			}
		})
	}
}
