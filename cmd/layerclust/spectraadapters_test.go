package main

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/report"
)

// series writes a folder of checkpoints, the first as before training.
func (w world) series(t *testing.T, name string) string {
	t.Helper()
	w.another(t, filepath.Join(name, "checkpoint-0"), testmodel.AdapterSpec{Zero: true})
	w.another(t, filepath.Join(name, "checkpoint-5"), testmodel.AdapterSpec{Seed: 5})
	w.another(t, filepath.Join(name, "checkpoint-20"), testmodel.AdapterSpec{Seed: 20})
	return w.at(name)
}

// cells are the values of spectra.csv by variant, layer, module, quantity and
// index.
func cells(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, row := range table(t, dir, valuesName) {
		key := strings.Join([]string{row["variant"], row["layer"], row["module"], row["quantity"], row["index"]}, " ")
		if _, twice := values[key]; twice && row["head"] == "" {
			t.Errorf("%s stands twice", key)
		}
		values[key] = float(t, row["re"])
	}
	return values
}

func spectraInfo(t *testing.T, dir string) report.SpectraInfo {
	t.Helper()
	var info report.SpectraInfo
	if err := json.Unmarshal(readFile(t, dir, spectraName), &info); err != nil {
		t.Fatal(err)
	}
	return info
}

// The scale of a module (alpha/r = 2 here) and that of the argument multiply the
// update; --lora-scale paper leaves the former out.
func TestSpectraScales(t *testing.T) {
	w := newWorld(t)
	for _, scale := range []string{"peft", "paper"} {
		cli(t, "spectra", "--adapter", w.adapter, "--adapter", "half="+w.adapter+"@0.5", "--adapter", "less="+w.adapter+"@-1",
			"--adapter", "none="+w.adapter+"@0", "--lora-scale", scale, "--out", w.at(scale), "--quiet").fine(t)
	}
	peft, paper := cells(t, w.at("peft")), cells(t, w.at("paper"))
	compared := 0
	for key, v := range peft {
		variant, rest, _ := strings.Cut(key, " ")
		if variant != "tuned" || !strings.Contains(key, "lora_sv ") && !strings.Contains(key, "delta_norm") {
			continue
		}
		compared++
		for other, want := range map[string]float64{"half ": v / 2, "less ": v, "none ": 0} {
			if got, ok := peft[other+rest]; !ok || got != want {
				t.Errorf("%s: %v at a scale of %s, %v at 1", key, got, other, v)
			}
		}
		if paper[key] != v/2 {
			t.Errorf("%s: %v with alpha/r = 2, %v without", key, v, paper[key])
		}
	}
	if compared != modelLayers*2*(2+1) { // q_proj and v_proj at rank 2: two values and the norm
		t.Errorf("%d values compared", compared)
	}
	info := spectraInfo(t, w.at("paper"))
	if info.LoRAScale != "paper" || !strings.Contains(info.Conventions["update"], "without the factor") {
		t.Errorf("spectra.json says %q, %q", info.LoRAScale, info.Conventions["update"])
	}
	// q_proj is square: at -1 its eigenvalues are those at 1 with the other sign.
	var one, minus []float64
	for i := range 2 {
		index := []string{"0", "1"}[i]
		one, minus = append(one, peft["tuned 1 q_proj lora_eig "+index]), append(minus, -peft["less 1 q_proj lora_eig "+index])
	}
	slices.Sort(one)
	slices.Sort(minus)
	if !slices.Equal(one, minus) {
		t.Errorf("real parts of eigenvalues %v at 1, %v at -1 with the sign taken back", one, minus)
	}
}

// Adapters alone: what is written, and that it is the same the second time.
func TestSpectraAdapters(t *testing.T) {
	w := newWorld(t)
	args := []string{"spectra", "--adapter", w.series(t, "series"), "--adapter", w.adapter, "--out", w.at("out")}
	o := cli(t, append(args, "--json")...)
	said := o.object(t)
	first := snapshot(t, w.at("out"))
	if names := []string{joinsName, overlapsName, valuesName, spectraName}; !hasAll(first, names) {
		t.Errorf("%d files, want %v among them", len(first), names)
	}
	cli(t, args...).fine(t)
	sameFiles(t, "again", snapshot(t, w.at("out")), first, spectraName)

	values := cells(t, w.at("out"))
	for key, v := range values {
		if math.IsNaN(v) {
			t.Errorf("%s is not a number", key)
		}
		if strings.HasPrefix(key, "series@checkpoint-0 ") && v != 0 && !strings.Contains(key, "random") {
			t.Errorf("%s of a zero update is %v", key, v)
		}
	}
	if v := values["series@checkpoint-20 2 v_proj path_cos_final 0"]; v != 1 {
		t.Errorf("the cosine of the last checkpoint with itself is %v", v)
	}
	if _, ok := values["series@checkpoint-5 2 v_proj path_angle_left 0"]; !ok {
		t.Error("no path over the checkpoints")
	}
	// Three adapters that are not zero make three pairs a module; two series (the last of each) have three pairs of layers.
	pairs := map[string]int{}
	for _, row := range table(t, w.at("out"), overlapsName) {
		if row["rank_a"] == "2" {
			pairs[row["a"]+" "+row["b"]]++
		}
	}
	want := map[string]int{"series@checkpoint-5 series@checkpoint-20": 12, "series@checkpoint-5 tuned": 12, "series@checkpoint-20 tuned": 12,
		"tuned tuned": 12, "series@checkpoint-20 series@checkpoint-20": 12} // 3 layers or pairs of them, 2 modules, 2 sides
	if len(pairs) != len(want) {
		t.Errorf("pairs %v", pairs)
	}
	for pair, n := range want {
		if pairs[pair] != n {
			t.Errorf("%d overlaps of %s, want %d", pairs[pair], pair, n)
		}
	}
	info := spectraInfo(t, w.at("out"))
	if info.Model != nil || len(info.Adapters) != 4 || info.Adapters[3].Name != "tuned" || len(info.Adapters[3].SHA256) != 2 || info.Adapters[3].ModulesApplied != 6 {
		t.Errorf("spectra.json: model %v, adapters %+v", info.Model, info.Adapters)
	}
	if want := []string{"lora", "overlap"}; !slices.Equal(info.Only, want) {
		t.Errorf("groups %v, want %v", info.Only, want)
	}
	findings, _ := said["findings"].([]any)
	if len(findings) != 5 || !strings.Contains(findings[0].(string), "series@checkpoint-20: 6 updates of rank 2") {
		t.Errorf("findings %q", findings)
	}
	if !strings.Contains(o.err, "series@checkpoint-0 changes nothing") {
		t.Errorf("no warning of a zero adapter: %s", o.err)
	}
}

func hasAll(files map[string]string, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { _, ok := files[name]; return !ok })
}

// --layers and --only leave out what they do not name.
func TestSpectraChoices(t *testing.T) {
	w := newWorld(t)
	cli(t, "spectra", "--adapter", w.adapter, "--layers", "0,-1", "--only", "lora", "--out", w.at("lora"), "--quiet").fine(t)
	for key := range cells(t, w.at("lora")) {
		if layer := strings.Fields(key)[1]; layer != "0" && layer != "2" {
			t.Errorf("%s is of no chosen layer", key)
		}
	}
	if text := string(readFile(t, w.at("lora"), overlapsName)); strings.Count(text, "\n") != 1 {
		t.Errorf("overlaps without being asked for:\n%s", text)
	}
	cli(t, "spectra", "--adapter", w.adapter, "--only", "overlap", "--out", w.at("overlap"), "--quiet").fine(t)
	if text := string(readFile(t, w.at("overlap"), valuesName)); strings.Count(text, "\n") != 1 {
		t.Errorf("values without being asked for:\n%s", text)
	}
	if rows := table(t, w.at("overlap"), overlapsName); len(rows) != 2*3*2*2 { // modules, pairs of layers, sides, ranks 1 and 2
		t.Errorf("%d overlaps", len(rows))
	}
}

// The embedding and the head lie in no block.
func TestSpectraOutsideBlocks(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	cli(t, "spectra", "--adapter", filepath.Join(forms(t), "adapters", "embed"), "--adapter", filepath.Join(forms(t), "adapters", "head"), "--out", out, "--quiet").fine(t)
	seen := map[string]int{}
	for _, row := range table(t, out, valuesName) {
		if row["quantity"] == "lora_sv" && (row["module"] == "embed_tokens" || row["module"] == "lm_head") {
			if row["layer"] != "" {
				t.Errorf("%s lies in layer %s", row["module"], row["layer"])
			}
			seen[row["variant"]+" "+row["module"]]++
		}
	}
	if seen["embed embed_tokens"] != 4 || seen["head lm_head"] != 4 || len(seen) != 2 { // rank 4
		t.Errorf("singular values %v", seen)
	}
}

// Where B A is not what an adapter changes, a warning says so; with the base an
// adapter that began as a part of it is compared with what it began as.
func TestSpectraStarts(t *testing.T) {
	dir := t.TempDir()
	adapter := filepath.Join(forms(t), "adapters", "olora")
	o := cli(t, "spectra", "--adapter", adapter, "--only", "lora", "--out", filepath.Join(dir, "alone")).fine(t)
	if !strings.Contains(o.err, "without MODEL the values are of B A, which is not what it changes") {
		t.Errorf("no warning: %s", o.err)
	}
	model := filepath.Join(forms(t), "models", "biased")
	cli(t, "spectra", model, "--adapter", adapter, "--only", "lora", "--out", filepath.Join(dir, "based"), "--quiet").fine(t)
	var list adapterList
	if err := json.Unmarshal([]byte(cli(t, "inspect", adapter, "--base", model, "--json").fine(t).out), &list); err != nil {
		t.Fatal(err)
	}
	got, want := spectraInfo(t, filepath.Join(dir, "based")).Adapters[0].RelativeNorm, *list.Adapters[0].Relative
	if math.Abs(got-want) > 1e-6*want { // inspect takes the start in float32
		t.Errorf("relative norm %v, inspect says %v", got, want)
	}
	dora := filepath.Join(testmodel.Golden(t), "adapters", "dora")
	if o := cli(t, "spectra", "--adapter", dora, "--out", filepath.Join(dir, "dora")).fine(t); !strings.Contains(o.err, "uses DoRA") {
		t.Errorf("no warning: %s", o.err)
	}
	saved := filepath.Join(forms(t), "adapters", "saved-mlp")
	if o := cli(t, "spectra", "--adapter", saved, "--out", filepath.Join(dir, "saved")).fine(t); !strings.Contains(o.err, "tensors of its own for 6 modules (down_proj, gate_proj, up_proj)") {
		t.Errorf("no warning: %s", o.err)
	}
}

// What a run that was stopped has left half done is not lost.
func TestSpectraSparesAnUnfinishedRun(t *testing.T) {
	w := newWorld(t)
	half := filepath.Join(w.at("out"), partialDir, jobName)
	if err := os.MkdirAll(filepath.Dir(half), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	cli(t, "spectra", "--adapter", w.adapter, "--out", w.at("out"), "--quiet").refused(t, exitInput, filepath.Join(partialDir, jobName))
	if _, err := os.Stat(half); err != nil {
		t.Error(err)
	}
	cli(t, "spectra", "--adapter", w.adapter, "--out", w.at("out"), "--quiet", "--fresh").fine(t)
}

func TestSpectraRefusals(t *testing.T) {
	w := newWorld(t)
	out := w.at("out")
	for _, c := range []struct {
		args  []string
		parts []string
	}{
		{nil, []string{"MODEL", "--adapter"}},
		{[]string{w.model, w.model}, []string{"accepts at most 1"}},
		{[]string{"--adapter", w.adapter, "--only", "v"}, []string{"--only v", "MODEL"}},
		{[]string{w.model, "--only", "lora"}, []string{"--only lora", "--adapter"}},
		{[]string{w.model, "--only", "intruders"}, []string{"--only intruders", "--adapter"}},
		{[]string{"--adapter", w.adapter, "--only", "spam"}, []string{"--only spam", "lora"}},
		{[]string{"--adapter", w.adapter, "--lora-scale", "2"}, []string{"--lora-scale 2"}},
		{[]string{"--adapter", w.adapter, "--norm-gain", "both"}, []string{"--norm-gain both"}},
		{[]string{"--adapter", w.adapter, "--rope-offsets", "-3"}, []string{"--rope-offsets -3"}},
		{[]string{"--adapter", w.adapter, "--intruder-thresholds", "1.5"}, []string{"--intruder-thresholds 1.5"}},
		{[]string{"--adapter", w.adapter, "--top", "-1"}, []string{"--top -1"}},
		{[]string{"--adapter", w.adapter, "--lapack", "mkl"}, []string{"--lapack mkl"}},
		{[]string{"--adapter", w.adapter, "--layers", "7"}, []string{"--layers", "7"}},
		{[]string{"--adapter", w.adapter, "--adapter", w.adapter}, []string{"tuned"}},
		{[]string{"--adapter", w.at("absent")}, []string{"absent"}},
		{[]string{w.model, "--join", w.at("run")}, []string{"--join", "--adapter"}},
	} {
		cli(t, append(append([]string{"spectra"}, c.args...), "--out", out)...).refused(t, exitInput, c.parts...)
	}
	cli(t, "spectra", "--adapter", w.adapter).refused(t, exitInput, "--out")
	cli(t, "spectra", "--adapter", w.adapter, "--out", w.adapter).refused(t, exitInput, "adapter_config.json")
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused call left its folder behind")
	}
}

// Results of another call are kept unless --fresh; an interrupted one leaves
// nothing.
func TestSpectraFolder(t *testing.T) {
	w := newWorld(t)
	out := w.at("out")
	cli(t, "spectra", "--adapter", w.adapter, "--out", out, "--quiet").fine(t)
	before := snapshot(t, out)
	cli(t, "spectra", "--adapter", w.adapter, "--seed", "2", "--out", out).refused(t, exitInput, out, "other results")
	sameFiles(t, "refused", snapshot(t, out), before)
	cli(t, "spectra", "--adapter", w.adapter, "--seed", "2", "--out", out, "--fresh", "--quiet").fine(t)
	if spectraInfo(t, out).Seed != 2 {
		t.Error("--fresh did not replace the results")
	}
	w.run(t, "run", "--quiet").fine(t)
	cli(t, "spectra", "--adapter", w.adapter, "--out", w.at("run")).refused(t, exitInput, "other results")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	cliIn(t, ctx, "", "spectra", "--adapter", w.adapter, "--out", w.at("stopped")).refused(t, exitFailed, "interrupted")
	if _, err := os.Stat(w.at("stopped")); err == nil {
		t.Error("an interrupted call left its folder behind")
	}
}
