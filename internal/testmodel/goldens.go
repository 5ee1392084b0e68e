package testmodel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Case is one golden run of transformers and PEFT in float64, made by make_goldens.py or
// make_forms.py.
type Case struct {
	Name        string
	Model       string  // folder of the base model
	Adapter     string  // folder of the adapter, "" for the base
	Variant     string  // folder of the fine-tuned model in place of an adapter, or ""
	Scale       float64 // s in W + s (W' - W)
	RepeatDepth int     // how often the block stack is run
	IDs         []int32 // (T) the prompt

	// States is a safetensors file in the layout of a run's states: hidden_states
	// (L+1, T, D) with L the blocks run, repeats counted; last_block_output (T, D);
	// token_ids (T); for the sites attn and mlp (L, T, D) each.
	States string
	Sites  []string // resid, and attn and mlp where the file has them
	Loss   float64  // mean next-token loss, nats
	// HFFloat32 is how far transformers' own float32 run is from the reference: the worst
	// token's |difference| / |reference|. A tolerance below it asks for more than the peer has.
	HFFloat32 float64
}

// Cases returns every golden case, paths absolute, in the order of the manifests: those of
// testdata, then those of testdata/forms.
func Cases(t testing.TB) []Case {
	t.Helper()
	dir := Golden(t)
	return append(casesIn(t, dir), casesIn(t, filepath.Join(dir, "forms"))...)
}

// casesIn returns the cases of one folder with a manifest.json.
func casesIn(t testing.TB, dir string) []Case {
	t.Helper()
	m := readManifest(t, dir)
	folder := func(kind, name string) string {
		if name == "" {
			return ""
		}
		return filepath.Join(dir, kind, name)
	}
	cases := make([]Case, len(m.Cases))
	for i, c := range m.Cases {
		ids, ok := m.Prompts[c.Prompt]
		if !ok {
			t.Fatalf("%s: case %s: prompt %q is not in prompts", dir, c.Name, c.Prompt)
		}
		cases[i] = Case{
			Name:        c.Name,
			Model:       folder("models", c.Model),
			Adapter:     folder("adapters", c.Adapter),
			Variant:     folder("models", c.Variant),
			Scale:       c.Scale,
			RepeatDepth: c.RepeatDepth,
			IDs:         ids,
			States:      filepath.Join(dir, "states", c.Name+".safetensors"),
			Sites:       c.Sites,
			Loss:        c.Loss,
			HFFloat32:   c.HFFloat32,
		}
	}
	return cases
}

// manifest is a manifest.json.
type manifest struct {
	MadeWith map[string]string  `json:"made_with"`
	Prompts  map[string][]int32 `json:"prompts"`
	Cases    []struct {
		Name        string   `json:"name"`
		Model       string   `json:"model"`
		Adapter     string   `json:"adapter"`
		Variant     string   `json:"variant"`
		Scale       float64  `json:"scale"`
		RepeatDepth int      `json:"repeat_depth"`
		Prompt      string   `json:"prompt"`
		Sites       []string `json:"sites"`
		Loss        float64  `json:"loss"`
		HFFloat32   float64  `json:"hf_float32"`
	} `json:"cases"`
}

func readManifest(t testing.TB, dir string) manifest {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("manifest.json: %v", err)
	}
	return m
}
