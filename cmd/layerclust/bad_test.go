package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// TestBadUsage: command lines that no input would mend.
func TestBadUsage(t *testing.T) {
	w := newWorld(t)
	base := []string{"run", w.model, "--prompts", w.prompts, "--out", w.at("out")}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown command", []string{"walk"}, `"walk"`},
		{"unknown flag", append(base, "--deep"), "--deep"},
		{"no model", []string{"run", "--prompts", w.prompts, "--out", w.at("out")}, "accepts 1 arg"},
		{"two models", []string{"run", w.model, w.model, "--prompts", w.prompts, "--out", w.at("out")}, "accepts 1 arg"},
		{"no out", base[:4], "--out is missing"},
		{"no prompt", []string{"run", w.model, "--out", w.at("out")}, "no prompt"},
		{"empty prompt", append(base, "--prompt", ""), "the prompt is empty"},
		{"mask", append(base, "--mask", "some"), "--mask some"},
		{"bootstrap", append(base, "--bootstrap", "-1"), "--bootstrap -1"},
		{"seed", append(base, "--seed", "x"), "--seed"},
		{"precision", append(base, "--precision", "f16"), "--precision f16"},
		{"LoRA scale", append(base, "--lora-scale", "2"), "--lora-scale 2"},
		{"repeat depth", append(base, "--repeat-depth", "0"), "--repeat-depth 0"},
		{"threads", append(base, "--threads", "-1"), "--threads -1"},
		{"site", append(base, "--sites", "resid,head"), "head"},
		{"no site", append(base, "--sites", ""), "--sites is empty"},
		{"layer", append(base, "--layers", "9"), "9 is outside the 4 layers 0 to 3"},
		{"layer text", append(base, "--layers", "first"), `"first"`},
		{"tolerance", []string{"verify", "a", "b", "--tol", "-1"}, "--tol -1"},
		{"tolerance NaN", []string{"verify", "a", "b", "--tol", "nan"}, "--tol NaN"},
		{"one file to verify", []string{"verify", "a"}, "accepts 2 arg"},
		{"two folders to analyze", []string{"analyze", w.model, w.dir, "--out", w.at("out")}, "one folder"},
		{"nothing to analyze", []string{"analyze", "--out", w.at("out")}, "requires at least 1 arg"},
		{"analyze without out", []string{"analyze", w.model}, "--out is missing"},
	} {
		t.Run(c.name, func(t *testing.T) { cli(t, c.args...).refused(t, exitInput, c.want) })
	}
	if _, err := os.Stat(w.at("out")); err == nil {
		t.Error("bad usage made the output folder")
	}
}

// TestBadInput: files that cannot be used. Each case spoils a world of its own,
// with results already in the output folder that must stay as they are.
func TestBadInput(t *testing.T) {
	nan := func(int, float32) float32 { return float32(math.NaN()) }
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, w world) []string // returns more arguments
		want  []string
	}{
		{"missing shard", func(t *testing.T, w world) []string {
			_, second := w.shard(t)
			return must(t, os.Remove(second))
		}, []string{"model-00002-of-00002.safetensors"}},
		{"truncated shard", func(t *testing.T, w world) []string {
			first, _ := w.shard(t)
			return must(t, os.Truncate(first, 4000))
		}, []string{"model-00001-of-00002.safetensors", "truncated"}},
		{"shard that lies about shapes", func(t *testing.T, w world) []string {
			first, _ := w.shard(t)
			return w.replace(t, first, `"model.embed_tokens.weight":{"dtype":"F32","shape":[64,16]`, `"model.embed_tokens.weight":{"dtype":"F32","shape":[16,64]`)
		}, []string{"model.embed_tokens.weight", "[16 64]", "[64 16]"}},
		{"shard that claims more than it has", func(t *testing.T, w world) []string {
			first, _ := w.shard(t)
			return w.replace(t, first, `"shape":[64,16]`, `"shape":[64,99]`)
		}, []string{"model-00001-of-00002.safetensors", "does not fill"}},
		{"NaN weights", func(t *testing.T, w world) []string {
			w.patch(t, "model.layers.1.mlp.up_proj.weight", nan)
			return nil
		}, []string{"layer 1", "model.layers.1.mlp.up_proj.weight", "NaN"}},
		{"NaN embedding", func(t *testing.T, w world) []string {
			w.patch(t, "model.embed_tokens.weight", nan)
			return nil
		}, []string{"model.embed_tokens.weight"}},
		{"pickle", func(t *testing.T, w world) []string {
			return must(t, os.Rename(filepath.Join(w.model, "model.safetensors"), filepath.Join(w.model, "pytorch_model.bin")))
		}, []string{"pytorch_model.bin", "pickle"}},
		{"no model", func(t *testing.T, w world) []string { return must(t, os.RemoveAll(w.model)) }, []string{"model"}},
		{"model type", func(t *testing.T, w world) []string {
			return w.replace(t, filepath.Join(w.model, "config.json"), `"llama"`, `"mamba"`)
		}, []string{"config.json", `model_type="mamba"`}},
		{"adapter for another base", func(t *testing.T, w world) []string {
			dir := w.at("wide")
			testmodel.WriteAdapter(t, dir, testmodel.Spec{Layers: modelLayers, Hidden: 32}, testmodel.AdapterSpec{})
			return []string{"--adapter", dir}
		}, []string{"wide", "cannot be applied", "(32, 32)", "(16, 16)"}},
		{"adapter of more layers", func(t *testing.T, w world) []string {
			dir := w.at("deep")
			testmodel.WriteAdapter(t, dir, testmodel.Spec{Layers: modelLayers + 1}, testmodel.AdapterSpec{})
			return []string{"--adapter", dir}
		}, []string{"deep", "the base has 3 layers"}},
		{"no adapter", func(t *testing.T, w world) []string { return []string{"--adapter", w.at("none")} }, []string{"none", "no folder"}},
		{"name used twice", func(t *testing.T, w world) []string { return []string{"--adapter", w.adapter + "@0.5"} }, []string{"both named", "tuned"}},
		{"adapter named base", func(t *testing.T, w world) []string { return []string{"--adapter", "base=" + w.adapter} }, []string{`"base"`}},
		{"scale", func(t *testing.T, w world) []string { return []string{"--adapter", "x=" + w.adapter + "@big"} }, []string{`"big"`, "finite number"}},
		{"empty prompt", prompts(`{"id":"e","input_ids":[]}`), []string{"prompts.jsonl", "line 1", "input_ids is empty"}},
		{"empty text", prompts(`{"id":"e","text":""}`), []string{"line 1", "text is empty"}},
		{"empty file", prompts(""), []string{"prompts.jsonl", "no prompt"}},
		{"broken line", prompts(line("a", ids(4, 1)) + `{"id":`), []string{"prompts.jsonl", "line 2"}},
		{"id outside the vocabulary", prompts(`{"id":"far","input_ids":[1,64]}`), []string{`"far"`, "token 1", "64"}},
		{"negative id", prompts(`{"id":"far","input_ids":[-1]}`), []string{`"far"`, "-1"}},
		{"id used twice", prompts(line("a", ids(4, 1)) + line("a", ids(5, 1))), []string{`"a"`, "twice"}},
		{"prompt all", prompts(line("all", ids(4, 1))), []string{`"all"`}},
		{"mask outside", prompts(`{"id":"m","input_ids":[1,2],"mask":[2]}`), []string{`"m"`, "mask", "2"}},
		{"text without a tokenizer", prompts(`{"text":"hello"}`), []string{"tokenizer.json"}},
		{"no prompts file", func(t *testing.T, w world) []string { return []string{"--prompts", w.at("none.jsonl")} }, []string{"none.jsonl"}},
		{"kind of prompts file", func(t *testing.T, w world) []string { return []string{"--prompts", w.at("none.csv")} }, []string{"none.csv", ".jsonl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.run(t, "out").fine(t)
			before := snapshot(t, w.at("out"))
			more := append(c.spoil(t, w), "--fresh")
			w.run(t, "out", more...).refused(t, exitInput, c.want...)
			sameFiles(t, "the output folder", snapshot(t, w.at("out")), before)
			w.run(t, "new", more...).refused(t, exitInput, c.want...)
			if isFolder(w.at("new")) {
				t.Error("a run that was refused left a folder")
			}
		})
	}
}

func must(t *testing.T, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return nil
}

// prompts replaces the world's prompts.
func prompts(text string) func(*testing.T, world) []string {
	return func(t *testing.T, w world) []string {
		w.write(t, "prompts.jsonl", text)
		return nil
	}
}

// replace changes a text in a file, which must be there.
func (w world) replace(t *testing.T, path, old, new string) []string {
	t.Helper()
	data := string(readFile(t, filepath.Dir(path), filepath.Base(path)))
	if !strings.Contains(data, old) {
		t.Fatalf("%s does not hold %s", path, old)
	}
	return must(t, os.WriteFile(path, []byte(strings.Replace(data, old, new, 1)), 0o644))
}

// TestUnwritableOutput: a path that cannot be a folder.
func TestUnwritableOutput(t *testing.T) {
	w := newWorld(t)
	w.write(t, "file", "text")
	w.run(t, "file/out").refused(t, exitInput, "--out", "file")
	w.run(t, "file").refused(t, exitInput, "--out", "not a folder")
	w.run(t, "file", "--fresh").refused(t, exitInput, "--out", "not a folder")
	if got := string(readFile(t, w.dir, "file")); got != "text" {
		t.Errorf("the file holds %q", got)
	}
	if os.Getuid() == 0 {
		return // who may write anywhere
	}
	if err := os.Mkdir(w.at("locked"), 0o555); err != nil {
		t.Fatal(err)
	}
	w.run(t, "locked").refused(t, exitInput, "--out", "permission")
}

// TestNamesOfScales: one adapter at several scales, each with a name.
func TestNamesOfScales(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out", "--adapter", "half="+w.adapter+"@0.5", "--adapter", "back="+w.adapter+"@-1e0").fine(t)
	info := readRun(t, w.at("out"))
	var got []string

	for _, a := range info.Adapters {
		got = append(got, a.Name)
	}
	if strings.Join(got, " ") != "tuned half back" {
		t.Errorf("adapters %v", got)
	}
	rows := rowsOf(t, w.at("out"), "metrics.csv")
	if valuesOf(rows, "half")["one 3 resid drift none"] == valuesOf(rows, "tuned")["one 3 resid drift none"] {
		t.Error("scale 0.5 moves the states as far as scale 1")
	}
}

// TestReportOfNothing: a folder that holds no results.
func TestReportOfNothing(t *testing.T) {
	w := newWorld(t)
	cli(t, "report", w.model).refused(t, exitInput, "run.json")
	w.run(t, "out").fine(t)
	before := snapshot(t, w.at("out"))
	cli(t, "report", w.at("out")).fine(t)
	sameFiles(t, "report again", snapshot(t, w.at("out")), before)
	w.write(t, "out/metrics.csv", "variant\n")
	cli(t, "report", w.at("out")).refused(t, exitInput, "metrics.csv")
}

// TestCancelledBeforeItBegins: nothing at all is made.
func TestCancelledBeforeItBegins(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := cliIn(t, ctx, "", "run", w.model, "--prompts", w.prompts, "--out", w.at("out"))
	o.refused(t, exitFailed, "interrupted")
	if isFolder(w.at("out")) {
		t.Error("the output folder was made")
	}
}
