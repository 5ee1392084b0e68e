package loader

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Model is an opened Hugging Face folder. Weights are read lazily.
type Model struct {
	Dir     string
	Config  Config
	Weights *Weights
}

// configName is the file that makes a folder a model.
const configName = "config.json"

// Names of the tensors outside the blocks.
const (
	EmbedTensor  = "model.embed_tokens.weight" // (V, D)
	NormTensor   = "model.norm.weight"         // (D), the norm after the last block
	LMHeadTensor = "lm_head.weight"            // (V, D), where the head is not tied to the embedding: see HeadTensor
)

// projections are the linear maps of a block, in the order of its forward pass.
var projections = []string{
	"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
	"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
}

// Projections lists the linear maps of a block, in the order of its forward
// pass: the modules that an adapter may change.
func Projections() []string { return slices.Clone(projections) }

// Open opens a folder with config.json and safetensors weights. Every tensor
// that the configuration calls for must be there with its shape and as F32, F16
// or BF16; a tensor that it does not call for is refused, since it would be part
// of a model that is not this one, unless it is known to carry nothing.
func Open(dir string) (*Model, error) {
	config, err := ReadConfig(filepath.Join(dir, configName))
	if err != nil {
		return nil, err
	}
	weights, err := OpenWeights(dir)
	if err != nil {
		return nil, err
	}
	m := &Model{Dir: dir, Config: config, Weights: weights}
	if err := m.check(); err != nil {
		weights.Close()
		return nil, inputErrorf("%s: %w", dir, err)
	}
	return m, nil
}

// Close closes the weights.
func (m *Model) Close() error { return m.Weights.Close() }

// ModulePath is the name of a block's module in tensor names and adapters:
// ModulePath(3, "self_attn.v_proj") is "model.layers.3.self_attn.v_proj".
func (m *Model) ModulePath(layer int, module string) string { return modulePath(layer, module) }

func modulePath(layer int, module string) string {
	return fmt.Sprintf("model.layers.%d.%s", layer, module)
}

// HeadTensor names the (V, D) matrix that turns states into logits: the
// embedding itself where the two are tied.
func (c Config) HeadTensor() string {
	if c.TieEmbeddings {
		return EmbedTensor
	}
	return LMHeadTensor
}

// ProjectionShape is the shape (out, in) of one of Projections; (0, 0) for any
// other name.
func (c Config) ProjectionShape(module string) (out, in int) {
	switch module {
	case "self_attn.q_proj":
		return c.NumHeads * c.HeadDim, c.HiddenSize
	case "self_attn.k_proj", "self_attn.v_proj":
		return c.NumKVHeads * c.HeadDim, c.HiddenSize
	case "self_attn.o_proj":
		return c.HiddenSize, c.NumHeads * c.HeadDim
	case "mlp.gate_proj", "mlp.up_proj":
		return c.IntermediateSize, c.HiddenSize
	case "mlp.down_proj":
		return c.HiddenSize, c.IntermediateSize
	}
	return 0, 0
}

// HasBias reports whether a projection adds a bias.
func (c Config) HasBias(module string) bool {
	switch {
	case strings.HasPrefix(module, "mlp."):
		return c.MLPBias
	case module == "self_attn.o_proj":
		return c.OutputBias
	}
	return c.AttentionBias
}

// Norm is an RMSNorm of a block.
type Norm struct {
	Module string // as "input_layernorm"
	Size   int
}

// Norms lists the norms of a block in the order of its forward pass: before
// attention, before the MLP and, where the model has them, those of a head's
// queries and keys.
func (c Config) Norms() []Norm {
	norms := []Norm{{"input_layernorm", c.HiddenSize}, {"post_attention_layernorm", c.HiddenSize}}
	if c.QKNorm {
		norms = append(norms, Norm{"self_attn.q_norm", c.HeadDim}, Norm{"self_attn.k_norm", c.HeadDim})
	}
	return norms
}

// Window is how many tokens a token of a layer attends to, itself included; 0
// for all before it.
func (c Config) Window(layer int) int {
	if c.Windows == nil {
		return 0
	}
	return c.Windows[layer]
}

// wanted is a tensor that the configuration calls for.
type wanted struct {
	name  string
	shape []int
}

// wants lists the tensors of the model in the order of its forward pass.
func (c Config) wants() []wanted {
	list := []wanted{{EmbedTensor, []int{c.VocabSize, c.HiddenSize}}}
	for layer := range c.NumLayers {
		for _, norm := range c.Norms() {
			list = append(list, wanted{modulePath(layer, norm.Module) + ".weight", []int{norm.Size}})
		}
		for _, module := range projections {
			out, in := c.ProjectionShape(module)
			path := modulePath(layer, module)
			list = append(list, wanted{path + ".weight", []int{out, in}})
			if c.HasBias(module) {
				list = append(list, wanted{path + ".bias", []int{out}})
			}
		}
	}
	list = append(list, wanted{NormTensor, []int{c.HiddenSize}})
	if !c.TieEmbeddings {
		list = append(list, wanted{LMHeadTensor, []int{c.VocabSize, c.HiddenSize}})
	}
	return list
}

// inertTensor matches the rotary frequencies that early versions of transformers
// saved. They follow from the configuration, and transformers ignores them.
var inertTensor = regexp.MustCompile(`^model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$`)

// check compares the tensors with the configuration.
func (m *Model) check() error {
	var missing, wrong, extra []string
	known := map[string]bool{}
	for _, want := range m.Config.wants() {
		known[want.name] = true
		t, ok := m.Weights.Info(want.name)
		switch {
		case !ok:
			missing = append(missing, want.name)
		case !slices.Equal(t.Shape, want.shape):
			wrong = append(wrong, fmt.Sprintf("%s is %v in %s and %v by config.json", want.name, t.Shape, t.File, want.shape))
		case !t.DType.float():
			wrong = append(wrong, fmt.Sprintf("%s is %s in %s; F32, F16 and BF16 can be used", want.name, t.DType, t.File))
		}
	}
	for _, name := range m.Weights.Names() {
		if !known[name] && !inertTensor.MatchString(name) && name != LMHeadTensor {
			extra = append(extra, shown(name))
		}
	}
	switch {
	case len(missing) > 0:
		return fmt.Errorf("%d tensors that config.json calls for are missing: %s", len(missing), listed(missing))
	case len(wrong) > 0:
		return fmt.Errorf("%d tensors do not fit: %s", len(wrong), listed(wrong))
	case len(extra) > 0:
		return fmt.Errorf("%d tensors belong to no module of the model that config.json describes: %s", len(extra), listed(extra))
	}
	return m.checkTie()
}

// checkTie compares a head that the file holds beside a tied embedding. Where
// they differ, transformers 4 ties and version 5 does not, and no reading can
// be right by both.
func (m *Model) checkTie() error {
	head, ok := m.Weights.Info(LMHeadTensor)
	if !ok || !m.Config.TieEmbeddings {
		return nil
	}
	embed, _ := m.Weights.Info(EmbedTensor)
	differ := fmt.Errorf("tie_word_embeddings=true, but %s differs from %s; "+
		"set tie_word_embeddings to false to use the head, or remove it from the file", LMHeadTensor, EmbedTensor)
	if head.DType != embed.DType || !slices.Equal(head.Shape, embed.Shape) {
		return differ
	}
	same, err := m.Weights.equalBytes(head, embed)
	if err == nil && !same {
		return differ
	}
	return err
}

// equalBytes compares two tensors of equal size.
func (w *Weights) equalBytes(a, b TensorInfo) (bool, error) {
	bufferA, bufferB := chunks.Get().(*[chunkBytes]byte), chunks.Get().(*[chunkBytes]byte)
	defer chunks.Put(bufferA)
	defer chunks.Put(bufferB)
	fileA, fileB := w.home[a.Name], w.home[b.Name]
	size := a.End - a.Begin
	for at := int64(0); at < size; at += chunkBytes {
		n := min(chunkBytes, size-at)
		if _, err := fileA.f.ReadAt(bufferA[:n], a.Begin+at); err != nil && err != io.EOF {
			return false, fileA.readFault(err)
		}
		if _, err := fileB.f.ReadAt(bufferB[:n], b.Begin+at); err != nil && err != io.EOF {
			return false, fileB.readFault(err)
		}
		if !bytes.Equal(bufferA[:n], bufferB[:n]) {
			return false, nil
		}
	}
	return true, nil
}
