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

	rankPattern  []pattern
	alphaPattern []pattern
	targets      targets
}

// maxRank bounds r; a rank above the width of the model has no use.
const maxRank = maxHidden

// adapterApplied lists the fields that ParseAdapterConfig reads.
var adapterApplied = []string{
	"peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern",
	"alpha_pattern", "target_modules", "exclude_modules", "layers_to_transform",
	"layers_pattern", "init_lora_weights", "base_model_name_or_path", "bias",
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

// adapterInits are values of init_lora_weights, beside true and false, that
// leave the base weights as they are. The others (pissa, olora, corda, loftq,
// lora_ga) move a part of the base into the adapter before training, so that
// such an adapter belongs to a base that is in no file, unless PEFT converted it
// when it was saved; then it says true here.
var adapterInits = []string{"gaussian", "eva", "orthogonal", "mica"}

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
	if bias := f.text("bias", "none"); bias != "none" {
		f.failf(`bias=%s is not supported; "none" is`, shown(bias))
	}
	f.initialisation()
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

// initialisation refuses adapters that were trained on a changed base.
func (f *fields) initialisation() {
	v := f.values["init_lora_weights"]
	switch v := v.(type) {
	case nil, bool:
		return
	case string:
		if slices.Contains(adapterInits, strings.ToLower(v)) {
			return
		}
	}
	f.failf("init_lora_weights=%s is not supported: it changes the base weights, which this adapter's file does not hold; "+
		"save it with PEFT's path_initial_model_for_weight_conversion", shown(v))
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
