package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/internal/testmodel"
)

// forms is the folder of the golden models and adapters of every form.
func forms(t *testing.T) string { return filepath.Join(testmodel.Golden(t), "forms") }

// runForms runs a small job on one of the models and returns its exit code and
// stderr.
func runForms(t *testing.T, out, model string, more ...string) (int, string) {
	t.Helper()
	prompts := filepath.Join(t.TempDir(), "p.jsonl")
	if err := os.WriteFile(prompts, []byte(`{"id":"p","input_ids":[5,17,3,90,41,8,77,60,2,33,17,9]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"run", filepath.Join(forms(t), "models", model), "--prompts", prompts, "--out", out, "--quiet"}, more...)
	var stdout, stderr bytes.Buffer
	code := execute(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stderr.String()
}

// TestRunVariants compares a base with an adapter of a saved head and with a
// fully fine-tuned model, at scales 0, 0.5 and 1.
func TestRunVariants(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	adapter, tuned := filepath.Join(forms(t), "adapters", "saved-embed"), filepath.Join(forms(t), "models", "tuned-line")
	if code, text := runForms(t, out, "tied", "--adapter", "saved="+adapter, "--variant", tuned,
		"--variant", "half="+tuned+"@0.5", "--variant", "none="+tuned+"@0"); code != exitFine {
		t.Fatalf("exit code %d: %s", code, text)
	}
	var info analyze.RunInfo
	data, err := os.ReadFile(filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &info); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range info.Adapters {
		names = append(names, a.Name)
	}
	if want := []string{"saved", "tuned-line", "half", "none"}; !slices.Equal(names, want) {
		t.Fatalf("variants %v, want %v", names, want)
	}
	// A block has nine modules with weights; the embedding, the last norm and the head are three more.
	for i, modules := range []int{2 + 1, 2*9 + 3, 2*9 + 3, 2*9 + 3} {
		if got := info.Adapters[i].ModulesApplied; got != modules {
			t.Errorf("%s: %d modules applied, want %d", names[i], got, modules)
		}
	}
	whole, half, none := info.Adapters[1], info.Adapters[2], info.Adapters[3]
	if whole.RelativeNorm < 0.1 || half.RelativeNorm < 0.49*whole.RelativeNorm || half.RelativeNorm > 0.51*whole.RelativeNorm || none.RelativeNorm != 0 {
		t.Errorf("relative norms %v, %v, %v", whole.RelativeNorm, half.RelativeNorm, none.RelativeNorm)
	}
	if len(whole.SHA256) != 2 || whole.SHA256["model.safetensors"] == "" || len(info.Adapters[0].SHA256) != 2 {
		t.Errorf("hashes %v, %v", whole.SHA256, info.Adapters[0].SHA256)
	}
	if want := []string{"embed_tokens", "v_proj"}; !slices.Equal(info.Adapters[0].Targets, want) {
		t.Errorf("targets %v, want %v", info.Adapters[0].Targets, want)
	}
}

// TestRefusedForms: what cannot be run right ends in one line and exit code 2.
func TestRefusedForms(t *testing.T) {
	adapters, models := filepath.Join(forms(t), "adapters"), filepath.Join(forms(t), "models")
	edited := func(source, file, old, new string) string {
		dir := filepath.Join(t.TempDir(), filepath.Base(source))
		if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), old) {
			t.Fatalf("%s does not hold %q", path, old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	adapter := func(old, new string) []string {
		return []string{"--adapter", edited(filepath.Join(adapters, "fan"), "adapter_config.json", old, new)}
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"IA3", adapter(`"LORA"`, `"IA3"`), `adapter_config.json: peft_type="IA3" is not supported; "LORA" is`},
		{"prefix tuning", adapter(`"LORA"`, `"PREFIX_TUNING"`), `peft_type="PREFIX_TUNING"`},
		{"AdaLoRA", adapter(`"LORA"`, `"ADALORA"`), `peft_type="ADALORA"`},
		{"aLoRA", adapter(`"alora_invocation_tokens": null`, `"alora_invocation_tokens": [1, 2]`), "alora_invocation_tokens=[1,2] is not supported"},
		{"BD-LoRA", adapter(`"use_bdlora": null`, `"use_bdlora": {"nblocks": 2}`), `use_bdlora={"nblocks":2} is not supported`},
		{"QALoRA", adapter(`"use_qalora": false`, `"use_qalora": true`), "use_qalora=true is not supported"},
		{"parameters", adapter(`"target_parameters": null`, `"target_parameters": ["w"]`), `target_parameters=["w"] is not supported`},
		{"Arrow", adapter(`"arrow_config": null`, `"arrow_config": {"top_k": 2}`), "arrow_config={"},
		{"layer replication", adapter(`"layer_replication": null`, `"layer_replication": [[0, 2], [0, 2]]`), "layer_replication=[[0,2],[0,2]] is not supported: the model gets another depth"},
		{"CorDA", adapter(`"init_lora_weights": true`, `"init_lora_weights": "corda"`), `init_lora_weights="corda" is not supported: it changes the base weights`},
		{"LoftQ", adapter(`"init_lora_weights": true`, `"init_lora_weights": "loftq"`), `init_lora_weights="loftq" is not supported`},
		{"LoRA-GA", adapter(`"init_lora_weights": true`, `"init_lora_weights": "lora_ga"`), `init_lora_weights="lora_ga" is not supported`},
		{"fast PiSSA", adapter(`"init_lora_weights": true`, `"init_lora_weights": "pissa_niter_4"`), `init_lora_weights="pissa_niter_4" is not supported`},
		{"another base", []string{"--adapter", filepath.Join(adapters, "lora-bias")}, "(it was trained on \"biased\")"},
		{"an adapter as a variant", []string{"--variant", filepath.Join(adapters, "fan")}, "has no config.json, it is a PEFT adapter; give it with --adapter"},
		{"a model as an adapter", []string{"--adapter", filepath.Join(models, "tied")}, "has no adapter_config.json, it is a whole model; give it with --variant"},
		{"no model", []string{"--variant", adapters}, "there is neither config.json nor a checkpoint-N folder"},
		{"a variant of other shapes", []string{"--variant", filepath.Join(models, "qwen3")}, "config.json: model_type=qwen3 differs from the base's llama"},
		{"a variant of another model", []string{"--variant", edited(filepath.Join(models, "tied"), "config.json", `"llama"`, `"gemma3_text"`)}, `model_type="gemma3_text" is not supported; llama, mistral, qwen2, qwen3 are`},
		{"a name twice", []string{"--adapter", "tied=" + filepath.Join(adapters, "fan"), "--variant", filepath.Join(models, "tied")}, `are both named "tied"`},
		{"no line", []string{"--variant", edited(filepath.Join(models, "tied"), "config.json", `"rms_norm_eps": 1e-05`, `"rms_norm_eps": 1e-04`) + "@0.5"}, "a scale of 0.5 has no meaning"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			code, text := runForms(t, out, "tied", c.args...)
			if code != exitInput || strings.Count(text, "\n") != 1 || !strings.Contains(text, c.want) {
				t.Errorf("exit code %d, %q; want %q", code, text, c.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("an output folder was left")
			}
		})
	}
}

// TestTokenOutsideVariant: a token that the base knows and a variant does not.
func TestTokenOutsideVariant(t *testing.T) {
	prompts := filepath.Join(t.TempDir(), "p.jsonl")
	if err := os.WriteFile(prompts, []byte(`{"id":"p","input_ids":[5,98]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := execute(context.Background(), []string{"run", filepath.Join(forms(t), "models", "tuned"), "--variant", filepath.Join(forms(t), "models", "biased"),
		"--prompts", prompts, "--out", filepath.Join(t.TempDir(), "out"), "--quiet"}, strings.NewReader(""), &stdout, &stderr)
	if want := `prompt "p": token 1 has id 98, outside the vocabulary of 96 (biased)`; code != exitInput || !strings.Contains(stderr.String(), want) {
		t.Errorf("exit code %d, %q; want %q", code, stderr.String(), want)
	}
}
