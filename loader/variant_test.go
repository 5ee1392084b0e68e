package loader

import (
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// openVariant writes a base and a variant, which change edits, and opens both.
func openVariant(t *testing.T, spec testmodel.Spec, scale float64, change func(dir string)) (*Adapter, *Model, error) {
	t.Helper()
	root := t.TempDir()
	base, dir := filepath.Join(root, "base"), filepath.Join(root, "tuned")
	testmodel.WriteModel(t, base, testmodel.Spec{})
	spec.Seed = 1
	testmodel.WriteModel(t, dir, spec)
	if change != nil {
		change(dir)
	}
	m, err := Open(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	a, err := OpenVariant(AdapterRef{"tuned", dir, scale}, m)
	if err == nil {
		t.Cleanup(func() { a.Close() })
	}
	return a, m, err
}

func modelField(t *testing.T, old, new string) func(string) {
	return func(dir string) {
		path := filepath.Join(dir, "config.json")
		data, err := readBounded(path, maxConfigBytes)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, "config.json", []byte(edit(t, string(data), old, new)))
	}
}

func TestOpenVariant(t *testing.T) {
	a, m, err := openVariant(t, testmodel.Spec{Vocab: 70, Tied: true}, 1, modelField(t, `"rms_norm_eps": 0.00001`, `"rms_norm_eps": 0.001`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range m.Config.wants() { // the head too, which the variant ties
		if !a.Replaces(want.name) {
			t.Errorf("%s is not replaced", want.name)
		}
	}
	head, embed := make([]float32, 2*16), make([]float32, 2*16) // (2, D)
	if err := a.ReadRows(LMHeadTensor, 68, 70, head); err != nil {
		t.Fatal(err)
	}
	if err := a.ReadRows(EmbedTensor, 68, 70, embed); err != nil {
		t.Fatal(err)
	}
	if head[0] != embed[0] || head[0] == 0 {
		t.Errorf("a row of the tied head begins with %v, of the embedding with %v", head[0], embed[0])
	}
	if c := a.ModelConfig(m.Config); c.VocabSize != 70 || c.RMSNormEps != 0.001 {
		t.Errorf("run with %+v", c)
	}
	if a.Scale = 0; a.ModelConfig(m.Config).VocabSize != 64 {
		t.Error("scale 0 is not run as the base")
	}
	if files := a.Files(); len(files) != 2 || files[1] != singleName {
		t.Errorf("files %v", files)
	}
}

func TestOpenVariantRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   testmodel.Spec
		scale  float64
		change func(string)
		want   string
	}{
		{"layers", testmodel.Spec{Layers: 3}, 1, nil, "config.json: num_hidden_layers=3 differs from the base's 2"},
		{"width", testmodel.Spec{Hidden: 32}, 1, nil, "hidden_size=32 differs from the base's 16"},
		{"heads", testmodel.Spec{KVHeads: 4}, 1, nil, "num_key_value_heads=4 differs from the base's 2"},
		{"biases", testmodel.Spec{Biases: true}, 1, nil, "attention_bias=true differs from the base's false"},
		{"type", testmodel.Spec{}, 1, func(dir string) {
			modelField(t, `"model_type": "llama"`, `"model_type": "mistral"`)(dir)
			modelField(t, `"attention_bias": false,`, ``)(dir)
			modelField(t, `"mlp_bias": false,`, ``)(dir)
		}, "model_type=mistral differs from the base's llama"},
		{"vocabulary on the line", testmodel.Spec{Vocab: 65}, 0.5, nil, "vocab_size=65 differs from the base's 64, and a scale of 0.5 has no meaning"},
		{"eps on the line", testmodel.Spec{}, 2, modelField(t, `"rms_norm_eps": 0.00001`, `"rms_norm_eps": 0.001`), "rms_norm_eps or sliding window differ from the base's, and a scale of 2 has no meaning"},
		{"rope on the line", testmodel.Spec{}, 0.5, modelField(t, `"rope_theta": 10000`, `"rope_theta": 500000`), "a scale of 0.5 has no meaning"},
		{"a missing tensor", testmodel.Spec{}, 1, func(dir string) {
			rewrite(t, dir, func(w map[string]NamedTensor) { delete(w, NormTensor) })
		}, "missing: model.norm.weight"},
		{"no model", testmodel.Spec{}, 1, modelField(t, `"llama"`, `"gpt2"`), `model_type="gpt2" is not supported`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := openVariant(t, c.spec, c.scale, c.change)
			refused(t, err, "tuned", c.want)
		})
	}
}
