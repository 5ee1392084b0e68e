package extract_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// tolerance is the parity that layerclust promises: the norm of a token's
// difference over the norm of the reference token, at every layer.
const tolerance = 2e-5

// states collects hidden_states (L+1, T, D) and last_block_output (T, D) of
// one variant and prompt as Hugging Face orders them.
type states struct {
	hidden, last []float32
	t, d         int
}

// collect runs prompts and gathers the states of every variant and prompt.
func collect(t *testing.T, m *loader.Model, adapters []*loader.Adapter, prompts []extract.Prompt, opts extract.Options) ([][]states, *extract.Trace) {
	t.Helper()
	got := make([][]states, 1+len(adapters)) // (variants, prompts)
	for v := range got {
		got[v] = make([]states, len(prompts))
	}
	trace, err := extract.Run(context.Background(), m, adapters, prompts, opts, func(s extract.States) error {
		c := &got[s.Variant][s.Prompt]
		c.t, c.d = s.T, s.D
		switch {
		case s.Site != extract.Resid:
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

// reference is a file of Hugging Face states.
type reference struct {
	hidden, last []float32
	shape        []int
}

func readReference(t *testing.T, path string) reference {
	t.Helper()
	f, err := loader.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := func(name string) ([]float32, []int) {
		info, ok := f.Info(name)
		if !ok {
			t.Fatalf("%s has no %s", path, name)
		}
		x := make([]float32, info.Len())
		if err := f.ReadFloat32(name, x); err != nil {
			t.Fatal(err)
		}
		return x, info.Shape
	}
	var r reference
	r.hidden, r.shape = read("hidden_states")
	r.last, _ = read("last_block_output")
	return r
}

// compare checks one variant and prompt, and returns its worst token.
func compare(t *testing.T, name string, got states, want reference) float64 {
	t.Helper()
	if len(got.hidden) != len(want.hidden) || len(got.last) != len(want.last) {
		t.Fatalf("%s: %d and %d values, the reference has %d and %d", name, len(got.hidden), len(got.last), len(want.hidden), len(want.last))
	}
	ratio, row := worst(got.hidden, want.hidden, got.d)
	if r, at := worst(got.last, want.last, got.d); r > ratio {
		ratio, row = r, at+len(want.hidden)/got.d
	}
	if !(ratio <= tolerance) {
		t.Errorf("%s: layer %d, token %d is %.2g off, relative to its norm", name, row/got.t, row%got.t, ratio)
	}
	return ratio
}

// fixturePrompt is a reference/MODEL/VARIANT/prompt-K.json.
type fixturePrompt struct {
	IDs []int32 `json:"input_ids"`
	NLL float64 `json:"mean_nll"`
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

// TestParityFixtures holds every reference state of the trained models.
func TestParityFixtures(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	for _, name := range []string{"stories260K", "smollm2-135m"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fixtures, "models", name)
			if name == "smollm2-135m" {
				dir = testmodel.SmolLM2(t)
			}
			parityOfModel(t, dir, filepath.Join(fixtures, "reference", name), filepath.Join(fixtures, "adapters"))
		})
	}
}

func parityOfModel(t *testing.T, dir, references, adapterDir string) {
	m, err := loader.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	variants, adapters := referenceAdapters(t, m, references, adapterDir)
	files, err := filepath.Glob(filepath.Join(references, "base", "prompt-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no prompts in %s (%v)", references, err)
	}
	var prompts []extract.Prompt
	var info []fixturePrompt
	for _, file := range files {
		var p fixturePrompt
		readJSON(t, file, &p)
		prompts = append(prompts, extract.Prompt{ID: strings.TrimSuffix(filepath.Base(file), ".json"), IDs: p.IDs})
		info = append(info, p)
	}
	got, trace := collect(t, m, adapters, prompts, extract.Options{LastLayer: -1})
	overall, where := 0.0, ""
	for v, variant := range variants {
		for p, prompt := range prompts {
			file := filepath.Join(references, variant, prompt.ID)
			if _, err := os.Stat(file + ".safetensors"); err != nil {
				continue // not every variant has every prompt
			}
			name := variant + " " + prompt.ID
			if r := compare(t, name, got[v][p], readReference(t, file+".safetensors")); r > overall {
				overall, where = r, name
			}
			var want fixturePrompt
			readJSON(t, file+".json", &want)
			if math.Abs(trace.Loss[v][p]-want.NLL) > 1e-5*want.NLL { // the reference is a float32 run itself
				t.Errorf("%s: loss %.7f, the reference has %.7f", name, trace.Loss[v][p], want.NLL)
			}
		}
	}
	t.Logf("worst token of %d variants: %.2e (%s)", len(variants), overall, where)
}

// referenceAdapters opens the adapters that the references name, as
// PARENT@checkpoint-N; the first variant is the base.
func referenceAdapters(t *testing.T, m *loader.Model, references, adapterDir string) ([]string, []*loader.Adapter) {
	t.Helper()
	entries, err := os.ReadDir(references)
	if err != nil {
		t.Fatal(err)
	}
	variants := []string{"base"}
	var adapters []*loader.Adapter
	for _, e := range entries {
		parent, checkpoint, ok := strings.Cut(e.Name(), "@")
		if !ok {
			continue
		}
		ref := loader.AdapterRef{Name: e.Name(), Dir: filepath.Join(adapterDir, parent, checkpoint), Scale: 1}
		a, err := loader.OpenAdapter(ref, m, loader.AdapterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		variants = append(variants, e.Name())
		adapters = append(adapters, a)
	}
	if len(adapters) == 0 {
		t.Fatal(fmt.Errorf("no adapters named in %s", references))
	}
	return variants, adapters
}
