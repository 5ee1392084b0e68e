package testmodel

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestModelAndAdapterAreTheSameBytesEachTime(t *testing.T) {
	spec := Spec{Biases: true, HeadDim: 6, DType: "BF16", Seed: 3}
	adapter := AdapterSpec{DoRA: true, Layers: []int{1}, Modules: []string{"q_proj", "down_proj"}}
	first, second, other := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		WriteModel(t, dir, spec)
		WriteAdapter(t, dir, spec, adapter)
	}
	spec.Seed++
	WriteModel(t, other, spec)
	for _, name := range []string{"config.json", "model.safetensors", "adapter_config.json", "adapter_model.safetensors"} {
		if !bytes.Equal(read(t, first, name), read(t, second, name)) {
			t.Errorf("%s differs between two writes of one spec", name)
		}
	}
	if bytes.Equal(read(t, first, "model.safetensors"), read(t, other, "model.safetensors")) {
		t.Error("another seed gave the same weights")
	}
}

// The shapes are worked out by hand from the Llama architecture: q has heads * head_dim
// rows, k and v have kv_heads * head_dim, o has them as columns.
func TestTensorsOfAModel(t *testing.T) {
	dir := t.TempDir()
	WriteModel(t, dir, Spec{Layers: 1, Hidden: 8, FFN: 12, Heads: 2, KVHeads: 1, HeadDim: 6, Vocab: 10, Biases: true, DType: "F16"})
	want := map[string][]int{
		"model.embed_tokens.weight":                      {10, 8},
		"model.norm.weight":                              {8},
		"lm_head.weight":                                 {10, 8},
		"model.layers.0.input_layernorm.weight":          {8},
		"model.layers.0.post_attention_layernorm.weight": {8},
		"model.layers.0.self_attn.q_proj.weight":         {12, 8},
		"model.layers.0.self_attn.q_proj.bias":           {12},
		"model.layers.0.self_attn.k_proj.weight":         {6, 8},
		"model.layers.0.self_attn.k_proj.bias":           {6},
		"model.layers.0.self_attn.v_proj.weight":         {6, 8},
		"model.layers.0.self_attn.v_proj.bias":           {6},
		"model.layers.0.self_attn.o_proj.weight":         {8, 12},
		"model.layers.0.self_attn.o_proj.bias":           {8},
		"model.layers.0.mlp.gate_proj.weight":            {12, 8},
		"model.layers.0.mlp.gate_proj.bias":              {12},
		"model.layers.0.mlp.up_proj.weight":              {12, 8},
		"model.layers.0.mlp.up_proj.bias":                {12},
		"model.layers.0.mlp.down_proj.weight":            {8, 12},
		"model.layers.0.mlp.down_proj.bias":              {8},
	}
	file := read(t, dir, "model.safetensors")
	header, size := parseHeader(t, file)
	total := 0
	for name, shape := range want {
		n := 2 // bytes of a half
		for _, d := range shape {
			n *= d
		}
		total += n
		got, ok := header[name]
		if !ok || got.DType != "F16" || got.Offsets[1]-got.Offsets[0] != n {
			t.Errorf("%s: got %+v, want shape %v in %d bytes of F16", name, got, shape, n)
		}
	}
	if len(header) != len(want) || len(file) != 8+size+total {
		t.Errorf("%d tensors in %d bytes, want %d in %d", len(header), len(file), len(want), 8+size+total)
	}
}

func TestTiedModelHasNoHead(t *testing.T) {
	dir := t.TempDir()
	WriteModel(t, dir, Spec{Tied: true})
	header, _ := parseHeader(t, read(t, dir, "model.safetensors"))
	if _, ok := header["lm_head.weight"]; ok {
		t.Error("a tied model has an lm_head.weight")
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
