package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// TestRunWritesTheContract: the files, headers and keys that scripts rely on
// (CLI contract).
func TestRunWritesTheContract(t *testing.T) {
	w := newWorld(t)
	w.write(t, "prompts.jsonl", line("one", ids(24, 1))+line("a/b: c", ids(9, 2)))
	w.run(t, "out", "--save-states").fine(t)
	out := w.at("out")

	files := snapshot(t, out)
	for _, name := range []string{"run.json", "metrics.csv", "histograms.csv", "clusters.jsonl", "report.html", "report.md", "figures/", "states/base/one.safetensors", "states/tuned/one.safetensors"} {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range files {
		if strings.Contains(name, "partial") || strings.Contains(name, "earlier") {
			t.Errorf("%s was left behind", name)
		}
	}
	for name, header := range map[string]string{
		"metrics.csv":    "variant,prompt,layer,site,metric,mask,value,lo,hi,n\n",
		"histograms.csv": "variant,prompt,layer,site,mask,lo,hi,count\n",
	} {
		if !strings.HasPrefix(files[name], header) {
			t.Errorf("%s does not start with %q", name, header)
		}
	}
	// A line for each of 2 variants, 2 prompts and layers 0 to 3 and 3-raw.
	if n := strings.Count(files["clusters.jsonl"], "\n"); n != 2*2*(modelLayers+2) {
		t.Errorf("clusters.jsonl has %d lines", n)
	}
	var run map[string]any
	if err := json.Unmarshal([]byte(files["run.json"]), &run); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"schema", "tool", "argv", "model", "adapters", "prompts", "masks", "precision", "provider", "seed", "timings", "peak_rss_bytes", "warnings"} {
		if run[key] == nil {
			t.Errorf("run.json: %s is missing or null", key)
		}
	}
	info := readRun(t, out)
	if info.Prompts[0].File != "one" || info.Prompts[1].ID != "a/b: c" || files["states/base/"+info.Prompts[1].File+".safetensors"] == "" {
		t.Errorf("run.json does not map the prompts to their files: %+v", info.Prompts)
	}
	if info.Adapters[0].ModulesApplied != 2*modelLayers || !(info.Adapters[0].RelativeNorm > 0) {
		t.Errorf("adapter %+v", info.Adapters[0])
	}
	checkMetricNames(t, rowsOf(t, out, "metrics.csv"))
}

// checkMetricNames demands the metrics that the contract names, finite.
func checkMetricNames(t *testing.T, rows [][]string) {
	t.Helper()
	seen := map[string]bool{}
	for _, row := range rows {
		seen[row[colVariant]+" "+row[colMetric]] = true
		if v, err := strconv.ParseFloat(row[colValue], 64); err != nil || math.IsNaN(v) {
			t.Errorf("%v: value is not a number", row)
		}
	}
	for _, metric := range []string{"cosine_mean", "cosine_mean_paper", "cosine_mean_centred", "effective_rank", "participation_ratio", "norm_mean", "clusters", "next_token_loss"} {
		if !seen["base "+metric] || !seen["tuned "+metric] {
			t.Errorf("metric %s is missing", metric)
		}
	}
	for _, metric := range []string{"drift", "ami_base", "ari_base", "cka_base"} {
		if !seen["tuned "+metric] || seen["base "+metric] {
			t.Errorf("metric %s is missing, or there for the base", metric)
		}
	}
}

// TestMetricsAreDefined: every name in metrics.csv has its formula in the list.
func TestMetricsAreDefined(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out").fine(t)
	list := "\n" + cli(t, "metrics").fine(t).out
	for _, row := range rowsOf(t, w.at("out"), "metrics.csv") {
		name := strings.TrimSuffix(row[colMetric], analyze.DeltaSuffix)
		if !strings.Contains(list, "\n"+name+"\n") {
			t.Errorf("metrics does not list %s", name)
		}
	}
}

// TestStatesLayout: names, shapes and types of the saved states.
func TestStatesLayout(t *testing.T) {
	w := newWorld(t)
	w.run(t, "all", "--save-states", "--sites", "mlp,resid,attn").fine(t)
	w.run(t, "some", "--save-states", "--sites", "resid,attn", "--layers", "0,2-3").fine(t)
	const tokens, hidden = 24, 16 // of prompt "one", and testmodel's default
	for _, c := range []struct {
		out  string
		want map[string][]int
	}{
		{"all", map[string][]int{"hidden_states": {4, tokens, hidden}, "last_block_output": {tokens, hidden}, "attn": {3, tokens, hidden}, "mlp": {3, tokens, hidden}, "token_ids": {tokens}}},
		{"some", map[string][]int{"hidden_states": {3, tokens, hidden}, "last_block_output": {tokens, hidden}, "attn": {2, tokens, hidden}, "token_ids": {tokens}, "layers": {3}}},
	} {
		f, err := loader.OpenSafetensors(w.at(c.out + "/states/tuned/one.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got, want := f.Names(), slices.Sorted(maps.Keys(c.want)); !slices.Equal(got, want) {
			t.Errorf("%s: tensors %v, want %v", c.out, got, want)
		}
		for name, shape := range c.want {
			if info, _ := f.Info(name); !slices.Equal(info.Shape, shape) {
				t.Errorf("%s: %s has shape %v, want %v", c.out, name, info.Shape, shape)
			}
		}
		if c.out == "some" {
			layers := make([]int64, 3)
			if err := f.ReadInt64("layers", layers); err != nil || !slices.Equal(layers, []int64{0, 2, 3}) {
				t.Errorf("layers are %v, %v", layers, err)
			}
		}
	}
	cli(t, "verify", w.at("some"), w.at("all"), "--tol", "0").fine(t) // the same states, each in its place
}

// TestRunIsDeterministic: everything but run.json is the same bytes, wherever
// it is written and whatever the number of threads.
func TestRunIsDeterministic(t *testing.T) {
	w := newWorld(t)
	var first map[string]string
	for i, more := range [][]string{{}, {}, {"--threads", "1", "--quiet"}} {
		out := w.at(fmt.Sprintf("out-%d", i))
		args := append([]string{"run", w.model, "--adapter", w.adapter, "--prompts", w.prompts, "--save-states", "--sites", "resid,mlp", "--out", out}, more...)
		cli(t, args...).fine(t)
		files := snapshot(t, out)
		if first == nil {
			first = files
			continue
		}
		sameFiles(t, strings.Join(args, " "), files, maps.Clone(first), "run.json")
	}
}

// TestAdaptersThatChangeNothing: an untrained adapter, and any at scale 0, have
// every number of the base.
func TestAdaptersThatChangeNothing(t *testing.T) {
	w := newWorld(t)
	checkpoints := w.at("trained")
	w.another(t, "trained/checkpoint-0", testmodel.AdapterSpec{Zero: true})
	w.another(t, "trained/checkpoint-9", testmodel.AdapterSpec{Seed: 4})
	dora := w.another(t, "dora", testmodel.AdapterSpec{DoRA: true, Seed: 3, Modules: []string{"o_proj", "up_proj"}})
	o := w.run(t, "out", "--adapter", "none="+w.adapter+"@0", "--adapter", "dora0="+dora+"@0", "--adapter", checkpoints, "--sites", "resid,attn,mlp").fine(t)
	if !strings.Contains(o.err, "trained@checkpoint-0 changes nothing") {
		t.Errorf("nothing is said of the untrained adapter:\n%s", o.err)
	}
	rows := rowsOf(t, w.at("out"), "metrics.csv")
	base := valuesOf(rows, "base")
	for _, variant := range []string{"none", "dora0", "trained@checkpoint-0"} {
		values := valuesOf(rows, variant)
		for key, value := range base {
			if values[key] != value {
				t.Errorf("%s: %s is %s, the base's %s", variant, key, values[key], value)
			}
		}
		for key, value := range values {
			if base[key] == "" {
				checkUnmoved(t, variant, key, value)
			}
		}
	}
	for _, variant := range []string{"tuned", "trained@checkpoint-9"} {
		if values := valuesOf(rows, variant); values["all 3 resid drift none"] == "0" || values["all 3 resid drift none"] == "" {
			t.Errorf("%s does not move the states: drift %q", variant, values["all 3 resid drift none"])
		}
	}
}

// checkUnmoved checks a comparison of states with themselves: they agree in
// full (to the rounding of the measures, whose sums are of logarithms and
// products), and every difference is 0 exactly.
func checkUnmoved(t *testing.T, variant, key, value string) {
	t.Helper()
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		t.Fatal(err)
	}
	want, allowed := 0.0, 0.0
	if strings.Contains(key, "_base ") {
		want, allowed = 1, 1e-12
	}
	if math.Abs(v-want) > allowed {
		t.Errorf("%s: %s is %s, want %v", variant, key, value, want)
	}
}

// valuesOf maps "prompt layer site metric mask" to the value.
func valuesOf(rows [][]string, variant string) map[string]string {
	values := map[string]string{}
	for _, row := range rows {
		if row[colVariant] == variant {
			values[strings.Join(row[colPrompt:colValue], " ")] = row[colValue]
		}
	}
	return values
}

// TestOutputFolder: the same run may be repeated, another is refused and leaves
// everything as it was, and --fresh leaves nothing of the earlier one.
func TestOutputFolder(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out", "--save-states").fine(t)
	w.write(t, "out/notes.txt", "not ours")
	before := snapshot(t, w.at("out"))

	w.run(t, "out", "--save-states").fine(t)
	sameFiles(t, "the same run again", snapshot(t, w.at("out")), maps.Clone(before), "run.json")
	before = snapshot(t, w.at("out"))

	for _, more := range [][]string{{}, {"--save-states", "--seed", "1"}, {"--save-states", "--mask", "none"}, {"--save-states", "--prompt", "x"}, {"--save-states", "--adapter", "b=" + w.adapter}} {
		w.run(t, "out", more...).refused(t, exitInput)
	}
	w.run(t, "out", "--layers", "1").refused(t, exitInput, "--out", "another run", "--fresh")
	cli(t, "extract", w.model, "--prompts", w.prompts, "--out", w.at("out")).refused(t, exitInput, "another run")
	w.write(t, "masked.jsonl", `{"id":"one","input_ids":[1,5,6,7],"mask":[2]}`)
	cli(t, "run", w.model, "--prompts", w.at("masked.jsonl"), "--out", w.at("masked")).fine(t)
	w.write(t, "masked.jsonl", `{"id":"one","input_ids":[1,5,6,7],"mask":[3]}`)
	cli(t, "run", w.model, "--prompts", w.at("masked.jsonl"), "--out", w.at("masked")).refused(t, exitInput, "another run")
	sameFiles(t, "refused runs", snapshot(t, w.at("out")), maps.Clone(before))

	w.run(t, "out", "--fresh").fine(t)
	after := snapshot(t, w.at("out"))
	if _, ok := after["states/"]; ok {
		t.Error("--fresh left the states of the earlier run")
	}
	if after["notes.txt"] != "not ours" || after["metrics.csv"] == "" {
		t.Error("--fresh took a file that is not ours, or did not write")
	}
}

// TestHalfFolderIsRefused: results without a run.json belong to no finished run.
func TestHalfFolderIsRefused(t *testing.T) {
	w := newWorld(t)
	must(t, os.Mkdir(w.at("out"), 0o755))
	w.write(t, "out/notes.txt", "mine") // a folder with other things in it is fine
	must(t, os.Mkdir(w.at("out/figures"), 0o755))
	w.write(t, "out/figures/plot.svg", "mine") // and so are other figures
	w.run(t, "out").fine(t)
	w.run(t, "out", "--fresh", "--seed", "9").fine(t)
	for _, name := range []string{"notes.txt", "figures/plot.svg"} {
		if got := string(readFile(t, w.at("out"), name)); got != "mine" {
			t.Errorf("%s is %q", name, got)
		}
	}
	w.run(t, "model").refused(t, exitInput, "config.json", "folder of a model")
	w.write(t, "half.csv", "")
	cli(t, "run", w.model, "--prompts", w.prompts, "--out", w.at("half.csv")).refused(t, exitInput, "--out", "not a folder")
	w2 := newWorld(t)
	must(t, os.Mkdir(w2.at("out"), 0o755))
	w2.write(t, "out/metrics.csv", "mine")
	w2.run(t, "out").refused(t, exitInput, "metrics.csv", "--fresh")
	if got := string(readFile(t, w2.at("out"), "metrics.csv")); got != "mine" {
		t.Errorf("metrics.csv is %q", got)
	}
	w2.run(t, "out", "--fresh").fine(t)
}

// fading is a context that is cancelled after it has been asked so many times:
// an interruption at every stage of a run, one after the other.
type fading struct {
	context.Context
	left atomic.Int64
}

func (f *fading) Err() error {
	if f.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestInterruptedRun: wherever a run is interrupted, its folder stays as it was.
func TestInterruptedRun(t *testing.T) {
	defer func(before time.Duration) { saveEvery = before }(saveEvery)
	saveEvery = time.Hour // a slow machine would leave a checkpoint
	w := newWorld(t)
	w.run(t, "out", "--save-states").fine(t)
	cli(t, "extract", w.model, "--prompts", w.prompts, "--out", w.at("states")).fine(t)
	before := snapshot(t, w.at("out"))
	for _, args := range [][]string{
		{"run", w.model, "--adapter", w.adapter, "--prompts", w.prompts},
		{"extract", w.model, "--adapter", w.adapter, "--prompts", w.prompts},
		{"analyze", w.at("states")},
	} {
		interrupted := 0
		for n := int64(0); ; n += 5 {
			ctx := &fading{Context: context.Background()}
			ctx.left.Store(n)
			o := cliIn(t, ctx, "", append(args, "--out", w.at("new"))...)
			if o.code == exitFine {
				break
			}
			interrupted++
			o.refused(t, exitFailed, "interrupted; nothing was written")
			if isFolder(w.at("new")) {
				t.Errorf("%s: interrupted after %d checks, it left a folder", args[0], n)
			}
			ctx.left.Store(n)
			cliIn(t, ctx, "", append(args, "--out", w.at("out"), "--fresh")...).refused(t, exitFailed, "interrupted")
			sameFiles(t, args[0], snapshot(t, w.at("out")), maps.Clone(before))
		}
		if interrupted < 2 {
			t.Errorf("%s was interrupted %d times before it came to its end", args[0], interrupted)
		}
		must(t, os.RemoveAll(w.at("new")))
	}
}

// TestPromptsFromStdin: the lines are the file's.
func TestPromptsFromStdin(t *testing.T) {
	w := newWorld(t)
	w.run(t, "file").fine(t)
	cliIn(t, context.Background(), string(readFile(t, w.dir, "prompts.jsonl")),
		"run", w.model, "--adapter", w.adapter, "--prompts", "-", "--out", w.at("stdin"), "--bootstrap", "50").fine(t)
	if !bytes.Equal(readFile(t, w.at("file"), "metrics.csv"), readFile(t, w.at("stdin"), "metrics.csv")) {
		t.Error("prompts from standard input give other metrics")
	}
}

// TestWarnings: what a user should know does not end a run.
func TestWarnings(t *testing.T) {
	w := newWorld(t)
	double := ids(12, 5)
	double[1] = 1
	prompts := w.write(t, "odd.jsonl", line("long", ids(520, 1))+line("double", double)) // the model has 512 positions
	o := cli(t, "run", w.model, "--prompts", prompts, "--out", w.at("out")).fine(t)
	warnings := strings.Join(readRun(t, w.at("out")).Warnings, "\n")
	for _, want := range []string{`"long" has 520 tokens, more than the 512 positions`, `"double" begins with two BOS tokens`} {
		if !strings.Contains(o.err, want) || !strings.Contains(warnings, want) {
			t.Errorf("there is no warning %q:\n%s\n%s", want, o.err, warnings)
		}
	}
}

// TestText: prompts as text, through a real tokenizer.
func TestText(t *testing.T) {
	model := filepath.Join(testmodel.Fixtures(t), "models", "stories260K")
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	cliIn(t, context.Background(), "Once upon a time", "run", model, "--prompts", "-", "--prompt", "The dog ran.", "--out", out).fine(t)
	info := readRun(t, out)
	if len(info.Prompts) != 2 || info.Prompts[0].ID != "prompt-0" || info.Prompts[1].ID != "prompt-1" {
		t.Fatalf("prompts %+v", info.Prompts)
	}
	if m := info.Prompts[0].Masked; len(m) == 0 || m[0].Reason != "bos" {
		t.Errorf("BOS is not masked: %+v", m)
	}
	tokens := cli(t, "tokens", model, "--prompt", "Once upon a time", "--json").object(t)
	if got, want := len(tokens["ids"].([]any)), info.Prompts[0].N; got != want {
		t.Errorf("tokens says %d ids, the run %d", got, want)
	}
	cli(t, "tokens", model, "--prompt", "a", "--prompt", "b", "--json").object(t)
	if o := cli(t, "tokens", model, "--prompt", "Once upon").fine(t); !strings.HasPrefix(o.out, "prompt-0: 3 tokens\n0  1 ") || !strings.Contains(o.out, `" Once"`) {
		t.Errorf("tokens says\n%s", o.out)
	}
	cli(t, "run", model, "--prompt", "<s> Once", "--out", filepath.Join(dir, "double")).fine(t)
	if w := readRun(t, filepath.Join(dir, "double")).Warnings; !slices.ContainsFunc(w, func(s string) bool { return strings.Contains(s, "two BOS") }) {
		t.Errorf("no warning of a doubled BOS: %q", w)
	}
	cli(t, "run", model, "--prompt", "a\x00b", "--out", filepath.Join(dir, "nul")).refused(t, exitInput, "NUL byte at offset 1")
	cli(t, "run", model, "--prompt", "", "--out", filepath.Join(dir, "nul")).refused(t, exitInput, "--prompt", "empty")
}

// TestJSONSummaries: --json is one object on stdout.
func TestJSONSummaries(t *testing.T) {
	w := newWorld(t)
	run := w.run(t, "run", "--json", "--save-states").object(t)
	for _, key := range []string{"out", "report", "findings", "warnings", "adapters", "timings", "peak_rss_bytes"} {
		if run[key] == nil {
			t.Errorf("run --json: %s is missing or null", key)
		}
	}
	extract := cli(t, "extract", w.model, "--prompts", w.prompts, "--out", w.at("extract"), "--json").object(t)
	if !isFolder(extract["states"].(string)) {
		t.Errorf("extract --json names states that are not there: %v", extract)
	}
	cli(t, "analyze", w.at("run"), "--out", w.at("analyze"), "--json").object(t)
	if v := cli(t, "verify", w.at("run"), w.at("run"), "--json").object(t); v["within"] != true {
		t.Errorf("verify --json: %v", v)
	}
	cli(t, "report", w.at("run"), "--json").object(t)
	for _, dir := range []string{w.model, w.adapter, w.at("run")} {
		cli(t, "inspect", dir, "--json").object(t)
	}
	if o := w.run(t, "quiet", "--quiet").fine(t); o.out+o.err != "" {
		t.Errorf("--quiet says %q %q", o.out, o.err)
	}
}
