package loader

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Config is what config.json says about a model's arithmetic, with the defaults
// of its model_type in transformers (5.23) where the file is silent.
type Config struct {
	ModelType        string
	HiddenSize       int // D
	IntermediateSize int // F
	NumLayers        int
	NumHeads         int // H
	NumKVHeads       int // K; query head h reads key head h / (H/K)
	HeadDim          int // columns of one head; H * HeadDim need not be D
	VocabSize        int
	MaxPositions     int
	RMSNormEps       float64
	Rope             Rope
	TieEmbeddings    bool
	AttentionBias    bool   // q, k and v_proj have a bias
	OutputBias       bool   // o_proj has a bias
	MLPBias          bool   // gate, up and down_proj have a bias
	QKNorm           bool   // queries and keys are normalised, head by head, before they are turned
	Windows          []int  // (layers) a token attends to so many, itself included; 0: to all; nil: 0 everywhere
	Activation       string // always "silu", which transformers also calls "swish"
	BOS              []int  // none where bos_token_id is null

	// Raw is the decoded file, for run.json. Numbers are json.Number.
	Raw map[string]any
}

// Upper limits keep every product of two sizes far from overflow; they lie well
// above any released model.
const (
	maxHidden       = 1 << 16
	maxIntermediate = 1 << 20
	maxLayers       = 1024
	maxHeads        = 4096
	maxHeadDim      = 4096
	maxVocab        = 1 << 22
	maxPositions    = 1 << 30
)

// applied lists the fields that ParseConfig reads for every model_type; a family
// adds its own.
var applied = []string{
	"model_type", "hidden_size", "intermediate_size", "num_hidden_layers",
	"num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
	"max_position_embeddings", "rms_norm_eps", "hidden_act",
	"tie_word_embeddings", "bos_token_id", "rope_theta",
	"rope_scaling", "rope_parameters", "partial_rotary_factor",
}

// inert lists the fields that cannot change the hidden states of any family
// in evaluation mode: names and versions, the dtype that weights were saved
// in (they are computed with in float32 here), training (dropout, initialiser),
// the cache, what a call returns, classifier labels, and the settings of
// generate(). pretraining_tp split the products into slices in transformers 4,
// which changes nothing but the rounding, and version 5 ignores it.
var inert = []string{
	"_name_or_path", "name_or_path", "_commit_hash", "architectures",
	"transformers_version", "transformers.js_config", "tokenizer_class",
	"is_llama_config", "unsloth_fixed", "unsloth_version",
	"torch_dtype", "dtype", "attention_dropout", "initializer_range",
	"use_cache", "pretraining_tp", "max_sequence_length",
	"_attn_implementation", "attn_implementation", "_attn_implementation_autoset",
	"return_dict", "return_dict_in_generate", "output_attentions",
	"output_hidden_states", "output_scores", "chunk_size_feed_forward",
	"id2label", "label2id", "num_labels", "problem_type", "task_specific_params",
	"finetuning_task", "prefix", "eos_token_id", "pad_token_id", "sep_token_id",
	"decoder_start_token_id", "max_length", "max_new_tokens", "min_length",
	"do_sample", "temperature", "top_k", "top_p", "typical_p",
	"repetition_penalty", "length_penalty", "diversity_penalty",
	"no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "num_beams",
	"num_beam_groups", "num_return_sequences", "early_stopping",
	"bad_words_ids", "remove_invalid_values", "forced_bos_token_id",
	"forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens",
	"exponential_decay_length_penalty",
}

// ReadConfig reads config.json. Every field that changes the numbers is applied
// or refused by name; a field that is neither known nor null, false, 0 or empty
// is refused as well.
func ReadConfig(path string) (Config, error) {
	data, err := readBounded(path, maxConfigBytes)
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(data)
	if err != nil {
		return Config{}, inputErrorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig is ReadConfig for a file's contents; its errors name the field.
func ParseConfig(data []byte) (Config, error) {
	o, err := parseObject(data)
	if err != nil {
		return Config{}, &inputError{err}
	}
	f := &fields{object: o}
	c := Config{ModelType: f.text("model_type", "")}
	kind, ok := families[c.ModelType]
	if f.err == nil && !ok {
		f.failf("model_type=%s is not supported; %s are", shown(o.values["model_type"]), familyNames())
		return Config{}, &inputError{f.err}
	}
	f.sizes(kind, &c)
	f.numerics(kind, &c)
	c.Rope = f.rope(c.MaxPositions, c.HeadDim)
	if f.err == nil {
		kind.block(f, &c)
	}
	f.refuseUnknown(applied, kind.fields, inert)
	if f.err != nil {
		return Config{}, &inputError{f.err}
	}
	c.Raw = plain(o).(map[string]any)
	return c, nil
}

// sizes reads the shape of the model.
func (f *fields) sizes(kind family, c *Config) {
	c.HiddenSize = f.size("hidden_size", kind.hidden, maxHidden)
	c.IntermediateSize = f.size("intermediate_size", kind.intermediate, maxIntermediate)
	c.NumLayers = f.size("num_hidden_layers", kind.layers, maxLayers)
	c.NumHeads = f.size("num_attention_heads", kind.heads, maxHeads)
	c.VocabSize = f.size("vocab_size", kind.vocab, maxVocab)
	c.MaxPositions = f.size("max_position_embeddings", kind.positions, maxPositions)
	if f.err != nil {
		return
	}
	c.NumKVHeads = f.size("num_key_value_heads", f.keyHeads(kind, c.NumHeads), maxHeads)
	c.HeadDim = f.size("head_dim", cmp.Or(kind.headDim, c.HiddenSize/c.NumHeads), maxHeadDim)
	if f.err != nil {
		return
	}
	derived := kind.headDim == 0 && f.values["head_dim"] == nil
	if (kind.evenHeads || derived) && c.HiddenSize%c.NumHeads != 0 {
		f.failf("hidden_size=%d is not a multiple of num_attention_heads=%d", c.HiddenSize, c.NumHeads)
		return
	}
	if c.NumHeads%c.NumKVHeads != 0 {
		f.failf("num_attention_heads=%d is not a multiple of num_key_value_heads=%d", c.NumHeads, c.NumKVHeads)
	}
	if c.HeadDim%2 != 0 {
		f.failf("head_dim=%d is odd, and rotary embeddings turn pairs", c.HeadDim)
	}
}

// keyHeads is the default of num_key_value_heads: the family's where the field
// is absent, as many as there are heads where it is null.
func (f *fields) keyHeads(kind family, heads int) int {
	if _, given := f.values["num_key_value_heads"]; given || kind.kvHeads == 0 {
		return heads
	}
	return kind.kvHeads
}

// numerics reads what changes the arithmetic at a given shape.
func (f *fields) numerics(kind family, c *Config) {
	c.RMSNormEps = f.number("rms_norm_eps", 1e-6)
	if f.err == nil && c.RMSNormEps <= 0 {
		f.failf("rms_norm_eps=%s is not above 0", shown(f.values["rms_norm_eps"]))
	}
	c.TieEmbeddings = f.flag("tie_word_embeddings", false)
	switch act := f.text("hidden_act", "silu"); act {
	case "silu", "swish":
		c.Activation = "silu"
	default:
		f.failf(`hidden_act=%s is not supported; "silu" is`, shown(act))
	}
	c.BOS = f.tokens("bos_token_id", kind.bos)
}

// fields reads members of an object and keeps the first fault, so that a list
// of reads needs one check at its end. An absent or null member has the default.
type fields struct {
	*object
	err error
}

func (f *fields) failf(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// size reads an integer in [1, limit].
func (f *fields) size(key string, def, limit int) int { return f.within(key, def, 1, limit) }

// count reads an integer in [0, limit].
func (f *fields) count(key string, def, limit int) int { return f.within(key, def, 0, limit) }

func (f *fields) within(key string, def, lowest, limit int) int {
	v := f.values[key]
	if v == nil {
		return def
	}
	n, ok := integer(v)
	if !ok || n < lowest || n > limit {
		f.failf("%s=%s is not an integer from %d to %d", key, shown(v), lowest, limit)
		return def
	}
	return n
}

// number reads a finite number.
func (f *fields) number(key string, def float64) float64 {
	v := f.values[key]
	if v == nil {
		return def
	}
	n, ok := v.(json.Number)
	if !ok {
		f.failf("%s=%s is not a number", key, shown(v))
		return def
	}
	x, err := n.Float64()
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		f.failf("%s=%s is not a finite number", key, shown(v))
		return def
	}
	return x
}

func (f *fields) flag(key string, def bool) bool {
	v := f.values[key]
	if v == nil {
		return def
	}
	b, ok := v.(bool)
	if !ok {
		f.failf("%s=%s is not true or false", key, shown(v))
	}
	return b
}

func (f *fields) text(key, def string) string {
	v := f.values[key]
	if v == nil {
		return def
	}
	s, ok := v.(string)
	if !ok {
		f.failf("%s=%s is not a string", key, shown(v))
	}
	return s
}

// tokens reads a token id or a list of them; null is none, absent the default.
func (f *fields) tokens(key string, def []int) []int {
	v, given := f.values[key]
	if !given {
		return def
	}
	if v == nil {
		return nil
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	ids := make([]int, 0, len(list))
	for _, e := range list {
		id, ok := integer(e)
		if !ok || id < 0 {
			f.failf("%s=%s is not a token id or a list of them", key, shown(v))
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// refuseUnknown names the first field that is in none of the lists and says
// something.
func (f *fields) refuseUnknown(known ...[]string) {
	for _, key := range f.keys {
		isKnown := func(list []string) bool { return slices.Contains(list, key) }
		if !slices.ContainsFunc(known, isKnown) && !blank(f.values[key]) {
			f.failf("%s=%s is not supported", shownKey(key), shown(f.values[key]))
			return
		}
	}
}
