package loader

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// minimal is a config.json of transformers 4 with nothing to spare.
const minimal = `{"model_type":"llama","hidden_size":64,"intermediate_size":172,"num_hidden_layers":5,` +
	`"num_attention_heads":8,"vocab_size":512}`

// TestParseConfigAsTransformers compares with transformers' own classes;
// testdata/make_goldens.py made configs.json.
func TestParseConfigAsTransformers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "configs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name   string
			Config json.RawMessage
			Want   Config
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for _, c := range golden.Cases {
		got, err := ParseConfig(c.Config)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		got.Raw = nil
		if !reflect.DeepEqual(got, c.Want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.Name, got, c.Want)
		}
	}
}

func TestParseConfigForms(t *testing.T) {
	linear := Rope{Theta: 5e5, Type: "linear", Factor: 4}
	for name, c := range map[string]struct {
		fields string
		check  func(Config) bool
	}{
		"4: rope_theta":            {`"rope_theta":500000,"rope_scaling":null`, func(c Config) bool { return c.Rope == Rope{Theta: 5e5, Type: "default", Factor: 1} }},
		"4: type":                  {`"rope_theta":5e5,"rope_scaling":{"type":"linear","factor":4.0}`, func(c Config) bool { return c.Rope == linear }},
		"4: rope_type":             {`"rope_theta":5e5,"rope_scaling":{"rope_type":"linear","factor":4}`, func(c Config) bool { return c.Rope == linear }},
		"4: both, the same":        {`"rope_theta":5e5,"rope_scaling":{"rope_type":"linear","type":"linear","factor":4}`, func(c Config) bool { return c.Rope == linear }},
		"5: rope_parameters":       {`"rope_parameters":{"rope_type":"linear","factor":4,"rope_theta":500000.0}`, func(c Config) bool { return c.Rope == linear }},
		"5: theta outside":         {`"rope_theta":5e5,"rope_parameters":{"rope_type":"linear","factor":4}`, func(c Config) bool { return c.Rope == linear }},
		"5: default":               {`"rope_parameters":{"rope_type":"default","rope_theta":5e5}`, func(c Config) bool { return c.Rope == Rope{Theta: 5e5, Type: "default", Factor: 1} }},
		"5: theta only":            {`"rope_parameters":{"rope_theta":5e5}`, func(c Config) bool { return c.Rope == Rope{Theta: 5e5, Type: "default", Factor: 1} }},
		"whole rotation":           {`"partial_rotary_factor":1.0`, func(c Config) bool { return c.Rope == Rope{Theta: 1e4, Type: "default", Factor: 1} }},
		"grouped heads":            {`"num_key_value_heads":4`, func(c Config) bool { return c.NumKVHeads == 4 && c.HeadDim == 8 }},
		"heads null":               {`"num_key_value_heads":null,"head_dim":null`, func(c Config) bool { return c.NumKVHeads == 8 && c.HeadDim == 8 }},
		"wide heads":               {`"head_dim":16`, func(c Config) bool { return c.HeadDim == 16 }},
		"swish":                    {`"hidden_act":"swish"`, func(c Config) bool { return c.Activation == "silu" }},
		"no BOS":                   {`"bos_token_id":null`, func(c Config) bool { return c.BOS == nil }},
		"two BOS":                  {`"bos_token_id":[3,5]`, func(c Config) bool { return slices.Equal(c.BOS, []int{3, 5}) }},
		"biases":                   {`"attention_bias":true,"mlp_bias":true`, func(c Config) bool { return c.AttentionBias && c.MLPBias }},
		"inert":                    {`"torch_dtype":"bfloat16","pretraining_tp":2,"use_cache":true,"eos_token_id":[1,2]`, func(c Config) bool { return true }},
		"unknown that say nothing": {`"a":null,"b":false,"c":0,"d":"","e":[],"f":{}`, func(c Config) bool { return true }},
	} {
		text := strings.TrimSuffix(minimal, "}") + "," + c.fields + "}"
		if config, err := ParseConfig([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !c.check(config) {
			t.Errorf("%s: got %+v", name, config)
		}
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, c := range []struct{ fields, want string }{
		{`"hidden_act":"gelu"`, `hidden_act="gelu" is not supported; "silu" is`},
		{`"hidden_act":3`, `hidden_act=3 is not a string`},
		{`"rms_norm_eps":0`, `rms_norm_eps=0 is not above 0`},
		{`"rms_norm_eps":-1e-5`, `rms_norm_eps=-1e-5 is not above 0`},
		{`"rms_norm_eps":1e999`, `rms_norm_eps=1e999 is not a finite number`},
		{`"rms_norm_eps":"1e-5"`, `rms_norm_eps="1e-5" is not a number`},
		{`"max_position_embeddings":0`, `max_position_embeddings=0 is not an integer from 1`},
		{`"num_key_value_heads":3`, `num_attention_heads=8 is not a multiple of num_key_value_heads=3`},
		{`"num_key_value_heads":16`, `num_attention_heads=8 is not a multiple of num_key_value_heads=16`},
		{`"head_dim":7`, `head_dim=7 is odd`},
		{`"head_dim":8.0`, `head_dim=8.0 is not an integer`},
		{`"head_dim":true`, `head_dim=true is not an integer`},
		{`"head_dim":-8`, `head_dim=-8 is not an integer from 1`},
		{`"head_dim":99999999999999999999`, `head_dim=99999999999999999999 is not an integer`},
		{`"attention_bias":1`, `attention_bias=1 is not true or false`},
		{`"tie_word_embeddings":"yes"`, `tie_word_embeddings="yes" is not true or false`},
		{`"bos_token_id":-1`, `bos_token_id=-1 is not a token id`},
		{`"bos_token_id":[1,"x"]`, `bos_token_id=[1,"x"] is not a token id`},
		{`"rope_theta":0`, `rope_theta=0 is not above 0`},
		{`"rope_theta":"big"`, `rope_theta="big" is not a number`},
		{`"rope_scaling":{"type":"linear"}`, `rope_scaling: factor=null is not above 0`},
		{`"rope_scaling":{"type":"linear","factor":-2}`, `rope_scaling: factor=-2 is not above 0`},
		{`"rope_scaling":{"rope_type":"longrope","factor":8,"long_factor":[1]}`, `rope_scaling: rope_type="longrope" is not supported; default, dynamic, linear, llama3 and yarn are`},
		{`"rope_scaling":{"type":"dynamic"}`, `rope_scaling: factor=null is not above 0`},
		{`"rope_scaling":{"type":"dynamic","factor":2,"original_max_position_embeddings":8}`, `rope_scaling: original_max_position_embeddings=8 is not supported`},
		{`"head_dim":2,"rope_scaling":{"type":"dynamic","factor":2}`, `rope_type="dynamic" is not defined for head_dim=2`},
		{`"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1}`, `rope_scaling: high_freq_factor=null is not above 0`},
		{`"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}`, `rope_scaling: high_freq_factor=4 is not above low_freq_factor=4`},
		{`"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":0}`, `original_max_position_embeddings=0 is not an integer from 1`},
		{`"rope_scaling":{"rope_type":"yarn"}`, `rope_scaling: factor=null is not above 0`},
		{`"rope_scaling":{"rope_type":"yarn","factor":4,"beta_fast":1,"beta_slow":2}`, `rope_scaling: beta_fast=1 and beta_slow=2 are not`},
		{`"rope_scaling":{"rope_type":"yarn","factor":4,"truncate":"no"}`, `rope_scaling: truncate="no" is not true or false`},
		{`"rope_scaling":{"rope_type":"yarn","factor":4,"attention_factor":0}`, `rope_scaling: attention_factor=0 is not above 0`},
		{`"rope_scaling":{"rope_type":"yarn","factor":4,"short_factor":[1]}`, `rope_scaling: short_factor=[1] is not supported`},
		{`"rope_theta":1,"rope_scaling":{"rope_type":"yarn","factor":4}`, `rope_type="yarn" is not defined for head_dim=8 and rope_theta=1`},
		{`"original_max_position_embeddings":64`, `original_max_position_embeddings=64 is not supported`},
		{`"use_sliding_window":true`, `use_sliding_window=true is not supported`},
		{`"rope_scaling":{"rope_type":"linear","type":"yarn","factor":2}`, `rope_type="linear" and type="yarn" differ`},
		{`"rope_scaling":{"type":"linear","factor":2,"beta_fast":32}`, `rope_scaling: beta_fast=32 is not supported`},
		{`"rope_scaling":{"type":"default","factor":2}`, `rope_scaling: factor=2 is not supported`},
		{`"rope_scaling":"linear"`, `rope_scaling="linear" is not an object`},
		{`"rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_theta":1}`, `rope_scaling and rope_parameters are both given`},
		{`"rope_theta":1e4,"rope_parameters":{"rope_theta":5e5}`, `rope_theta=500000 differs from the one beside it, 10000`},
		{`"rope_parameters":{"rope_theta":1e4,"partial_rotary_factor":0.5}`, `partial_rotary_factor=0.5 is not supported; 1 is`},
		{`"partial_rotary_factor":0.25`, `partial_rotary_factor=0.25 is not supported; 1 is`},
		{`"rope_interleaved":true`, `rope_interleaved=true is not supported`},
		{`"sliding_window":4096`, `sliding_window=4096 is not supported`},
		{`"quantization_config":{"bits":4}`, `quantization_config={"bits":4} is not supported`},
		{`"attn_logit_softcapping":50.0`, `attn_logit_softcapping=50.0 is not supported`},
		{`"auto_map":{"AutoModel":"m.M"}`, `auto_map={"AutoModel":"m.M"} is not supported`},
		{`"layer_types":["full_attention"]`, `layer_types=["full_attention"] is not supported`},
		{`"a\nb":"\n` + strings.Repeat("z", 500) + `"`, `"a\nb"="\nzzz`},
		{`"vocab_size":7`, `the key "vocab_size" twice`},
	} {
		_, err := ParseConfig([]byte(strings.TrimSuffix(minimal, "}") + "," + c.fields + "}"))
		refused(t, err, c.want)
	}
	for old, want := range map[string]string{
		`"llama"`:                  `model_type="mixtral" is not supported; llama, mistral, qwen2, qwen3 are`,
		`"hidden_size":64`:         `hidden_size=65 is not a multiple of num_attention_heads=8`,
		`"num_hidden_layers":5`:    `num_hidden_layers=1025 is not an integer from 1 to 1024`,
		`"vocab_size":512`:         `vocab_size=0 is not an integer`,
		`"intermediate_size":172`:  `intermediate_size="wide" is not an integer`,
		`"num_attention_heads":8`:  `num_attention_heads=-8 is not an integer`,
		`"model_type":"llama",`:    `model_type=null is not supported`,
		`{"model_type":"llama","h`: `is not a JSON object`,
	} {
		news := map[string]string{
			`"llama"`: `"mixtral"`, `"hidden_size":64`: `"hidden_size":65`, `"num_hidden_layers":5`: `"num_hidden_layers":1025`,
			`"vocab_size":512`: `"vocab_size":0`, `"intermediate_size":172`: `"intermediate_size":"wide"`,
			`"num_attention_heads":8`: `"num_attention_heads":-8`, `"model_type":"llama",`: ``, `{"model_type":"llama","h`: `["h`,
		}
		_, err := ParseConfig([]byte(edit(t, minimal, old, news[old])))
		refused(t, err, want)
	}
}

func TestReadConfigNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadConfig(filepath.Join(dir, "config.json"))
	refused(t, err, filepath.Join(dir, "config.json"))
	path := writeFile(t, dir, "config.json", []byte(edit(t, minimal, "llama", "gpt2")))
	_, err = ReadConfig(path)
	refused(t, err, path, `model_type="gpt2"`)
	large := filepath.Join(dir, "large.json")
	if err := os.WriteFile(large, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxConfigBytes+1); err != nil {
		t.Fatal(err)
	}
	_, err = ReadConfig(large)
	refused(t, err, large, "more than the 16777216 allowed")
	_, err = ReadConfig(dir)
	refused(t, err, "is not a regular file")
}

// FuzzConfig: whatever the bytes, either an error of one line that is bad input,
// or sizes whose products a 64-bit int holds.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(`{"model_type":"llama","rope_parameters":{"rope_type":"linear","factor":4.0,"rope_theta":1e4},"bos_token_id":[1]}`))
	f.Add([]byte(`{"model_type":"llama","rope_theta":5e5,"rope_scaling":{"type":"linear","factor":2},"head_dim":16}`))
	f.Add([]byte(`{"model_type":"qwen3","num_hidden_layers":2,"use_sliding_window":true,"layer_types":["sliding_attention","full_attention"]}`))
	f.Add([]byte(`{"model_type":"mistral","rope_scaling":{"type":"yarn","factor":4,"mscale":1,"mscale_all_dim":0.5,"truncate":false}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			refused(t, err)
			return
		}
		for _, w := range c.wants() {
			n, ok := extent(w.shape, 32)
			if !ok || n == 0 || n > 1<<42 {
				t.Fatalf("%s has shape %v", w.name, w.shape)
			}
		}
		if c.NumHeads%c.NumKVHeads != 0 || c.HeadDim%2 != 0 || !(c.RMSNormEps > 0) || !(c.Rope.Theta > 0) || !(c.Rope.Factor > 0) ||
			c.Windows != nil && len(c.Windows) != c.NumLayers || math.IsInf(c.Rope.AttentionFactor, 0) || math.IsNaN(c.Rope.AttentionFactor) {
			t.Fatalf("accepted %+v", c)
		}
	})
}
