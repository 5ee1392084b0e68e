package loader

import (
	"strings"
	"testing"
)

// TestFamiliesRefuse: what one model_type has is no field of another.
func TestFamiliesRefuse(t *testing.T) {
	for _, c := range []struct{ kind, fields, want string }{
		{"mistral", `"attention_bias":true`, `attention_bias=true is not supported`},
		{"mistral", `"layer_types":["full_attention"]`, `layer_types=["full_attention"] is not supported`},
		{"mistral", `"sliding_window":0`, `sliding_window=0 is not an integer from 1`},
		{"mistral", `"hidden_size":65`, `hidden_size=65 is not a multiple of num_attention_heads=32`},
		{"qwen2", `"mlp_bias":true`, `mlp_bias=true is not supported`},
		{"qwen2", `"use_mrope":true`, `use_mrope=true is not supported`},
		{"qwen2", `"num_hidden_layers":2,"layer_types":["full_attention"]`, `layer_types has 1 entries for num_hidden_layers=2`},
		{"qwen2", `"num_hidden_layers":1,"layer_types":["chunked_attention"]`, `layer_types: "chunked_attention" is not supported; "full_attention" and "sliding_attention" are`},
		{"qwen2", `"num_hidden_layers":1,"layer_types":"full_attention"`, `layer_types="full_attention" is not a list of strings`},
		{"qwen2", `"num_hidden_layers":1,"sliding_window":8,"layer_types":["sliding_attention"]`, `layer_types: layer 0 is sliding_attention, but there is no window: use_sliding_window=false, sliding_window=8`},
		{"qwen3", `"num_hidden_layers":1,"sliding_window":null,"use_sliding_window":true,"layer_types":["sliding_attention"]`, `use_sliding_window=true, sliding_window=null`},
		{"qwen3", `"max_window_layers":-1`, `max_window_layers=-1 is not an integer from 0`},
		{"qwen3", `"attention_bias":"no"`, `attention_bias="no" is not true or false`},
		{"qwen3", `"num_experts":8`, `num_experts=8 is not supported`},
	} {
		_, err := ParseConfig([]byte(`{"model_type":"` + c.kind + `",` + c.fields + `}`))
		refused(t, err, c.want)
	}
	for _, kind := range []string{"gemma3_text", "phi3", "qwen2_moe", "qwen3_moe", "mixtral", "gpt2", "deepseek_v3"} {
		_, err := ParseConfig([]byte(`{"model_type":"` + kind + `"}`))
		refused(t, err, `model_type="`+kind+`" is not supported; llama, mistral, qwen2, qwen3 are`)
	}
}

// TestWants: the tensors that each family's configuration calls for in a block.
func TestWants(t *testing.T) {
	for _, c := range []struct {
		fields  string
		has     []string
		without []string
	}{
		{`"model_type":"mistral"`, nil, []string{"self_attn.q_proj.bias", "self_attn.q_norm.weight"}},
		{`"model_type":"qwen2"`, []string{"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"}, []string{"self_attn.o_proj.bias", "mlp.up_proj.bias"}},
		{`"model_type":"qwen3"`, []string{"self_attn.q_norm.weight", "self_attn.k_norm.weight"}, []string{"self_attn.q_proj.bias"}},
		{`"model_type":"qwen3","attention_bias":true`, []string{"self_attn.q_proj.bias", "self_attn.o_proj.bias"}, nil},
	} {
		config, err := ParseConfig([]byte(`{` + c.fields + `}`))
		if err != nil {
			t.Fatal(err)
		}
		names := ""
		for _, want := range config.wants() {
			names += " " + want.name + " "
		}
		for _, name := range c.has {
			if !strings.Contains(names, " model.layers.3."+name+" ") {
				t.Errorf("%s: no %s", c.fields, name)
			}
		}
		for _, name := range c.without {
			if strings.Contains(names, " model.layers.3."+name+" ") {
				t.Errorf("%s: %s", c.fields, name)
			}
		}
	}
}
