package extract_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// tolerance is the parity that layerclust promises: the norm of a token's
// difference over the norm of the reference token, at every layer.
const tolerance = 2e-5

// states are those of one variant and prompt as Hugging Face orders them.
type states struct {
	hidden, last []float32 // (L+1, T, D), (T, D)
	attn, mlp    []float32 // (L, T, D) where asked for
	t, d         int
}

// collect runs prompts and gathers the states of every variant and prompt.
// LAYERCLUST_BACKEND=xla puts every test that calls it on another backend.
func collect(t *testing.T, m *loader.Model, adapters []*loader.Adapter, prompts []extract.Prompt, opts extract.Options) ([][]states, *extract.Trace) {
	t.Helper()
	got := make([][]states, 1+len(adapters)) // (variants, prompts)
	for v := range got {
		got[v] = make([]states, len(prompts))
	}
	if opts.Backend == "" {
		opts.Backend = os.Getenv("LAYERCLUST_BACKEND")
	}
	trace, err := extract.Run(context.Background(), m, adapters, prompts, opts, func(s extract.States) error {
		c := &got[s.Variant][s.Prompt]
		c.t, c.d = s.T, s.D
		switch {
		case s.Site == extract.Attn:
			c.attn = append(c.attn, s.X...)
		case s.Site == extract.MLP:
			c.mlp = append(c.mlp, s.X...)
		case s.Raw:
			c.last = slices.Clone(s.X)
		default:
			if len(c.hidden) != s.Layer*s.T*s.D {
				t.Errorf("layer %d arrives after %d values", s.Layer, len(c.hidden))
			}
			c.hidden = append(c.hidden, s.X...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, trace
}

// worst is the largest |got - want| / |want| of a token, and where it is.
func worst(got, want []float32, d int) (ratio float64, row int) {
	for t := 0; t < len(want)/d; t++ {
		var diff, norm float64
		for i := t * d; i < (t+1)*d; i++ {
			e := float64(got[i]) - float64(want[i])
			diff += e * e
			norm += float64(want[i]) * float64(want[i])
		}
		if r := math.Sqrt(diff / norm); !(r <= ratio) {
			ratio, row = r, t
		}
	}
	return ratio, row
}

// readReference reads a file of Hugging Face states; attn and mlp are nil where
// it has none.
func readReference(t *testing.T, path string) states {
	t.Helper()
	f, err := loader.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := func(name string) []float32 {
		info, ok := f.Info(name)
		if !ok {
			return nil
		}
		x := make([]float32, info.Len())
		if err := f.ReadFloat32(name, x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	info, ok := f.Info("hidden_states")
	if !ok || len(info.Shape) != 3 {
		t.Fatalf("%s has no hidden_states (L+1, T, D)", path)
	}
	return states{hidden: read("hidden_states"), last: read("last_block_output"),
		attn: read("attn"), mlp: read("mlp"), t: info.Shape[1], d: info.Shape[2]}
}

// compare checks one variant and prompt against a reference, every site that
// the reference has, and returns its worst token.
func compare(t *testing.T, name string, got, want states) float64 {
	t.Helper()
	overall := 0.0
	for _, site := range []struct {
		name      string
		got, want []float32
	}{
		{"hidden_states", got.hidden, want.hidden}, {"last_block_output", got.last, want.last},
		{"attn", got.attn, want.attn}, {"mlp", got.mlp, want.mlp},
	} {
		if site.want == nil {
			continue
		}
		if len(site.got) != len(site.want) {
			t.Fatalf("%s: %s has %d values, the reference %d", name, site.name, len(site.got), len(site.want))
		}
		ratio, row := worst(site.got, site.want, want.d)
		if !(ratio <= tolerance) {
			t.Errorf("%s: %s, layer %d, token %d is %.2g off, relative to its norm", name, site.name, row/want.t, row%want.t, ratio)
		}
		overall = max(overall, ratio)
	}
	return overall
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
