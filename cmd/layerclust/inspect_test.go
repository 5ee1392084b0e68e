package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// number follows keys into a decoded object.
func number(t *testing.T, v any, keys ...string) float64 {
	t.Helper()
	for _, key := range keys {
		v = v.(map[string]any)[key]
	}
	n, ok := v.(float64)
	if !ok {
		t.Fatalf("%v is %v, not a number", keys, v)
	}
	return n
}

// TestInspectModel: sizes worked out by hand from the Llama architecture.
func TestInspectModel(t *testing.T) {
	w := newWorld(t)
	v := cli(t, "inspect", w.model, "--json").object(t)
	const d, ffn, kv, vocab = 16, 32, 8, 64
	block := 2*d + 2*d*d + 2*kv*d + 3*ffn*d // norms; q, o; k, v; gate, up, down
	all := modelLayers*block + d + 2*vocab*d
	for key, want := range map[string]int{"layers": modelLayers, "hidden_size": d, "heads": 4, "kv_heads": 2, "head_dim": 4,
		"parameters": all, "block_float32_bytes": 4 * block, "max_position_embeddings": 512} {
		if got := number(t, v, key); got != float64(want) {
			t.Errorf("%s is %v, want %d", key, got, want)
		}
	}
	if got := number(t, v, "dtypes", "F32"); got != float64(all) {
		t.Errorf("%v parameters in F32, want %d", got, all)
	}
	if v["kind"] != "model" || v["tokenizer"] != nil || v["tie_word_embeddings"] != false {
		t.Errorf("%v", v)
	}
	o := cli(t, "inspect", w.model).fine(t)
	for _, want := range []string{"4 heads of 4, 2 of keys and values, each for 2 (GQA)", "default, theta 10000", "none: prompts must come as input_ids"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("%q is not said:\n%s", want, o.out)
		}
	}
}

// TestInspectAdapter: without a base, and matched with one.
func TestInspectAdapter(t *testing.T) {
	w := newWorld(t)
	w.another(t, "steps/checkpoint-10", testmodel.AdapterSpec{Rank: 4, Alpha: 8, RSLoRA: true, Layers: []int{0, 2}, Seed: 2})
	w.another(t, "steps/checkpoint-2", testmodel.AdapterSpec{Zero: true})
	v := cli(t, "inspect", w.at("steps"), "--json").object(t)
	list := v["adapters"].([]any)
	if v["kind"] != "adapter" || len(list) != 2 {
		t.Fatalf("%v", v)
	}
	zero, trained := list[0].(map[string]any), list[1].(map[string]any)
	if zero["name"] != "steps@checkpoint-2" || zero["changes_nothing"] != true || trained["changes_nothing"] != false {
		t.Errorf("%v, %v", zero, trained)
	}
	q := trained["targets"].([]any)[0].(map[string]any)
	if q["name"] != "self_attn.q_proj" || len(q["layers"].([]any)) != 2 || q["scales"].([]any)[0] != 4.0 { // 8 / sqrt(4)
		t.Errorf("%v", q)
	}
	o := cli(t, "inspect", w.at("steps")).fine(t)
	for _, want := range []string{"layers 0,2, rank 4, scale 4", "rank-stabilised", "changes nothing: B = 0"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("%q is not said:\n%s", want, o.out)
		}
	}
	// With its base, the size is that which a run states.
	w.run(t, "out").fine(t)
	based := cli(t, "inspect", w.adapter, "--base", w.model, "--json").object(t)["adapters"].([]any)[0]
	if got, want := number(t, based, "relative_norm"), readRun(t, w.at("out")).Adapters[0].RelativeNorm; math.Abs(got-want) > 1e-12*want {
		t.Errorf("relative norm %v, the run's %v", got, want)
	}
	testmodel.WriteModel(t, w.at("wide"), testmodel.Spec{Layers: modelLayers, Hidden: 32})
	cli(t, "inspect", w.adapter, "--base", w.at("wide")).refused(t, exitInput, "cannot be applied")
	cli(t, "inspect", w.model, "--base", w.model).refused(t, exitInput, "adapter_config.json")
}

// TestInspectFixtures: a real tokenizer's template, and |scale B A|_F of a real
// adapter as numpy has it.
func TestInspectFixtures(t *testing.T) {
	dir := testmodel.Fixtures(t)
	v := cli(t, "inspect", filepath.Join(dir, "models", "stories260K"), "--json").object(t)
	if got := number(t, v, "parameters"); got != 260032 { // the name of the model, and torch's count
		t.Errorf("%v parameters", got)
	}
	tokenizer := v["tokenizer"].(map[string]any)
	if template := tokenizer["template"].([]any); len(template) != 1 || template[0] != 1.0 {
		t.Errorf("the tokenizer adds %v, want BOS", template)
	}
	adapter := cli(t, "inspect", filepath.Join(dir, "adapters", "stories260K-v-r2", "checkpoint-200"), "--json").object(t)["adapters"].([]any)[0]
	want := spectraNorm(t, filepath.Join(dir, "reference", "spectra", "stories260K-v-r2@checkpoint-200.json"))
	target := adapter.(map[string]any)["targets"].([]any)[0]
	if got := number(t, target, "norm"); math.Abs(got-want) > 1e-9*want {
		t.Errorf("|s B A| is %v, numpy says %v", got, want)
	}
}

// spectraNorm is the norm of all modules together in a file of
// reference/spectra: numpy's singular values, in float64, for each module.
func spectraNorm(t *testing.T, path string) float64 {
	t.Helper()
	var file struct {
		Modules map[string]struct{ Fro float64 }
	}
	if err := json.Unmarshal(readFile(t, filepath.Dir(path), filepath.Base(path)), &file); err != nil {
		t.Fatal(err)
	}
	var squares float64
	for _, m := range file.Modules {
		squares += m.Fro * m.Fro
	}
	return math.Sqrt(squares)
}

// TestInspectRun: what a folder of results holds.
func TestInspectRun(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out", "--save-states").fine(t)
	v := cli(t, "inspect", w.at("out"), "--json").object(t)
	if v["kind"] != "run" || len(v["prompts"].([]any)) != 2 || len(v["adapters"].([]any)) != 1 || len(v["metrics"].([]any)) < 20 {
		t.Errorf("%v", v)
	}
	var total float64
	for _, f := range v["files"].([]any) {
		total += number(t, f, "bytes")
	}
	if total != number(t, v, "bytes") || total == 0 {
		t.Errorf("the files have %v bytes, %v in all", total, v["bytes"])
	}
	cli(t, "extract", w.model, "--prompts", w.prompts, "--out", w.at("states")).fine(t)
	if o := cli(t, "inspect", w.at("states")).fine(t); !strings.Contains(o.out, "states: 2, ") {
		t.Errorf("the states are not said:\n%s", o.out)
	}
	cli(t, "inspect", w.at("nothing")).refused(t, exitInput, "no such folder")
	cli(t, "inspect", w.dir).refused(t, exitInput, "no run.json, no config.json")
	w.write(t, "out/run.json", "{}")
	cli(t, "inspect", w.at("out")).refused(t, exitInput, "schema=0")
}
