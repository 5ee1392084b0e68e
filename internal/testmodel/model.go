package testmodel

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// Spec says what model WriteModel writes. A zero field takes the default named beside it.
type Spec struct {
	Layers  int    // 2
	Hidden  int    // 16
	FFN     int    // 2 * Hidden
	Heads   int    // 4
	KVHeads int    // 2
	HeadDim int    // Hidden / Heads, and then config.json does not mention it
	Vocab   int    // 64
	Tied    bool   // the head is the embedding, and lm_head.weight is absent
	Biases  bool   // attention_bias and mlp_bias
	DType   string // F32, F16 or BF16; F32
	Seed    uint64 // another seed, other weights
}

// WriteModel writes a Llama in dir, which is made where it is missing: config.json as
// transformers 5 writes it and one model.safetensors. The same spec gives the same bytes.
//
// A matrix (out, in) is drawn from N(0, 1/in), so that its rows have norm about 1 and a
// state keeps its size through the block; gains are 1 with a spread of 0.1, since a gain of
// exactly 1 would hide its being left out.
func WriteModel(t testing.TB, dir string, spec Spec) {
	t.Helper()
	spec = spec.withDefaults()
	var tensors []tensor
	for i, s := range spec.shapes() {
		// One stream a tensor: adding a layer leaves the tensors of the others as they are.
		rng := rand.New(rand.NewPCG(spec.Seed, uint64(i)))
		tensors = append(tensors, tensor{s.name, spec.DType, s.shape, draw(rng, s.shape)})
	}
	writeFolder(t, dir, "config.json", spec.config(), "model.safetensors", tensors)
}

func (s Spec) withDefaults() Spec {
	setInt := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	setInt(&s.Layers, 2)
	setInt(&s.Hidden, 16)
	setInt(&s.FFN, 2*s.Hidden)
	setInt(&s.Heads, 4)
	setInt(&s.KVHeads, 2)
	setInt(&s.Vocab, 64)
	if s.DType == "" {
		s.DType = "F32"
	}
	return s
}

func (s Spec) headDim() int {
	if s.HeadDim != 0 {
		return s.HeadDim
	}
	return s.Hidden / s.Heads
}

func (s Spec) config() map[string]any {
	c := map[string]any{
		"architectures":           []string{"LlamaForCausalLM"},
		"model_type":              "llama",
		"hidden_size":             s.Hidden,
		"intermediate_size":       s.FFN,
		"num_hidden_layers":       s.Layers,
		"num_attention_heads":     s.Heads,
		"num_key_value_heads":     s.KVHeads,
		"vocab_size":              s.Vocab,
		"max_position_embeddings": 512,
		"rms_norm_eps":            1e-5,
		"rope_parameters":         map[string]any{"rope_type": "default", "rope_theta": 10000.0},
		"hidden_act":              "silu",
		"tie_word_embeddings":     s.Tied,
		"attention_bias":          s.Biases,
		"mlp_bias":                s.Biases,
		"bos_token_id":            1,
		"eos_token_id":            2,
		"dtype":                   map[string]string{"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[s.DType],
	}
	if s.HeadDim != 0 {
		c["head_dim"] = s.HeadDim
	}
	return c
}

type namedShape struct {
	name  string
	shape []int
}

// shapes lists every tensor of the model, layer by layer, then what stands outside the layers.
func (s Spec) shapes() []namedShape {
	var list []namedShape
	for l := range s.Layers {
		prefix := fmt.Sprintf("model.layers.%d.", l)
		list = append(list,
			namedShape{prefix + "input_layernorm.weight", []int{s.Hidden}},
			namedShape{prefix + "post_attention_layernorm.weight", []int{s.Hidden}})
		for _, p := range projections {
			out, in := s.linear(p)
			list = append(list, namedShape{prefix + p + ".weight", []int{out, in}})
			if s.Biases {
				list = append(list, namedShape{prefix + p + ".bias", []int{out}})
			}
		}
	}
	list = append(list,
		namedShape{"model.embed_tokens.weight", []int{s.Vocab, s.Hidden}},
		namedShape{"model.norm.weight", []int{s.Hidden}})
	if !s.Tied {
		list = append(list, namedShape{"lm_head.weight", []int{s.Vocab, s.Hidden}})
	}
	return list
}

// projections are the linear modules of a block, by their path inside it.
var projections = []string{
	"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
	"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
}

// linear returns the output and input width of one of projections.
func (s Spec) linear(module string) (out, in int) {
	heads, kv := s.Heads*s.headDim(), s.KVHeads*s.headDim()
	switch module {
	case "self_attn.q_proj":
		return heads, s.Hidden
	case "self_attn.k_proj", "self_attn.v_proj":
		return kv, s.Hidden
	case "self_attn.o_proj":
		return s.Hidden, heads
	case "mlp.down_proj":
		return s.Hidden, s.FFN
	default: // gate and up
		return s.FFN, s.Hidden
	}
}

// draw fills a matrix (out, in) with N(0, 1/in) and a vector with N(1, 0.01).
func draw(rng *rand.Rand, shape []int) []float64 {
	mean, spread, n := 1.0, 0.1, shape[0]
	if len(shape) == 2 {
		mean, spread, n = 0, 1/math.Sqrt(float64(shape[1])), shape[0]*shape[1]
	}
	values := make([]float64, n) // (out * in) or (out)
	for i := range values {
		values[i] = mean + spread*rng.NormFloat64()
	}
	return values
}

// writeFolder writes a settings file and a weights file, as models and adapters both have.
func writeFolder(t testing.TB, dir, configName string, config any, weightsName string, tensors []tensor) {
	t.Helper()
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	weights, err := encodeSafetensors(tensors)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, configName), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, weightsName), weights, 0o644); err != nil {
		t.Fatal(err)
	}
}
