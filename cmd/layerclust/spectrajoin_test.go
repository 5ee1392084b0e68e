package main

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// newDeepWorld is a world of enough blocks to join, with a run in out.
func newDeepWorld(t *testing.T) world {
	t.Helper()
	w := newWorld(t)
	w.spec = testmodel.Spec{Layers: 12, Hidden: 16, FFN: 24, Heads: 2, KVHeads: 2, HeadDim: 8, Seed: 3} // v_proj is square
	w.model, w.adapter = w.at("deep"), w.at("tuned12")
	testmodel.WriteModel(t, w.model, w.spec)
	testmodel.WriteAdapter(t, w.adapter, w.spec, testmodel.AdapterSpec{Seed: 1})
	w.run(t, "run").fine(t)
	return w
}

// The join of a run has what its tables have: the norm of an update beside the
// increment of the drift over its block, up to the place before the final norm.
func TestSpectraJoin(t *testing.T) {
	w := newDeepWorld(t)
	cli(t, "spectra", w.model, "--adapter", "mine="+w.adapter, "--join", w.at("run"), "--out", w.at("out"), "--quiet").fine(t)
	drift := map[string]float64{}
	for _, r := range table(t, w.at("run"), "metrics.csv") {
		if r["variant"] == "tuned12" && r["prompt"] == "all" && r["metric"] == "drift" && r["mask"] == "default" {
			drift[r["layer"]] = float(t, r["value"])
		}
	}
	values := cells(t, w.at("out"))
	points, joins := 0, map[string]int{}
	for _, r := range table(t, w.at("out"), joinsName) {
		joins[r["covariate"]+", "+r["target"]+", "+r["mask"]]++
		if p := float(t, r["p"]) * 12; r["adapter"] != "mine" || r["shifts"] != "12" || math.Abs(p-math.Round(p)) > 1e-9 || p < 0.5 || float(t, r["p_max"]) < float(t, r["p"]) || float(t, r["p_holm"]) < float(t, r["p"]) {
			t.Fatalf("%v", r)
		}
		if r["covariate"] != "delta_norm q_proj" || r["target"] != "drift" || r["mask"] != "default" {
			continue
		}
		points++
		l, _ := strconv.Atoi(r["layer"])
		after := strconv.Itoa(l + 1)
		if l == 11 {
			after = "12-raw"
		}
		if x := values["mine "+r["layer"]+" q_proj delta_norm 0"]; x == 0 || float(t, r["x"]) != x || float(t, r["y"]) != drift[after]-drift[r["layer"]] {
			t.Errorf("block %d: %v, %v, want %v, %v", l, r["x"], r["y"], x, drift[after]-drift[r["layer"]])
		}
	}
	if points != 12 {
		t.Errorf("%d points of 12 blocks", points)
	}
	for _, want := range []string{"relative_norm all", "v_eigenvalue_shift v_proj", "ov_eigenvalue_shift attn", "qk_sigma1_shift attn", "sigma1_shift v_proj"} {
		if joins[want+", drift, none"] != 12 {
			t.Errorf("%s: %d points", want, joins[want+", drift, none"])
		}
	}
	info := spectraInfo(t, w.at("out"))
	if text := strings.Join(info.Predictions, "\n"); !strings.Contains(text, "mine: the leading eigenvalue of V ") || !strings.Contains(text, " of 24 heads") || !strings.Contains(text, "mine: the clustering ") {
		t.Errorf("predictions: %s", text)
	}
	cli(t, "spectra", w.model, "--adapter", "mine="+w.adapter, "--join", w.at("run"), "--out", w.at("again"), "--quiet").fine(t)
	if string(readFile(t, w.at("again"), joinsName)) != string(readFile(t, w.at("out"), joinsName)) {
		t.Error("the same join has other bytes")
	}
}

// Without MODEL what is of updates alone is joined; what is not of the run is
// refused, before anything is computed.
func TestSpectraJoinOfAnotherRun(t *testing.T) {
	w := newDeepWorld(t)
	join := func(out string, args ...string) outcome {
		return cli(t, append([]string{"spectra", "--join", w.at("run"), "--out", w.at(out), "--quiet"}, args...)...)
	}
	join("alone", "--adapter", w.adapter).fine(t)
	for _, r := range table(t, w.at("alone"), joinsName) {
		if name := strings.Fields(r["covariate"])[0]; name != "delta_norm" && name != "delta_sigma1" {
			t.Fatalf("%v without a model", r)
		}
	}
	other := w.another(t, filepath.Join("other", "tuned12"), testmodel.AdapterSpec{Seed: 2})
	strange := w.another(t, "strange", testmodel.AdapterSpec{Seed: 4})
	model := w.at("another-model")
	spec := w.spec
	spec.Seed = 8
	testmodel.WriteModel(t, model, spec)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--adapter", w.adapter + "@0.5"}, []string{"run.json", "tuned12", "scale=1", "0.5"}},
		{[]string{"--adapter", other}, []string{"run.json", "adapter tuned12: adapter_model.safetensors has sha256="}},
		{[]string{"--adapter", strange}, []string{"run.json", "none of this call's"}},
		{[]string{"--adapter", w.adapter, "--lora-scale", "paper"}, []string{"run.json", `lora_scale="peft"`}},
		{[]string{model, "--adapter", w.adapter, "--only", "lora"}, []string{"run.json: model: model.safetensors has sha256="}},
	} {
		join("refused", c.args...).refused(t, exitInput, c.want...)
	}
	join("some", "--adapter", w.adapter, "--adapter", strange).fine(t)
	if text := strings.Join(spectraInfo(t, w.at("some")).Warnings, "\n"); !strings.Contains(text, "adapter strange is not in") {
		t.Errorf("warnings: %s", text)
	}
	w.run(t, "twice", "--repeat-depth", "2").fine(t)
	cli(t, "spectra", "--adapter", w.adapter, "--join", w.at("twice"), "--out", w.at("no"), "--quiet").refused(t, exitInput, "repeat_depth=2")
	cli(t, "spectra", "--adapter", w.adapter, "--join", w.at("nowhere"), "--out", w.at("no"), "--quiet").refused(t, exitInput, "run.json")
}
