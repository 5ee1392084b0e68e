package loader

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// tensorsOf reads every tensor of a small model's file.
func tensorsOf(t testing.TB, dir string) map[string]NamedTensor {
	t.Helper()
	f, err := OpenSafetensors(filepath.Join(dir, singleName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tensors := map[string]NamedTensor{}
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		x := make([]float32, info.Len())
		if err := f.ReadFloat32(name, x); err != nil {
			t.Fatal(err)
		}
		tensors[name] = NamedTensor{Name: name, Shape: info.Shape, Float32: x}
	}
	return tensors
}

// rewrite replaces the weights of a small model after a change to them.
func rewrite(t testing.TB, dir string, change func(map[string]NamedTensor)) {
	t.Helper()
	tensors := tensorsOf(t, dir)
	change(tensors)
	var list []NamedTensor
	for _, name := range sortedKeys(tensors) {
		list = append(list, tensors[name])
	}
	if err := WriteSafetensors(filepath.Join(dir, singleName), list, nil); err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	for name, spec := range map[string]testmodel.Spec{
		"plain": {}, "tied": {Tied: true}, "biases": {Biases: true}, "wide heads": {HeadDim: 8}, "half": {DType: "F16"},
	} {
		dir := t.TempDir()
		testmodel.WriteModel(t, dir, spec)
		m, err := Open(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer m.Close()
		if m.Config.NumLayers != 2 || m.Config.HiddenSize != 16 || m.Config.AttentionBias != spec.Biases {
			t.Errorf("%s: config %+v", name, m.Config)
		}
		head, ok := m.Weights.Info(m.Config.HeadTensor())
		if !ok || head.Shape[0] != m.Config.VocabSize || head.Shape[1] != m.Config.HiddenSize {
			t.Errorf("%s: head %+v", name, head)
		}
		if path := m.ModulePath(1, "self_attn.v_proj"); path != "model.layers.1.self_attn.v_proj" {
			t.Errorf("%s: path %s", name, path)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	const q = "model.layers.1.self_attn.q_proj.weight"
	vector := func(name string, n int) NamedTensor {
		return NamedTensor{Name: name, Shape: []int{n}, Float32: make([]float32, n)}
	}
	for _, c := range []struct {
		name   string
		spec   testmodel.Spec
		change func(map[string]NamedTensor)
		want   string
	}{
		{"missing", testmodel.Spec{}, func(w map[string]NamedTensor) { delete(w, q) }, "1 tensors that config.json calls for are missing: " + q},
		{"no head", testmodel.Spec{}, func(w map[string]NamedTensor) { delete(w, LMHeadTensor) }, "missing: lm_head.weight"},
		{"shape", testmodel.Spec{}, func(w map[string]NamedTensor) { w[q] = vector(q, 256) }, q + " is [256] in model.safetensors and [16 16] by config.json"},
		{"dtype", testmodel.Spec{}, func(w map[string]NamedTensor) {
			w[q] = NamedTensor{Name: q, Shape: []int{16, 16}, Int64: make([]int64, 256)}
		}, q + " is I64 in model.safetensors; F32, F16 and BF16 can be used"},
		{"extra", testmodel.Spec{}, func(w map[string]NamedTensor) { w["score.weight"] = vector("score.weight", 1) }, `1 tensors belong to no module of the model that config.json describes: "score.weight"`},
		{"bias without attention_bias", testmodel.Spec{}, func(w map[string]NamedTensor) {
			name := "model.layers.0.self_attn.q_proj.bias"
			w[name] = vector(name, 16)
		}, "q_proj.bias"},
		{"bias missing", testmodel.Spec{Biases: true}, func(w map[string]NamedTensor) { delete(w, "model.layers.0.mlp.up_proj.bias") }, "missing: model.layers.0.mlp.up_proj.bias"},
		{"tied to another head", testmodel.Spec{Tied: true}, func(w map[string]NamedTensor) {
			w[LMHeadTensor] = NamedTensor{Name: LMHeadTensor, Shape: []int{64, 16}, Float32: make([]float32, 64*16)}
		}, "tie_word_embeddings=true, but lm_head.weight differs from model.embed_tokens.weight"},
		{"tied to a head of another shape", testmodel.Spec{Tied: true}, func(w map[string]NamedTensor) { w[LMHeadTensor] = vector(LMHeadTensor, 3) }, "tie_word_embeddings=true, but lm_head.weight differs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			testmodel.WriteModel(t, dir, c.spec)
			rewrite(t, dir, c.change)
			_, err := Open(dir)
			refused(t, err, dir, c.want)
		})
	}
}

// TestOpenIgnoresInertTensors: rotary frequencies of old files, and a head that is
// a copy of the embedding it is tied to.
func TestOpenIgnoresInertTensors(t *testing.T) {
	dir := t.TempDir()
	testmodel.WriteModel(t, dir, testmodel.Spec{Tied: true})
	rewrite(t, dir, func(w map[string]NamedTensor) {
		w[LMHeadTensor] = NamedTensor{Name: LMHeadTensor, Shape: w[EmbedTensor].Shape, Float32: w[EmbedTensor].Float32}
		const name = "model.layers.0.self_attn.rotary_emb.inv_freq"
		w[name] = NamedTensor{Name: name, Shape: []int{2}, Float32: []float32{1, 0.01}}
	})
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Config.HeadTensor() != EmbedTensor {
		t.Errorf("head is %s", m.Config.HeadTensor())
	}
}

func TestOpenWithoutParts(t *testing.T) {
	_, err := Open("absent")
	refused(t, err, "absent")
	dir := t.TempDir()
	testmodel.WriteModel(t, dir, testmodel.Spec{})
	if err := os.Remove(filepath.Join(dir, singleName)); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir)
	refused(t, err, dir, "there is no model.safetensors")
}
