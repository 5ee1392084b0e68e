package extract_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// fixturePrompt is a reference/MODEL/VARIANT/prompt-K.json.
type fixturePrompt struct {
	IDs []int32 `json:"input_ids"`
	NLL float64 `json:"mean_nll"`
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
	for _, file := range files {
		var p fixturePrompt
		readJSON(t, file, &p)
		prompts = append(prompts, extract.Prompt{ID: strings.TrimSuffix(filepath.Base(file), ".json"), IDs: p.IDs})
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
			if math.Abs(trace.Loss[v][p]-want.NLL) > 2e-5 { // nats; the reference is itself a float32 run, about 8e-6 off
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
		t.Fatalf("no adapters named in %s", references)
	}
	return variants, adapters
}

// TestParityVariants runs stories260K in its other packagings: sharded bf16
// with a transformers-5 config, linear RoPE, another eps, biases.
func TestParityVariants(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	entries, err := os.ReadDir(filepath.Join(fixtures, "variants"))
	if err != nil || len(entries) == 0 {
		t.Fatalf("no variants: %v", err)
	}
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			dir := filepath.Join(fixtures, "variants", e.Name())
			m, err := loader.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			for _, k := range []string{"prompt-1", "prompt-3"} {
				var p fixturePrompt
				readJSON(t, filepath.Join(fixtures, "reference", "stories260K", "base", k+".json"), &p)
				got, _ := collect(t, m, nil, []extract.Prompt{{ID: k, IDs: p.IDs}}, extract.Options{LastLayer: -1})
				t.Logf("%s: worst token %.2e", k, compare(t, k, got[0][0], readReference(t, filepath.Join(dir, "expected-"+k+".safetensors"))))
			}
		})
	}
}

// TestGreedy checks the greedy continuations that transformers made: with the
// whole text given, every token of the continuation must be the likeliest one
// after those before it.
func TestGreedy(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	for _, name := range []string{"stories260K", "smollm2-135m"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(fixtures, "models", name)
			if name == "smollm2-135m" {
				dir = testmodel.SmolLM2(t)
			}
			m, err := loader.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			head := make([]float32, m.Config.VocabSize*m.Config.HiddenSize) // (V, D)
			if err := m.Weights.ReadFloat32(m.Config.HeadTensor(), head); err != nil {
				t.Fatal(err)
			}
			var texts []struct {
				Input  []int32 `json:"input_ids"`
				Output []int32 `json:"output_ids"`
			}
			readJSON(t, filepath.Join(fixtures, "reference", name, "greedy.json"), &texts)
			for i, text := range texts {
				got, _ := collect(t, m, nil, []extract.Prompt{{ID: "greedy", IDs: text.Output}}, extract.Options{LastLayer: -1})
				normed := got[0][0].hidden[m.Config.NumLayers*len(text.Output)*m.Config.HiddenSize:]
				for at := len(text.Input); at < len(text.Output); at++ {
					if best := likeliest(head, normed[(at-1)*m.Config.HiddenSize:at*m.Config.HiddenSize]); best != text.Output[at] {
						t.Errorf("text %d: token %d is %d, transformers has %d", i, at, best, text.Output[at])
					}
				}
			}
		})
	}
}

// likeliest is the row of head (V, D) with the largest product with x (D).
func likeliest(head, x []float32) int32 {
	best, row := math.Inf(-1), int32(-1)
	for v := range len(head) / len(x) {
		sum := 0.0
		for i, w := range head[v*len(x) : (v+1)*len(x)] {
			sum += float64(w) * float64(x[i])
		}
		if sum > best {
			best, row = sum, int32(v)
		}
	}
	return row
}
