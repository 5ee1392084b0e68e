package main

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// tables are the files that analyze must give as run does.
var tables = []string{"metrics.csv", "histograms.csv", "clusters.jsonl"}

// TestAnalyzeEqualsRun: from the stored states of a run come its own tables,
// byte for byte; from those of extract too, but for the loss.
func TestAnalyzeEqualsRun(t *testing.T) {
	for name, flags := range map[string][]string{
		"plain":  nil,
		"sites":  {"--sites", "mlp,resid,attn"},
		"attn":   {"--sites", "attn"},
		"layers": {"--layers", "0-1,3", "--sites", "resid,mlp"},
		"early":  {"--layers", "1"},
		"seed":   {"--seed", "5", "--bootstrap", "20"},
		"none":   {"--mask", "none"},
		"twice":  {"--repeat-depth", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.makeMassiveLate(t)
			w.run(t, "run", append(flags, "--save-states")...).fine(t)
			cli(t, "analyze", w.at("run"), "--out", w.at("again")).fine(t)
			for _, table := range tables {
				if string(readFile(t, w.at("again"), table)) != string(readFile(t, w.at("run"), table)) {
					t.Errorf("%s differs from that of run", table)
				}
			}
			w.sameRecord(t, "run", "again")
			if len(flags) > 0 && flags[0] == "--seed" {
				return // the command line below has its own
			}
			args := append([]string{"extract", w.model, "--adapter", w.adapter, "--prompts", w.prompts, "--bootstrap", "50", "--out", w.at("states")}, flags...)
			cli(t, args...).fine(t)
			cli(t, "analyze", w.at("states"), "--out", w.at("extracted")).fine(t)
			noLoss := func(row []string) bool { return !strings.HasPrefix(row[colMetric], "next_token_loss") }
			got, want := rowsOf(t, w.at("extracted"), "metrics.csv"), rowsOf(t, w.at("run"), "metrics.csv")
			if selected(got, func([]string) bool { return true }) != selected(want, noLoss) {
				t.Error("metrics of extracted states differ from those of run")
			}
			for _, table := range tables[1:] {
				if string(readFile(t, w.at("extracted"), table)) != string(readFile(t, w.at("run"), table)) {
					t.Errorf("%s of extracted states differs from that of run", table)
				}
			}
			if warnings := strings.Join(readRun(t, w.at("extracted")).Warnings, "\n"); !strings.Contains(warnings, "next_token_loss is left out") {
				t.Errorf("nothing is said of the loss: %q", warnings)
			}
		})
	}
}

// sameRecord compares what run.json says of the model, prompts and choices.
func (w world) sameRecord(t *testing.T, a, b string) {
	t.Helper()
	x, y := readRun(t, w.at(a)), readRun(t, w.at(b))
	for _, info := range []*struct{ what, x, y any }{
		{"model", x.Model, y.Model}, {"adapters", x.Adapters, y.Adapters}, {"prompts", x.Prompts, y.Prompts}, {"sites", x.Sites, y.Sites},
		{"methods", x.Methods, y.Methods}, {"seed", x.Seed, y.Seed}, {"bootstrap", x.Bootstrap, y.Bootstrap}, {"warnings", x.Warnings, y.Warnings},
	} {
		got, _ := json.Marshal(info.y)
		want, _ := json.Marshal(info.x)
		if string(got) != string(want) {
			t.Errorf("run.json: %s is %s, the run's %s", info.what, got, want)
		}
	}
}

// TestAnalyzeWithOtherChoices: the flags of the command line win over the run's.
func TestAnalyzeWithOtherChoices(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--save-states").fine(t)
	w.run(t, "none", "--save-states", "--mask", "none").fine(t)
	cli(t, "analyze", w.at("run"), "--mask", "none", "--out", w.at("again")).fine(t)
	if string(readFile(t, w.at("again"), "metrics.csv")) != string(readFile(t, w.at("none"), "metrics.csv")) {
		t.Error("--mask none does not give the metrics of run --mask none")
	}
	cli(t, "analyze", w.at("none"), "--mask", "default", "--out", w.at("x")).refused(t, exitInput, "--mask default", "--mask none")
	cli(t, "analyze", w.at("run"), "--out", w.at("again")).refused(t, exitInput, "another run")
	cli(t, "analyze", w.at("run"), "--out", w.at("again"), "--fresh").fine(t)
	cli(t, "analyze", w.at("run"), "--out", w.at("again")).fine(t) // the same again
}

// TestAnalyzeBareFiles: files without a run.json, in either format, give the
// rows of the run they came from; masks are what they differ in.
func TestAnalyzeBareFiles(t *testing.T) {
	w := newWorld(t)
	w.write(t, "prompts.jsonl", line("prompt-0", ids(24, 1)))
	w.run(t, "run", "--save-states").fine(t)
	states := w.at("run/states")
	for _, dir := range []string{"base", "tuned"} {
		w.writeNPY(t, filepath.Join(states, dir, "prompt-0.safetensors"), dir+".npy")
		must(t, os.Link(filepath.Join(states, dir, "prompt-0.safetensors"), w.at(dir+".safetensors")))
	}
	cli(t, "analyze", w.at("base.safetensors"), w.at("tuned.safetensors"), "--bootstrap", "50", "--out", w.at("files")).fine(t)
	cli(t, "analyze", states, "--bootstrap", "50", "--out", w.at("folder")).fine(t)
	cli(t, "analyze", w.at("base.npy"), w.at("tuned.npy"), "--bootstrap", "50", "--out", w.at("npy")).fine(t)

	every := func(row []string) bool {
		return row[colMask] == "none" && !strings.HasPrefix(row[colMetric], "next_token_loss")
	}
	want := selected(rowsOf(t, w.at("run"), "metrics.csv"), every)
	for _, out := range []string{"files", "folder"} {
		if selected(rowsOf(t, w.at(out), "metrics.csv"), every) != want {
			t.Errorf("%s: the rows without mask are not those of the run", out)
		}
	}
	noRaw := func(row []string) bool { return every(row) && row[colLayer] != "3-raw" }
	npy := rowsOf(t, w.at("npy"), "metrics.csv")
	if selected(npy, every) != selected(rowsOf(t, w.at("run"), "metrics.csv"), noRaw) {
		t.Error("npy: the rows are not those of the run without 3-raw")
	}
	info := readRun(t, w.at("npy"))
	if info.Model.Type != "states" || info.Model.Layers != modelLayers || info.Model.Hidden != 16 || info.Adapters[0].Name != "tuned" || info.Prompts[0].N != 24 {
		t.Errorf("run.json says %+v, %+v", info.Model, info.Adapters)
	}
	if tokens := readRun(t, w.at("files")).Prompts[0].Tokens; !slices.Equal(tokens, ids(24, 1)) {
		t.Errorf("tokens %v", tokens)
	}
	for _, out := range []string{"files", "npy"} {
		cli(t, "report", w.at(out)).fine(t)
		cli(t, "inspect", w.at(out)).fine(t)
	}
}

// writeNPY writes the hidden_states of a file as float32, version 1.
func (w world) writeNPY(t *testing.T, path, name string) {
	t.Helper()
	f, err := loader.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Info("hidden_states")
	data := readFile(t, filepath.Dir(path), filepath.Base(path))[info.Begin:info.End]
	dict := "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 24, 16), }\n"
	w.write(t, name, "\x93NUMPY\x01\x00"+string([]byte{byte(len(dict)), 0})+dict+string(data))
}

// TestAnalyzeFolders: which variant is the base, and prompts that not all have.
func TestAnalyzeFolders(t *testing.T) {
	dir := t.TempDir()
	x := []float32{1, 2, 3, 4}
	for _, path := range []string{"b/one", "b/two", "a/two", "c/two", "c/three"} {
		statesFile(t, filepath.Join(dir, "in", path+".safetensors"), x)
	}
	out := filepath.Join(dir, "out")
	o := cli(t, "analyze", filepath.Join(dir, "in"), "--out", out).fine(t)
	info := readRun(t, out)
	if len(info.Prompts) != 1 || info.Prompts[0].ID != "two" || len(info.Adapters) != 2 || info.Adapters[0].Name != "b" {
		t.Errorf("run.json: %+v %+v", info.Prompts, info.Adapters)
	}
	for _, want := range []string{"a, the first by name, is taken for it"} {
		if !strings.Contains(o.err, want) || !strings.Contains(strings.Join(info.Warnings, "\n"), want) {
			t.Errorf("no warning %q in %q", want, o.err)
		}
	}
	statesFile(t, filepath.Join(dir, "in", "base", "one.safetensors"), x)
	cli(t, "analyze", filepath.Join(dir, "in"), "--out", out, "--fresh").refused(t, exitInput, "no prompt is there under every variant")
	statesFile(t, filepath.Join(dir, "in", "base", "two.safetensors"), x)
	o = cli(t, "analyze", filepath.Join(dir, "in"), "--out", out, "--fresh").fine(t)
	if got := readRun(t, out).Adapters; len(got) != 3 || got[0].Name != "a" {
		t.Errorf("adapters %+v", got)
	}
	if !strings.Contains(o.err, "prompt one is left out: variant a has no states of it") {
		t.Errorf("nothing is said of the prompt left out: %s", o.err)
	}
}

// TestAnalyzeRefuses: states that cannot be measured or compared.
func TestAnalyzeRefuses(t *testing.T) {
	dir := t.TempDir()
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	file := func(name string, x []float32, more ...loader.NamedTensor) string {
		return statesFile(t, filepath.Join(dir, name+".safetensors"), x, more...)
	}
	ids := func(a, b int64) loader.NamedTensor {
		return loader.NamedTensor{Name: "token_ids", Shape: []int{2}, Int64: []int64{a, b}}
	}
	base := file("base", x, ids(1, 2))
	broken := slices.Clone(x)
	broken[6] = float32(math.Inf(1))
	for _, c := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"not finite", []string{base, file("inf", broken)}, []string{"inf.safetensors", "variant inf", "layer 1", "token 1", "+Inf"}},
		{"other tokens", []string{base, file("ids", x, ids(1, 3))}, []string{"token 1 has id 2", "it has 3"}},
		{"other depth", []string{base, file("deep", append(x, x...))}, []string{"reaches to layer 3", "to layer 1"}},
		{"the same name", []string{base, file("sub/BASE", x)}, []string{"BASE", "is taken"}},
		{"absent", []string{base, filepath.Join(dir, "absent.safetensors")}, []string{"absent.safetensors"}},
		{"empty folder", []string{t.TempDir()}, []string{"no VARIANT/PROMPT.safetensors"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			cli(t, append([]string{"analyze", "--out", out}, c.files...)...).refused(t, exitInput, c.want...)
			if isFolder(out) {
				t.Error("it left a folder")
			}
		})
	}
	cli(t, "analyze", base, "--out", dir).refused(t, exitInput, "--out", "base.safetensors lies in it")
	cli(t, "analyze", base, "--out", filepath.Dir(dir), "--fresh").refused(t, exitInput, "lies in it")
}

// TestAnalyzeHostileRun: a run.json that is not what a run wrote.
func TestAnalyzeHostileRun(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--save-states").fine(t)
	whole := string(readFile(t, w.at("run"), "run.json"))
	for old, c := range map[string]struct{ new, want string }{
		`"file": "one"`:     {`"file": "../one"`, `file="../one" is not a name`},
		`"id": "two"`:       {`"id": "one"`, `used twice`},
		`"id": "one"`:       {`"id": "all"`, `"all"`},
		`"name": "tuned"`:   {`"name": "../tuned"`, "cannot be a file name"},
		`"n": 24`:           {`"n": 25`, "24 tokens"},
		`"schema": 1`:       {`"schema": 2`, "schema=2"},
		`"position": 0`:     {`"position": 24`, "masked position 24"},
		`"bootstrap": 50`:   {`"bootstrap": 2000000000`, "--bootstrap 2000000000"},
		`"mask": "default"`: {`"mask": "odd"`, "--mask odd"},
		`{`:                 {`[`, "run.json"},
	} {
		if !strings.Contains(whole, old) {
			t.Fatalf("run.json does not hold %s", old)
		}
		w.write(t, "run/run.json", strings.Replace(whole, old, c.new, 1))
		cli(t, "analyze", w.at("run"), "--out", w.at("x")).refused(t, exitInput, c.want)
	}
	w.write(t, "run/run.json", whole)
	must(t, os.Rename(w.at("run/states/tuned/one.safetensors"), w.at("one.safetensors")))
	cli(t, "analyze", w.at("run"), "--out", w.at("x")).refused(t, exitInput, "tuned/one.safetensors")
	must(t, os.Rename(w.at("run/states/tuned/two.safetensors"), w.at("run/states/tuned/one.safetensors")))
	cli(t, "analyze", w.at("run"), "--out", w.at("x")).refused(t, exitInput, "9 tokens, but prompt one has 24")
	must(t, os.RemoveAll(w.at("run/states")))
	cli(t, "analyze", w.at("run"), "--out", w.at("x")).refused(t, exitInput, "it has no states")
}

// TestAnalyzeFixtures: states that transformers saved.
func TestAnalyzeFixtures(t *testing.T) {
	reference := filepath.Join(testmodel.Fixtures(t), "reference", "stories260K")
	out := filepath.Join(t.TempDir(), "out")
	cli(t, "analyze", reference, "--out", out).fine(t)
	rows := rowsOf(t, out, "metrics.csv")
	variants := map[string]bool{}
	for _, row := range rows {
		variants[row[colVariant]] = true
		if row[colVariant] == "stories260K-v-r2@checkpoint-0" && row[colMetric] == "drift" && row[colValue] != "0" {
			t.Errorf("checkpoint-0 drifts: %v", row)
		}
	}
	if len(variants) != 8 || !variants["base"] {
		t.Errorf("variants %v", slices.Sorted(maps.Keys(variants)))
	}
}
