package loader

import (
	"slices"
	"strings"
)

// family is one model_type: a block of the same make as Llama's (RMSNorm, rotary
// attention with grouped heads, SwiGLU) with its own biases, norms and window.
// The defaults are those of its configuration class in transformers 5.23.
type family struct {
	hidden, intermediate, layers, heads int
	kvHeads                             int // 0: as many as there are heads
	headDim                             int // 0: hidden_size / num_attention_heads
	vocab, positions                    int
	bos                                 []int
	evenHeads                           bool // hidden_size must be a multiple of num_attention_heads, whatever head_dim says

	// fields lists what of config.json is read besides the common fields.
	fields []string
	// block reads them into c.
	block func(f *fields, c *Config)
}

// families are the model types that can be run.
var families = map[string]family{
	"llama": {hidden: 4096, intermediate: 11008, layers: 32, heads: 32, vocab: 32000, positions: 2048, bos: []int{1}, evenHeads: true,
		fields: []string{"attention_bias", "mlp_bias"},
		block: func(f *fields, c *Config) {
			c.AttentionBias = f.flag("attention_bias", false)
			c.OutputBias = c.AttentionBias
			c.MLPBias = f.flag("mlp_bias", false)
		}},
	"mistral": {hidden: 4096, intermediate: 14336, layers: 32, heads: 32, kvHeads: 8, vocab: 32000, positions: 131072, bos: []int{1},
		fields: []string{"sliding_window"},
		block: func(f *fields, c *Config) {
			if window := f.window(); window > 0 {
				c.Windows = slices.Repeat([]int{window}, c.NumLayers)
			}
		}},
	"qwen2": {hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, vocab: 151936, positions: 32768,
		fields: qwenWindow,
		block: func(f *fields, c *Config) {
			c.AttentionBias = true // and no switch for it
			f.qwenWindows(c)
		}},
	"qwen3": {hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, headDim: 128, vocab: 151936, positions: 32768,
		fields: append([]string{"attention_bias"}, qwenWindow...),
		block: func(f *fields, c *Config) {
			c.AttentionBias = f.flag("attention_bias", false)
			c.OutputBias = c.AttentionBias
			c.QKNorm = true
			f.qwenWindows(c)
		}},
}

// qwenWindow are the fields of Qwen's sliding window.
var qwenWindow = []string{"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"}

// familyNames lists the model types for an error message.
func familyNames() string { return strings.Join(sortedKeys(families), ", ") }

// window reads sliding_window: 4096 where it is absent, none where it is null.
func (f *fields) window() int {
	if v, given := f.values["sliding_window"]; given && v == nil {
		return 0
	}
	return f.size("sliding_window", 4096, maxPositions)
}

// qwenWindows reads which layers attend within a window: those that layer_types
// names, or else those from max_window_layers on; none unless
// use_sliding_window is set.
func (f *fields) qwenWindows(c *Config) {
	window := f.window()
	first := f.count("max_window_layers", 28, maxLayers)
	used := f.flag("use_sliding_window", false)
	if !used {
		window = 0
	}
	types := f.layerTypes(c.NumLayers)
	for i, kind := range types {
		if kind == "sliding_attention" && window == 0 {
			f.failf("layer_types: layer %d is sliding_attention, but there is no window: use_sliding_window=%v, sliding_window=%s",
				i, used, shown(f.values["sliding_window"]))
			return
		}
	}
	if window == 0 {
		return
	}
	windows := make([]int, c.NumLayers)
	for i := range windows {
		if types == nil && i >= first || types != nil && types[i] == "sliding_attention" {
			windows[i] = window
		}
	}
	if slices.Max(windows) > 0 {
		c.Windows = windows
	}
}

// layerTypes reads layer_types: one kind of attention for each layer, or nil.
func (f *fields) layerTypes(layers int) []string {
	v := f.values["layer_types"]
	if v == nil {
		return nil
	}
	types := f.names("layer_types", v)
	if f.err == nil && len(types) != layers {
		f.failf("layer_types has %d entries for num_hidden_layers=%d", len(types), layers)
	}
	for _, kind := range types {
		if kind != "full_attention" && kind != "sliding_attention" {
			f.failf(`layer_types: %s is not supported; "full_attention" and "sliding_attention" are`, shown(kind))
		}
	}
	if f.err != nil {
		return nil
	}
	return types
}
