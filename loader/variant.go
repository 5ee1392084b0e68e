package loader

import (
	"fmt"
	"slices"
)

// OpenVariant opens a fully fine-tuned model as a change of base: every tensor
// of its own takes the place of the base's. The two must have the same blocks,
// tensor by tensor. What may differ is the vocabulary, as long as the prompts'
// tokens are in both; a tied head; and the rotary embedding, the norms' epsilon
// and the attention window, which are the variant's own when it is run.
//
// Where those or the vocabulary differ there is no line from one model to the
// other, and Scale must be 0 or 1.
func OpenVariant(ref AdapterRef, base *Model) (*Adapter, error) {
	tuned, err := Open(ref.Dir)
	if err != nil {
		return nil, err
	}
	if err := comparable(base.Config, tuned.Config, ref.Scale); err != nil {
		tuned.Close()
		return nil, inputErrorf("%s: %w, so that it is no variant of %s", ref.Dir, err, base.Dir)
	}
	a := &Adapter{Name: ref.Name, Dir: ref.Dir, Scale: ref.Scale, Tuned: tuned,
		Modules: map[string]*LoRA{}, replaced: map[string]source{}}
	for _, want := range tuned.Config.wants() {
		a.replaced[want.name] = source{tuned.Weights.home[want.name], want.name}
	}
	head := tuned.Config.HeadTensor()
	a.replaced[LMHeadTensor] = source{tuned.Weights.home[head], head}
	return a, nil
}

// comparable names the first field of config.json that makes two models differ
// in more than their weights.
func comparable(base, tuned Config, scale float64) error {
	for _, field := range []struct {
		name        string
		base, tuned any
	}{
		{"model_type", base.ModelType, tuned.ModelType},
		{"hidden_size", base.HiddenSize, tuned.HiddenSize},
		{"intermediate_size", base.IntermediateSize, tuned.IntermediateSize},
		{"num_hidden_layers", base.NumLayers, tuned.NumLayers},
		{"num_attention_heads", base.NumHeads, tuned.NumHeads},
		{"num_key_value_heads", base.NumKVHeads, tuned.NumKVHeads},
		{"head_dim", base.HeadDim, tuned.HeadDim},
		{"attention_bias", base.AttentionBias, tuned.AttentionBias},
		{"mlp_bias", base.MLPBias, tuned.MLPBias},
	} {
		if field.base != field.tuned {
			return fmt.Errorf("config.json: %s=%v differs from the base's %v", field.name, field.tuned, field.base)
		}
	}
	if scale == 0 || scale == 1 {
		return nil
	}
	switch {
	case base.VocabSize != tuned.VocabSize:
		return fmt.Errorf("config.json: vocab_size=%d differs from the base's %d, and a scale of %v has no meaning between the two", tuned.VocabSize, base.VocabSize, scale)
	case base.Rope != tuned.Rope, base.RMSNormEps != tuned.RMSNormEps, !slices.Equal(base.Windows, tuned.Windows):
		return fmt.Errorf("config.json: rotary embedding, rms_norm_eps or sliding window differ from the base's, and a scale of %v has no meaning between the two", scale)
	}
	return nil
}

// ModelConfig is the configuration that the adapter is run with: the base's, but
// that of a fine-tuned model its own, unless its Scale is 0, which is the base.
func (a *Adapter) ModelConfig(base Config) Config {
	if a.Tuned == nil || a.Scale == 0 {
		return base
	}
	return a.Tuned.Config
}
