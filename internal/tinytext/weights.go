package tinytext

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/layerclust/layerclust/loader"
)

// positions is how many tokens the models are trained on at once.
const positions = 160

// Size is the shape of a model.
type Size struct {
	Vocab, Hidden, Intermediate, Layers, Heads, KVHeads int
}

// DemoSize is the shape of the embedded model but for its vocabulary, which
// the tokenizer decides.
var DemoSize = Size{Hidden: 128, Intermediate: 384, Layers: 8, Heads: 4, KVHeads: 2}

// configFile is the model's config.json.
func (s Size) configFile() object {
	return object{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "dtype": "bfloat16",
		"vocab_size": s.Vocab, "hidden_size": s.Hidden, "intermediate_size": s.Intermediate,
		"num_hidden_layers": s.Layers, "num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads,
		"hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": positions, "initializer_range": 0.02,
		"rope_parameters": object{"rope_type": "default", "rope_theta": 10000.0},
		"attention_bias":  false, "mlp_bias": false, "attention_dropout": 0.0, "tie_word_embeddings": true,
		"bos_token_id": beginID, "eos_token_id": endID, "pad_token_id": nil,
	}
}

// Config is that file as the rest of the project reads it.
func (s Size) Config() (loader.Config, error) {
	data, err := json.Marshal(s.configFile())
	if err != nil {
		return loader.Config{}, err
	}
	return loader.ParseConfig(data)
}

// modelTensors are the tensors of a model with a tied head, under Hugging
// Face's names and in the order of its forward pass, all zero.
func modelTensors(c loader.Config) []loader.NamedTensor {
	list := []loader.NamedTensor{zeros(loader.EmbedTensor, c.VocabSize, c.HiddenSize)}
	for layer := range c.NumLayers {
		for _, norm := range []string{attnNorm, mlpNorm} {
			list = append(list, zeros(modulePath(layer, norm)+".weight", c.HiddenSize))
		}
		for _, module := range loader.Projections() {
			out, in := c.ProjectionShape(module)
			list = append(list, zeros(modulePath(layer, module)+".weight", out, in))
		}
	}
	return append(list, zeros(loader.NormTensor, c.HiddenSize))
}

// The norms of a block.
const attnNorm, mlpNorm = "input_layernorm", "post_attention_layernorm"

func modulePath(layer int, module string) string {
	return fmt.Sprintf("model.layers.%d.%s", layer, module)
}

func zeros(name string, shape ...int) loader.NamedTensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return loader.NamedTensor{Name: name, Shape: shape, Float32: make([]float32, n)}
}

// NewModel gives the weights that training starts from: norms 1, matrices
// normal with the variance 1/in, so that a projection keeps the size of its
// input, and those that write into the residual stream smaller by the square
// root of how many there are (GPT-2, section 2.3). The embedding is also the
// head, and a smaller one starts the loss near that of equal odds.
func NewModel(c loader.Config, seed uint64) []loader.NamedTensor {
	r := rand.New(rand.NewPCG(seed, 0))
	list := modelTensors(c)
	for _, t := range list {
		std := 0.05
		if len(t.Shape) == 2 && t.Name != loader.EmbedTensor {
			std = 1 / math.Sqrt(float64(t.Shape[1]))
		}
		if strings.Contains(t.Name, "o_proj") || strings.Contains(t.Name, "down_proj") {
			std /= math.Sqrt(float64(2 * c.NumLayers))
		}
		for i := range t.Float32 {
			if len(t.Shape) == 1 {
				t.Float32[i] = 1
			} else {
				t.Float32[i] = float32(std * r.NormFloat64())
			}
		}
	}
	return list
}

// ReadModel reads the weights of a folder.
func ReadModel(m *loader.Model) ([]loader.NamedTensor, error) {
	list := modelTensors(m.Config)
	for _, t := range list {
		if err := m.Weights.ReadFloat32(t.Name, t.Float32); err != nil {
			return nil, err
		}
	}
	return list, nil
}
