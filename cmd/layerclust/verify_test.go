package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// statesFile writes a file of states (layers, 2 tokens, 2 coordinates).
func statesFile(t *testing.T, path string, x []float32, more ...loader.NamedTensor) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	tensors := append([]loader.NamedTensor{{Name: "hidden_states", Shape: []int{len(x) / 4, 2, 2}, Float32: x}}, more...)
	if err := loader.WriteSafetensors(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVerifyErrors: the errors are worked out by hand. Token (3, 4) has norm 5.
func TestVerifyErrors(t *testing.T) {
	dir := t.TempDir()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	ref := []float32{3, 4, 0, 0, 3, 4, 1, 0} // 2 layers
	reference := statesFile(t, filepath.Join(dir, "ref.safetensors"), ref)
	for _, c := range []struct {
		name  string
		x     []float32
		tol   string
		code  int
		layer string
		token int
		err   any // in JSON
	}{
		{"equal", ref, "0", exitFine, "0", 0, 0.0},
		{"a tenth", []float32{3, 4, 0, 0, 3, 4.5, 1, 0}, "0.1", exitFine, "1", 0, 0.1},
		{"above", []float32{3, 4, 0, 0, 3, 4.5, 1, 0}, "0.0999", exitFailed, "1", 0, 0.1},
		{"both", []float32{4, 4, 0, 0, 3, 4, 1.5, 0}, "0.3", exitFailed, "1", 1, 0.5},
		{"not zero where the reference is", []float32{3, 4, 1e-30, 0, 3, 4, 1, 0}, "1e30", exitFailed, "0", 1, "+Inf"},
		{"NaN", []float32{3, 4, 0, 0, 9, nan, 1, 0}, "1e30", exitFailed, "1", 0, "NaN"},
		{"NaN is worse than Inf", []float32{nan, 4, 1, 0, 3, 4, inf, 0}, "1", exitFailed, "0", 0, "NaN"},
		{"Inf", []float32{3, inf, 0, 0, 3, 4, 1, 0}, "1", exitFailed, "0", 0, "+Inf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			states := statesFile(t, filepath.Join(t.TempDir(), "x.safetensors"), c.x)
			o := cli(t, "verify", states, reference, "--tol", c.tol, "--json")
			if o.code != c.code {
				t.Fatalf("exit code %d, want %d: %s", o.code, c.code, o.err)
			}
			if c.code == exitFailed {
				o.refused(t, exitFailed, "x.safetensors", "layer "+c.layer, fmt.Sprintf("token %d", c.token), "--tol")
				o.code = exitFine // the object is there all the same
			}
			v := o.object(t)
			worst := v["worst"].(map[string]any)
			if worst["layer"] != c.layer || worst["token"] != float64(c.token) || worst["error"] != c.err || v["within"] != (c.code == exitFine) {
				t.Errorf("worst %v, within %v", worst, v["within"])
			}
			if n := len(v["layers"].([]any)); n != 2 {
				t.Errorf("%d layers, want 2", n)
			}
		})
	}
}

// A NaN in the reference, and a reference in which both are the same infinity,
// cannot be agreed with.
func TestVerifyAgainstNaN(t *testing.T) {
	dir := t.TempDir()
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		x := statesFile(t, filepath.Join(dir, "x.safetensors"), []float32{1, 2, bad, 4})
		cli(t, "verify", x, x).refused(t, exitFailed, "layer 0", "token 1", "NaN")
	}
}

// TestVerifyGoldens: every golden case of transformers and PEFT, through the
// command line, within the contract's 2e-5.
func TestVerifyGoldens(t *testing.T) {
	for _, c := range testmodel.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			prompts := filepath.Join(dir, "p.jsonl")
			list := make([]int, len(c.IDs))
			for i, id := range c.IDs {
				list[i] = int(id)
			}
			if err := os.WriteFile(prompts, []byte(line("p", list)), 0o644); err != nil {
				t.Fatal(err)
			}
			variant := "base"
			args := []string{"extract", c.Model, "--prompts", prompts, "--out", filepath.Join(dir, "out"),
				"--sites", strings.Join(c.Sites, ","), "--repeat-depth", fmt.Sprint(c.RepeatDepth)}
			if c.Adapter != "" {
				variant = "a"
				args = append(args, "--adapter", fmt.Sprintf("a=%s@%v", c.Adapter, c.Scale))
			}
			if c.Variant != "" {
				variant = "a"
				args = append(args, "--variant", fmt.Sprintf("a=%s@%v", c.Variant, c.Scale))
			}
			cli(t, args...).fine(t)
			o := cli(t, "verify", filepath.Join(dir, "out", "states", variant, "p.safetensors"), c.States).fine(t)
			if want := 2 + strings.Count(o.out, "\nresid") + strings.Count(o.out, "\nattn") + strings.Count(o.out, "\nmlp"); strings.Count(o.out, "\n") != want || strings.Contains(o.out, "only in") {
				t.Errorf("not every layer was compared, or not only they:\n%s", o.out)
			}
			t.Log(o.out[strings.LastIndex(o.out[:len(o.out)-1], "\n")+1 : len(o.out)-1])
		})
	}
}

// TestVerifyFolders: the files that both sides have are compared, and the
// others are said.
func TestVerifyFolders(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "run"), filepath.Join(dir, "ref")
	x := []float32{1, 2, 3, 4}
	raw := loader.NamedTensor{Name: "last_block_output", Shape: []int{2, 2}, Float32: x}
	statesFile(t, filepath.Join(ours, "states", "base", "a.safetensors"), append(x, x...), raw)
	statesFile(t, filepath.Join(ours, "states", "base", "b.safetensors"), x)
	statesFile(t, filepath.Join(theirs, "tuned", "a.safetensors"), x)
	statesFile(t, filepath.Join(theirs, "base", "a.safetensors"), append(x, x...), loader.NamedTensor{Name: "attn", Shape: []int{1, 2, 2}, Float32: x})
	v := cli(t, "verify", ours, theirs, "--json").object(t)
	if got := fmt.Sprint(v["files"], v["only_in_states"], v["only_in_reference"]); got != "[base/a] [base/b base/a: last_block_output] [tuned/a base/a: attn]" {
		t.Errorf("files %s", got)
	}
	o := cli(t, "verify", ours, theirs).fine(t)
	if !strings.Contains(o.out, "only in STATES: base/b\nonly in STATES: base/a: last_block_output\nonly in REFERENCE: tuned/a\n") {
		t.Errorf("the files of one side are not said:\n%s", o.out)
	}
	if err := os.Remove(filepath.Join(theirs, "base", "a.safetensors")); err != nil {
		t.Fatal(err)
	}
	cli(t, "verify", ours, theirs).refused(t, exitInput, "in common", "base/a", "tuned/a")
}

// TestVerifyRefuses: files that are not of the same thing.
func TestVerifyRefuses(t *testing.T) {
	dir := t.TempDir()
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	file := func(name string, x []float32, more ...loader.NamedTensor) string {
		return statesFile(t, filepath.Join(dir, name+".safetensors"), x, more...)
	}
	tokens := func(ids ...int64) loader.NamedTensor {
		return loader.NamedTensor{Name: "token_ids", Shape: []int{len(ids)}, Int64: ids}
	}
	layers := func(list ...int64) loader.NamedTensor {
		return loader.NamedTensor{Name: "layers", Shape: []int{len(list)}, Int64: list}
	}
	raw := func(t int) loader.NamedTensor {
		return loader.NamedTensor{Name: "last_block_output", Shape: []int{t, 2}, Float32: make([]float32, 2*t)}
	}
	two := file("two", x, tokens(5, 6))
	empty := filepath.Join(dir, "empty.safetensors")
	if err := loader.WriteSafetensors(empty, []loader.NamedTensor{{Name: "logits", Shape: []int{1}, Float32: x[:1]}}, nil); err != nil {
		t.Fatal(err)
	}
	wide := filepath.Join(dir, "wide.safetensors")
	if err := loader.WriteSafetensors(wide, []loader.NamedTensor{{Name: "hidden_states", Shape: []int{2, 1, 4}, Float32: x}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, other, want string }{
		{"depth", file("one", x[:4]), "reaches to layer 1"},
		{"tokens", wide, "2 tokens of 2 coordinates"},
		{"token ids", file("ids", x, tokens(5, 7)), "token 1 has id 6"},
		{"number of ids", file("ids3", x, tokens(5, 7, 8)), "token_ids has shape [3], not (2)"},
		{"nothing", empty, "none of hidden_states"},
		{"layers", file("layers", x, layers(1)), "2 rows for 1 layers"},
		{"layers backwards", file("back", x, layers(1, 0)), "layers[1]=0"},
		{"layers beyond", file("beyond", x, layers(0, 1<<40)), "layers[1]=1099511627776"},
		{"nothing in common", file("far", x, layers(7, 8)), "no layer and site in common"},
		{"raw of other tokens", file("raw", x, raw(3)), "last_block_output is of 3 tokens"},
		{"absent", filepath.Join(dir, "absent.safetensors"), "absent.safetensors"},
		{"kind", filepath.Join(dir, "x.pt"), "x.pt: states come as .safetensors or .npy"},
		{"folder", dir, "one is a folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cli(t, "verify", two, c.other).refused(t, exitInput, c.want)
			cli(t, "verify", c.other, two).refused(t, exitInput)
		})
	}
	cli(t, "verify", file("chosen", x[4:], layers(1)), two).fine(t) // a choice among the other's
}
