package loader

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// openForm opens a copy of an adapter of internal/testmodel/testdata/forms, after
// a change to its files, on its model.
func openForm(t testing.TB, model, name string, change func(dir string)) (*Adapter, error) {
	t.Helper()
	forms := filepath.Join(testmodel.Golden(t), "forms")
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(forms, "adapters", name))); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(dir)
	}
	m, err := Open(filepath.Join(forms, "models", model))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	a, err := OpenAdapter(AdapterRef{name, dir, 1}, m, AdapterOptions{})
	if err == nil {
		t.Cleanup(func() { a.Close() })
	}
	return a, err
}

// TestOpenAdapterForms: what of each form is taken for what.
func TestOpenAdapterForms(t *testing.T) {
	for _, c := range []struct {
		model, name string
		replaced    []string // of tensors outside the blocks
		inBlocks    int      // replaced tensors in the blocks
		rows        []string
		embed, head bool
	}{
		{"tied", "embed", []string{EmbedTensor, LMHeadTensor}, 0, nil, true, false}, // a copy of the base's goes with it
		{"tied", "embed-ensured", []string{EmbedTensor, LMHeadTensor}, 0, nil, true, true},
		{"tied", "head", []string{LMHeadTensor}, 0, nil, false, true},
		{"biased", "saved-norm", []string{NormTensor}, 4, nil, false, false}, // "norm" ends the names of all norms
		{"biased", "saved-last-norm", []string{NormTensor}, 0, nil, false, false},
		{"tied", "saved-embed", []string{EmbedTensor}, 0, nil, false, false},
		{"biased", "saved-both", []string{EmbedTensor, LMHeadTensor}, 0, nil, false, false},
		{"biased", "saved-mlp", nil, 2 * 6, nil, false, false},
		{"biased", "bias-all", nil, 2 * 7, nil, false, false},
		{"biased", "bias-lora-only", nil, 2 * 2, nil, false, false},
		{"tied", "tokens", nil, 0, []string{EmbedTensor, LMHeadTensor}, false, false},
		{"biased", "tokens-apart", nil, 0, []string{EmbedTensor, LMHeadTensor}, false, false},
		{"qwen3", "qwen3", []string{NormTensor}, 2 * 4, nil, false, false},
	} {
		a, err := openForm(t, c.model, c.name, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var outside []string
		for _, name := range sortedKeys(a.replaced) {
			if !blockModule.MatchString(name) {
				outside = append(outside, name)
			}
		}
		slices.Sort(c.replaced)
		if !slices.Equal(outside, c.replaced) || len(a.replaced)-len(outside) != c.inBlocks {
			t.Errorf("%s: replaces %v and %d in blocks", c.name, outside, len(a.replaced)-len(outside))
		}
		rows := slices.Sorted(maps.Keys(a.rows))
		slices.Sort(c.rows)
		if !slices.Equal(rows, c.rows) || (a.Embed != nil) != c.embed || (a.Head != nil) != c.head {
			t.Errorf("%s: rows of %v, embedding %v, head %v", c.name, rows, a.Embed != nil, a.Head != nil)
		}
		if len(a.Warnings) > 0 || a.Zero() {
			t.Errorf("%s: warnings %q, zero %v", c.name, a.Warnings, a.Zero())
		}
	}
}

func TestTokenRows(t *testing.T) {
	a, err := openForm(t, "biased", "tokens-apart", nil)
	if err != nil {
		t.Fatal(err)
	}
	embed, head := a.TokenRows(EmbedTensor), a.TokenRows(LMHeadTensor)
	if got := slices.Sorted(maps.Keys(embed)); !slices.Equal(got, []int{3, 17}) {
		t.Errorf("rows of the embedding: %v", got)
	}
	if got := slices.Sorted(maps.Keys(head)); !slices.Equal(got, []int{5, 17, 95}) || slices.Equal(embed[17], head[17]) {
		t.Errorf("rows of the head: %v", got)
	}
}

// configEdit returns a change of adapter_config.json.
func configEdit(t testing.TB, old, new string) func(string) {
	return func(dir string) {
		data, err := os.ReadFile(filepath.Join(dir, adapterConfigName))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, adapterConfigName, []byte(edit(t, string(data), old, new)))
	}
}

func TestOpenAdapterFormsRefuse(t *testing.T) {
	const layer = prefix + "model.layers.0."
	with := func(name string, shape ...int) func(string) {
		return adapterTensors(t, func(w map[string]NamedTensor) {
			n := 1
			for _, d := range shape {
				n *= d
			}
			w[prefix+name] = NamedTensor{Name: prefix + name, Shape: shape, Float32: make([]float32, n)}
		})
	}
	without := func(name string) func(string) {
		return adapterTensors(t, func(w map[string]NamedTensor) {
			if _, ok := w[prefix+name]; !ok {
				t.Fatalf("there is no %s in %v", name, sortedKeys(w))
			}
			delete(w, prefix+name)
		})
	}
	for _, c := range []struct {
		name, model, adapter string
		change               func(string)
		want                 string
	}{
		{"another vocabulary", "biased", "saved-both", with("model.embed_tokens.weight", 97, 24), "model.embed_tokens: its weight is [97 24], the base's [96 24]; if the vocabulary was extended"},
		{"another vocabulary, LoRA", "tied", "embed", adapterTensors(t, func(w map[string]NamedTensor) {
			name := prefix + "model.embed_tokens.lora_embedding_A"
			w[name] = NamedTensor{Name: name, Shape: []int{4, 97}, Float32: make([]float32, 4*97)}
		}), "model.embed_tokens: the LoRA is (97, 24), the base's embedding (96, 24)"},
		{"saved norm missing", "biased", "saved-norm", without("model.layers.1.input_layernorm.weight"), "1 modules are selected by adapter_config.json but have no tensors: model.layers.1.input_layernorm.weight"},
		{"saved head missing", "biased", "saved-both", without("lm_head.weight"), "have no tensors: lm_head.weight"},
		{"bias missing", "biased", "bias-all", without("model.layers.1.self_attn.o_proj.bias"), "have no tensors: model.layers.1.self_attn.o_proj.bias"},
		{"base bias missing", "biased", "bias-lora-only", without("model.layers.1.mlp.down_proj.base_layer.bias"), "have no tensors: model.layers.1.mlp.down_proj.bias"},
		{"base bias without bias", "biased", "bias-lora-only", configEdit(t, `"bias": "lora_only"`, `"bias": "none"`), `it has a base_layer.bias, but bias="none"`},
		{"bias without bias=all", "biased", "bias-all", configEdit(t, `"bias": "all"`, `"bias": "lora_only"`), `it has a bias that neither modules_to_save nor bias="lora_only" accounts for`},
		{"bias that the base has not", "tied", "lora-bias-bare", func(dir string) {
			configEdit(t, `"bias": "none"`, `"bias": "all"`)(dir)
			with("model.layers.0.self_attn.q_proj.bias", 32)(dir)
		}, "q_proj: it has a bias, but the base has none there"},
		{"bias of B missing", "biased", "lora-bias", without("model.layers.0.self_attn.q_proj.lora_B.bias"), "the bias of lora_B is missing, but lora_bias=true"},
		{"bias of B of another size", "biased", "lora-bias", with("model.layers.0.self_attn.q_proj.lora_B.bias", 3), "the bias of lora_B [3] is not (32)"},
		{"LoRA and saved", "biased", "saved-norm", func(dir string) {
			configEdit(t, `"norm"`, `"_proj"`)(dir)
			with("model.layers.0.self_attn.q_proj.weight", 32, 24)(dir)
		}, "q_proj: it is saved whole and has a LoRA too"},
		{"copy of a weight in a block", "tied", "fan", with("model.layers.0.self_attn.o_proj.base_layer.weight", 24, 32), "a base_layer.weight is known only beside an adapter of the embedding or the head"},
		{"embedding's LoRA on a linear map", "tied", "fan", func(dir string) {
			adapterTensors(t, func(w map[string]NamedTensor) {
				for _, part := range []string{"A", "B"} {
					old := w[layer+"self_attn.o_proj.lora_"+part+".weight"]
					delete(w, old.Name)
					old.Name = layer + "self_attn.o_proj.lora_embedding_" + part
					w[old.Name] = old
				}
			})(dir)
		}, "the form of the LoRA, of a linear map or of an embedding, is not that of the module"},
		{"embedding's magnitude", "biased", "embed-dora", with("model.embed_tokens.lora_magnitude_vector", 96), "lora_magnitude_vector [96] is not (24)"},
		{"saved module with LoRA tensors", "biased", "saved-both", configEdit(t, `"lm_head"`, `"self_attn"`), "does not select them, so that PEFT would not apply them: model.layers.0.self_attn.v_proj"},
		{"rows that no index names", "tied", "fan", with("model.embed_tokens.token_adapter.trainable_tokens_delta", 2, 24), "it has trainable tokens that trainable_token_indices does not name"},
		{"too few rows", "tied", "tokens", with("model.embed_tokens.token_adapter.trainable_tokens_delta", 2, 24), "trainable_tokens_delta [2 24] does not have the 3 rows"},
		{"narrow rows", "tied", "tokens", with("model.embed_tokens.token_adapter.trainable_tokens_delta", 3, 23), "trainable_tokens_delta [3 23] does not have hidden_size=24 columns"},
		{"no rows", "tied", "tokens", without("model.embed_tokens.token_adapter.trainable_tokens_delta"), "model.embed_tokens (trainable tokens)"},
		{"token outside", "tied", "tokens", configEdit(t, "90\n", "96\n"), "trainable_token_indices: token 96 is outside the base's vocabulary of 96"},
		{"rows and a whole embedding", "tied", "tokens", with("model.embed_tokens.weight", 96, 24), "it has trainable tokens and another adapter too"},
		{"tying of an embedding that has none", "tied", "head", func(dir string) {
			configEdit(t, `"lm_head",`, ``)(dir)
			configEdit(t, `"ensure_weight_tying": false`, `"ensure_weight_tying": true`)(dir)
		}, "does not select them, so that PEFT would not apply them: lm_head"},
		{"OLoRA of the head", "tied", "head", configEdit(t, `"init_lora_weights": true`, `"init_lora_weights": "olora"`), `lm_head: init_lora_weights="olora" is not supported on the head`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openForm(t, c.model, c.adapter, c.change)
			refused(t, err, c.want)
		})
	}
}

// TestReplacedNaN: a tensor that is read later is looked at then.
func TestReplacedNaN(t *testing.T) {
	name := prefix + NormTensor
	a, err := openForm(t, "biased", "saved-last-norm", adapterTensors(t, func(w map[string]NamedTensor) {
		w[name].Float32[5] = float32(math.NaN())
	}))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, a.ReadFloat32(NormTensor, make([]float32, 24)), adapterFileName, name, "element 5 is NaN")
}

func TestWarnings(t *testing.T) {
	readme := func(text string) func(string) {
		return func(dir string) { writeFile(t, dir, "README.md", []byte(text)) }
	}
	const quantised = "was trained on a quantised base"
	for _, c := range []struct {
		name, adapter string
		change        func(string)
		want          string
	}{
		{"plain README", "olora", readme("# A model card\nTrained for 3 epochs with a batch of 4."), ""},
		{"README of PEFT", "olora", readme("The following `bitsandbytes` quantization config was used during training:\n- load_in_8bit: False\n- load_in_4bit: True\n"), quantised + ` (its README.md says "bitsandbytes")`},
		{"nf4", "olora", readme("- bnb_4bit_quant_type: nf4"), quantised + ` (its README.md says "nf4")`},
		{"load_in_4bit", "olora", readme("load_in_4bit=True"), quantised},
		{"not in 4 bit", "olora", readme("load_in_4bit: False"), ""},
		{"the base's name", "olora", configEdit(t, `"base_model_name_or_path": "tied"`, `"base_model_name_or_path": "unsloth/tied-bnb-4bit"`), quantised + " (its base is"},
		{"quantization_config", "olora", configEdit(t, `"bias"`, `"quantization_config": {"load_in_4bit": true}, "bias"`), quantised + " (adapter_config.json has a quantization_config)"},
		{"fan_in_fan_out", "fan", nil, "fan_in_fan_out=true has no effect"},
	} {
		a, err := openForm(t, "tied", c.adapter, c.change)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := strings.Join(a.Warnings, "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: warnings %q, want %q", c.name, got, c.want)
		}
	}
}
