package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/internal/testmodel"
)

// outcome is how one command line ended.
type outcome struct {
	code     int
	out, err string // stdout, stderr
}

// cli runs one command line as main would.
func cli(t *testing.T, args ...string) outcome {
	t.Helper()
	return cliIn(t, context.Background(), "", args...)
}

// cliIn is cli with a context and standard input. Whatever the arguments, no
// panic may come out, and a failure has to be one line.
func cliIn(t *testing.T, ctx context.Context, stdin string, args ...string) outcome {
	t.Helper()
	argv, threads := os.Args, runtime.GOMAXPROCS(0)
	defer func() {
		os.Args = argv
		runtime.GOMAXPROCS(threads) // --threads sets it for the process
	}()
	os.Args = append([]string{"layerclust"}, args...)
	var stdout, stderr bytes.Buffer
	o := outcome{code: execute(ctx, args, strings.NewReader(stdin), &stdout, &stderr)}
	o.out, o.err = stdout.String(), stderr.String()
	if strings.Contains(o.out+o.err, "internal error") || strings.Contains(o.err, "goroutine ") {
		t.Errorf("%q: a panic reached the user:\n%s", args, o.err)
	}
	if n := strings.Count("\n"+o.err, "\nlayerclust: "); (o.code != exitFine) != (n == 1) {
		t.Errorf("%q: exit code %d with %d lines of error:\n%s", args, o.code, n, o.err)
	}
	if o.code != exitFine && !strings.HasSuffix(o.err, "\n") {
		t.Errorf("%q: the error does not end its line: %q", args, o.err)
	}
	return o
}

// fine demands success.
func (o outcome) fine(t *testing.T) outcome {
	t.Helper()
	if o.code != exitFine {
		t.Fatalf("exit code %d:\n%s", o.code, o.err)
	}
	return o
}

// refused demands an exit code and a line of error that says all of the parts.
func (o outcome) refused(t *testing.T, code int, parts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d:\n%s", o.code, code, o.err)
	}
	_, line, _ := strings.Cut("\n"+o.err, "\nlayerclust: ")
	for _, part := range parts {
		if !strings.Contains(line, part) {
			t.Errorf("error %q does not say %q", line, part)
		}
	}
}

// object decodes stdout, which has to be one JSON object.
func (o outcome) object(t *testing.T) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(o.fine(t).out))
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("stdout is no JSON object: %v\n%s", err, o.out)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("there is more than one object on stdout:\n%s", o.out)
	}
	return v
}

// world is a folder with a model, adapters for it and prompts.
type world struct {
	dir, model, adapter, prompts string
	spec                         testmodel.Spec
}

const modelLayers = 3

// newWorld writes a model of three blocks, an adapter and two prompts.
func newWorld(t *testing.T) world {
	t.Helper()
	dir := t.TempDir()
	w := world{dir: dir, model: filepath.Join(dir, "model"), adapter: filepath.Join(dir, "tuned"),
		prompts: filepath.Join(dir, "prompts.jsonl"), spec: testmodel.Spec{Layers: modelLayers, Seed: 7}}
	testmodel.WriteModel(t, w.model, w.spec)
	testmodel.WriteAdapter(t, w.adapter, w.spec, testmodel.AdapterSpec{Seed: 1})
	w.write(t, "prompts.jsonl", line("one", ids(24, 1))+line("two", ids(9, 2)))
	return w
}

// write writes a file of the world and returns its path.
func (w world) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// at is a path in the world.
func (w world) at(name string) string { return filepath.Join(w.dir, name) }

// another writes one more adapter.
func (w world) another(t *testing.T, name string, spec testmodel.AdapterSpec) string {
	t.Helper()
	testmodel.WriteAdapter(t, w.at(name), w.spec, spec)
	return w.at(name)
}

// run is the main job into out, quietly unless that is told otherwise.
func (w world) run(t *testing.T, out string, more ...string) outcome {
	t.Helper()
	return cli(t, append([]string{"run", w.model, "--adapter", w.adapter, "--prompts", w.prompts, "--out", w.at(out), "--bootstrap", "50"}, more...)...)
}

// ids is a prompt that begins with BOS.
func ids(n, seed int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = 3 + (i*37+seed*11+i*i)%60
	}
	list[0] = 1
	return list
}

// line is a prompt as a line of JSON.
func line(id string, ids []int) string {
	text, err := json.Marshal(map[string]any{"id": id, "input_ids": ids})
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// readRun decodes a folder's run.json.
func readRun(t *testing.T, dir string) analyze.RunInfo {
	t.Helper()
	var info analyze.RunInfo
	if err := json.Unmarshal(readFile(t, dir, "run.json"), &info); err != nil {
		t.Fatal(err)
	}
	return info
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rowsOf reads a table without its header.
func rowsOf(t *testing.T, dir, name string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(readFile(t, dir, name))).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", name, len(rows), err)
	}
	return rows[1:]
}

// The columns of metrics.csv.
const (
	colVariant = iota
	colPrompt
	colLayer
	colSite
	colMetric
	colMask
	colValue
)

// selected are the rows that pass, as text that can be compared.
func selected(rows [][]string, pass func(row []string) bool) string {
	var b strings.Builder
	for _, row := range rows {
		if pass(row) {
			b.WriteString(strings.Join(row, ",") + "\n")
		}
	}
	return b.String()
}

// snapshot maps every file below dir to its contents.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			files[filepath.ToSlash(name)+"/"] = ""
			return nil
		}
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameFiles demands the same files with the same bytes, but for those named.
func sameFiles(t *testing.T, what string, got, want map[string]string, but ...string) {
	t.Helper()
	for _, name := range but {
		delete(got, name)
		delete(want, name)
	}
	for name, text := range want {
		if other, ok := got[name]; !ok {
			t.Errorf("%s: %s is gone", what, name)
		} else if other != text {
			t.Errorf("%s: %s differs", what, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is new", what, name)
		}
	}
}

// TestFlagValues: what a number should have been, in plain words.
func TestFlagValues(t *testing.T) {
	for arg, want := range map[string]string{
		"--threads=abc":               "--threads abc: want a whole number",
		"--seed=99999999999999999999": "--seed 99999999999999999999: want a smaller number",
		"--quiet=maybe":               "--quiet maybe: want true or false",
	} {
		var stderr strings.Builder
		code := execute(t.Context(), []string{"run", "model", arg}, strings.NewReader(""), io.Discard, &stderr)
		if got := stderr.String(); code != exitInput || got != "layerclust: "+want+"\n" {
			t.Errorf("%s: code %d, %q", arg, code, got)
		}
	}
}
