package loader

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// AdapterConfig is what adapter_config.json says about a LoRA adapter's
// arithmetic and where it goes, with the defaults of PEFT 0.21.2.
type AdapterConfig struct {
	Rank      int     // r, where no entry of rank_pattern matches
	Alpha     float64 // lora_alpha, where no entry of alpha_pattern matches
	UseRSLoRA bool    // scale by alpha/sqrt(r) and not alpha/r
	UseDoRA   bool
	BaseModel string // base_model_name_or_path

	// Raw is the decoded file. Numbers are json.Number.
	Raw map[string]any

	rankPattern   []pattern
	alphaPattern  []pattern
	targets       targets
	start         Start
	bias          string           // "none", "all" or "lora_only": which of the base's biases were trained
	loraBias      bool             // lora_B has a bias
	modulesToSave []string         // ends of module paths that were trained whole
	tokens        map[string][]int // token ids whose rows were trained, by module
	ensureTying   bool             // what goes on the embedding goes on a head tied to it
	fanInFanOut   bool
	quantised     bool // there is a quantization_config
}

// maxRank bounds r; a rank above the width of the model has no use.
const maxRank = maxHidden

// adapterApplied lists the fields that ParseAdapterConfig reads.
var adapterApplied = []string{
	"peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern",
	"alpha_pattern", "target_modules", "exclude_modules", "layers_to_transform",
	"layers_pattern", "init_lora_weights", "base_model_name_or_path", "bias",
	"lora_bias", "modules_to_save", "trainable_token_indices",
	"ensure_weight_tying", "fan_in_fan_out", "quantization_config",
}

// adapterInert lists the fields that do not change what a saved adapter
// computes: names and versions, training (dropout, the settings of an
// initialisation, which matters by init_lora_weights only), where tensors lie at
// run time, and two that PEFT always writes though nothing reads them unless
// megatron_config or use_qalora is set, which are refused.
var adapterInert = []string{
	"task_type", "auto_mapping", "revision", "peft_version", "inference_mode",
	"lora_dropout", "runtime_config", "loftq_config", "eva_config",
	"corda_config", "lora_ga_config", "megatron_core", "qalora_group_size",
}

// ReadAdapterConfig reads adapter_config.json. What changes the result of the
// adapter is applied or refused by name, and so is every unknown field that is
// not null, false, 0 or empty.
func ReadAdapterConfig(path string) (AdapterConfig, error) {
	data, err := readBounded(path, maxConfigBytes)
	if err != nil {
		return AdapterConfig{}, err
	}
	c, err := ParseAdapterConfig(data)
	if err != nil {
		return AdapterConfig{}, inputErrorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseAdapterConfig is ReadAdapterConfig for a file's contents; its errors name
// the field.
func ParseAdapterConfig(data []byte) (AdapterConfig, error) {
	o, err := parseObject(data)
	if err != nil {
		return AdapterConfig{}, &inputError{err}
	}
	f := &fields{object: o}
	if kind := f.text("peft_type", ""); f.err == nil && kind != "LORA" {
		f.failf(`peft_type=%s is not supported; "LORA" is`, shown(o.values["peft_type"]))
	}
	c := AdapterConfig{
		Rank:      f.size("r", 8, maxRank),
		Alpha:     f.number("lora_alpha", 8),
		UseRSLoRA: f.flag("use_rslora", false),
		UseDoRA:   f.flag("use_dora", false),
		BaseModel: f.text("base_model_name_or_path", ""),
	}
	f.beyondLoRA(&c)
	c.start = f.start()
	c.rankPattern = f.patterns("rank_pattern")
	c.alphaPattern = f.patterns("alpha_pattern")
	f.ranks(c.rankPattern)
	c.targets = f.targets()
	f.refuseUnknown(adapterApplied, adapterInert)
	if f.err != nil {
		return AdapterConfig{}, &inputError{f.err}
	}
	c.Raw = plain(o).(map[string]any)
	return c, nil
}

// beyondLoRA reads what an adapter may hold beside pairs of A and B.
func (f *fields) beyondLoRA(c *AdapterConfig) {
	switch c.bias = f.text("bias", "none"); c.bias {
	case "none", "all", "lora_only":
	default:
		f.failf(`bias=%s is not supported; "none", "all" and "lora_only" are`, shown(c.bias))
	}
	if c.loraBias = f.flag("lora_bias", false); c.loraBias && c.UseDoRA {
		f.failf("lora_bias=true cannot go with use_dora=true")
	}
	if v := f.values["modules_to_save"]; !blank(v) {
		c.modulesToSave = f.names("modules_to_save", v)
		if slices.Contains(c.modulesToSave, "") {
			f.failf("modules_to_save=%s has an empty name", shown(v))
		}
	}
	c.tokens = f.trainableTokens()
	c.ensureTying = f.flag("ensure_weight_tying", false)
	c.fanInFanOut = f.flag("fan_in_fan_out", false)
	c.quantised = !blank(f.values["quantization_config"])
	if v := f.values["layer_replication"]; !blank(v) {
		f.failf("layer_replication=%s is not supported: the model gets another depth, so that its layers have none of the base to be compared with", shown(v))
	}
}

// trainableTokens reads trainable_token_indices: token ids of the embedding, or
// an object from modules to token ids.
func (f *fields) trainableTokens() map[string][]int {
	const key = "trainable_token_indices"
	v := f.values[key]
	if blank(v) {
		return nil
	}
	o, ok := v.(*object)
	if !ok {
		return map[string][]int{embedModule: f.tokens(key, nil)}
	}
	all := map[string][]int{}
	for _, name := range o.keys {
		module := embedModule
		if !strings.HasSuffix(embedModule, name) {
			module = headModule
		}
		p := &fields{object: o}
		ids := p.tokens(name, nil)
		switch {
		case p.err != nil:
			f.failf("%s: %w", key, p.err)
		case !strings.HasSuffix(module, name) || all[module] != nil || len(ids) == 0:
			f.failf("%s: %s=%s is not a list of tokens for embed_tokens or lm_head", key, shownKey(name), shown(o.values[name]))
		}
		all[module] = ids
	}
	return all
}

// selects reports whether PEFT puts a LoRA on the module of this path: what is
// saved whole never gets one.
func (c *AdapterConfig) selects(path string) bool {
	saved := func(name string) bool { return strings.Contains("."+path+".", "."+name+".") }
	return c.targets.selects(path) && !slices.ContainsFunc(c.modulesToSave, saved)
}

// rank is the rank that the configuration gives a module.
func (c *AdapterConfig) rank(path string) int {
	if p := firstMatch(c.rankPattern, path); p != nil {
		return int(p.value)
	}
	return c.Rank
}

// scale is the factor of B A at a module, as PEFT's LoraLayer.update_layer has
// it: alpha/r, or alpha/sqrt(r) for rank-stabilised LoRA (Kalajdzievski 2023).
func (c *AdapterConfig) scale(path string) float64 {
	alpha := c.Alpha
	if p := firstMatch(c.alphaPattern, path); p != nil {
		alpha = p.value
	}
	r := float64(c.rank(path))
	if c.UseRSLoRA {
		return alpha / math.Sqrt(r)
	}
	return alpha / r
}

// patterns reads rank_pattern or alpha_pattern: an object from expressions to
// numbers, whose first matching entry counts.
func (f *fields) patterns(key string) []pattern {
	v := f.values[key]
	if blank(v) {
		return nil
	}
	o, ok := v.(*object)
	if !ok {
		f.failf("%s=%s is not an object", key, shown(v))
		return nil
	}
	list := make([]pattern, 0, len(o.keys))
	for _, text := range o.keys {
		n, ok := o.values[text].(json.Number)
		x, err := n.Float64()
		if !ok || err != nil {
			f.failf("%s: %s=%s is not a number", key, shown(text), shown(o.values[text]))
			return nil
		}
		// PEFT matches a suffix of the path that starts at a dot (get_pattern_key).
		re, err := compilePython(`^(?:.*\.)?(?:`, text, `)$`)
		if err != nil {
			f.failf("%s: %s: %w", key, shown(text), err)
			return nil
		}
		list = append(list, pattern{re, x})
	}
	return list
}

// ranks demands that the values of rank_pattern are ranks.
func (f *fields) ranks(list []pattern) {
	for _, p := range list {
		if p.value != math.Trunc(p.value) || p.value < 1 || p.value > maxRank {
			f.failf("rank_pattern: %v is not an integer from 1 to %d", p.value, maxRank)
		}
	}
}
