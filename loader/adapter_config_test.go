package loader

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// minimalAdapter is what an adapter_config.json cannot do without.
const minimalAdapter = `{"peft_type":"LORA","r":2,"lora_alpha":32,"target_modules":["v_proj"]}`

func TestParseAdapterConfigAccepts(t *testing.T) {
	for _, fields := range []string{
		`"qalora_group_size":16,"megatron_core":"megatron.core","lora_dropout":0.05,"inference_mode":true`,
		`"init_lora_weights":true`, `"init_lora_weights":false`, `"init_lora_weights":null`, `"init_lora_weights":"gaussian"`,
		`"init_lora_weights":"eva","eva_config":{"rho":2.0}`, `"init_lora_weights":"orthogonal"`, `"init_lora_weights":"mica"`,
		`"auto_mapping":{"base_model_class":"LlamaForCausalLM"},"revision":"main","peft_version":"0.21.2"`,
		`"runtime_config":{"ephemeral_gpu_offload":false},"loftq_config":{}`,
		`"modules_to_save":null,"layer_replication":null,"use_qalora":false,"trainable_token_indices":null`,
		`"modules_to_save":["lm_head"],"bias":"all","lora_bias":true,"fan_in_fan_out":true,"ensure_weight_tying":true`,
		`"bias":"lora_only","trainable_token_indices":[1,2]`, `"trainable_token_indices":{"embed_tokens":[1],"lm_head":[2,3]}`,
		`"init_lora_weights":"olora"`, `"init_lora_weights":"OLoRA"`, `"init_lora_weights":"pissa"`,
		`"quantization_config":{"load_in_4bit":true}`,
		`"use_dora":true,"use_rslora":true`,
		`"a_field_of_the_future":null,"another":false,"third":[]`,
	} {
		if _, err := ParseAdapterConfig([]byte(strings.TrimSuffix(minimalAdapter, "}") + "," + fields + "}")); err != nil {
			t.Errorf("%s: %v", fields, err)
		}
	}
}

func TestParseAdapterConfigRefuses(t *testing.T) {
	for _, c := range []struct{ fields, want string }{
		{`"bias":"q_only"`, `bias="q_only" is not supported; "none", "all" and "lora_only" are`},
		{`"lora_bias":true,"use_dora":true`, `lora_bias=true cannot go with use_dora=true`},
		{`"modules_to_save":"lm_head"`, `modules_to_save="lm_head" is not a list of strings`},
		{`"modules_to_save":[""]`, `modules_to_save=[""] has an empty name`},
		{`"trainable_token_indices":[-1]`, `trainable_token_indices=[-1] is not a token id or a list of them`},
		{`"trainable_token_indices":{"q_proj":[1]}`, `trainable_token_indices: q_proj=[1] is not a list of tokens for embed_tokens or lm_head`},
		{`"trainable_token_indices":{"lm_head":[]}`, `trainable_token_indices: lm_head=[] is not a list of tokens`},
		{`"trainable_token_indices":{"embed_tokens":[1],"model.embed_tokens":[2]}`, `trainable_token_indices: model.embed_tokens=[2] is not a list of tokens`},
		{`"layer_replication":[[0,4],[2,5]]`, `layer_replication=[[0,4],[2,5]] is not supported: the model gets another depth`},
		{`"use_qalora":true`, `use_qalora=true is not supported`},
		{`"alora_invocation_tokens":[1,2]`, `alora_invocation_tokens=[1,2] is not supported`},
		{`"use_bdlora":{"nblocks":2}`, `use_bdlora={"nblocks":2} is not supported`},
		{`"megatron_config":{"x":1}`, `megatron_config={"x":1} is not supported`},
		{`"target_parameters":["p"]`, `target_parameters=["p"] is not supported`},
		{`"arrow_config":{"top_k":3}`, `arrow_config={"top_k":3} is not supported`},
		{`"kasa_config":{"beta":0.1}`, `kasa_config={"beta":0.1} is not supported`},
		{`"velora_config":{"scale":1}`, `velora_config={"scale":1} is not supported`},
		{`"monteclora_config":{"num_samples":8}`, `monteclora_config={"num_samples":8} is not supported`},
		{`"from_the_future":1`, `from_the_future=1 is not supported`},
		{`"init_lora_weights":"pissa_niter_16"`, `init_lora_weights="pissa_niter_16" is not supported: it changes the base weights`},
		{`"init_lora_weights":"corda"`, `init_lora_weights="corda" is not supported`},
		{`"init_lora_weights":"loftq"`, `init_lora_weights="loftq" is not supported`},
		{`"init_lora_weights":"lora_ga"`, `init_lora_weights="lora_ga" is not supported`},
		{`"init_lora_weights":1`, `init_lora_weights=1 is not supported`},
		{`"use_dora":"yes"`, `use_dora="yes" is not true or false`},
		{`"rank_pattern":[1]`, `rank_pattern=[1] is not an object`},
		{`"rank_pattern":{"q_proj":"4"}`, `rank_pattern: "q_proj"="4" is not a number`},
		{`"rank_pattern":{"q_proj":2.5}`, `rank_pattern: 2.5 is not an integer from 1`},
		{`"rank_pattern":{"q_proj":0}`, `rank_pattern: 0 is not an integer from 1`},
		{`"alpha_pattern":{"(?!q)_proj":4}`, `alpha_pattern: "(?!q)_proj": expression with "(?!q" is not supported`},
		{`"alpha_pattern":{"q":1e999}`, `alpha_pattern: "q"=1e999 is not a number`},
		{`"exclude_modules":7`, `exclude_modules=7 is not a list of strings`},
		{`"exclude_modules":"(?<!x)q"`, `exclude_modules="(?<!x)q": expression with "(?<!" is not supported`},
		{`"layers_to_transform":"1"`, `layers_to_transform="1" is not an integer or a list of them`},
		{`"layers_to_transform":[true]`, `layers_to_transform=[true] is not an integer or a list of them`},
		{`"layers_pattern":"layers"`, `layers_pattern is given without layers_to_transform`},
		{`"layers_to_transform":[1],"layers_pattern":["("]`, `layers_pattern: "(": expression is not supported`},
		{`"layers_to_transform":[1],"layers_pattern":[1]`, `layers_pattern=[1] is not a list of strings`},
		{`"r":2`, `the key "r" twice`},
	} {
		_, err := ParseAdapterConfig([]byte(strings.TrimSuffix(minimalAdapter, "}") + "," + c.fields + "}"))
		refused(t, err, c.want)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"LORA"`, `"LOHA"`, `peft_type="LOHA" is not supported; "LORA" is`},
		{`"LORA"`, `"IA3"`, `peft_type="IA3" is not supported`},
		{`"LORA"`, `"PREFIX_TUNING"`, `peft_type="PREFIX_TUNING" is not supported`},
		{`"LORA"`, `"ADALORA"`, `peft_type="ADALORA" is not supported`},
		{`"peft_type":"LORA",`, ``, `peft_type=null is not supported`},
		{`"r":2`, `"r":0`, `r=0 is not an integer from 1`},
		{`"lora_alpha":32`, `"lora_alpha":"32"`, `lora_alpha="32" is not a number`},
		{`["v_proj"]`, `[]`, `target_modules=[] selects nothing`},
		{`["v_proj"]`, `""`, `target_modules="" selects nothing`},
		{`["v_proj"]`, `[3]`, `target_modules=[3] is not a list of strings`},
		{`["v_proj"]`, `"[qv]_proj("`, `target_modules="[qv]_proj(": expression is not supported`},
		{`["v_proj"]`, `"q_proj","layers_to_transform":[1]`, `layers_to_transform cannot go with target_modules="q_proj"`},
	} {
		_, err := ParseAdapterConfig([]byte(edit(t, minimalAdapter, c.old, c.new)))
		refused(t, err, c.want)
	}
}

func TestReadAdapterConfigNamesTheFile(t *testing.T) {
	path := writeFile(t, t.TempDir(), adapterConfigName, []byte(edit(t, minimalAdapter, "LORA", "IA3")))
	_, err := ReadAdapterConfig(path)
	refused(t, err, path, `peft_type="IA3"`)
	_, err = ReadAdapterConfig(filepath.Join("absent", adapterConfigName))
	refused(t, err, "absent")
}

// FuzzAdapterConfig: whatever the bytes, either an error of one line that is bad
// input, or a configuration that answers for any module.
func FuzzAdapterConfig(f *testing.F) {
	f.Add([]byte(minimalAdapter))
	f.Add([]byte(`{"peft_type":"LORA","target_modules":"all-linear","rank_pattern":{"q_proj":2},"alpha_pattern":{".*\\.1\\d\\..*":3},"use_rslora":true}`))
	f.Add([]byte(`{"peft_type":"LORA","target_modules":["v_proj"],"layers_to_transform":[1],"layers_pattern":"layers","exclude_modules":"x.*"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseAdapterConfig(data)
		if err != nil {
			refused(t, err)
			return
		}
		for _, module := range Projections() {
			path := modulePath(11, module)
			c.targets.selects(path)
			if r, s := c.rank(path), c.scale(path); r < 1 || r > maxRank || math.IsNaN(s) || math.IsInf(s, 0) {
				t.Fatalf("%s: rank %d, scale %v", path, r, s)
			}
		}
	})
}
