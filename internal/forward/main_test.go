package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// timed runs a command line and returns what it printed.
func timed(t *testing.T, args ...string) timings {
	t.Helper()
	var out bytes.Buffer
	if err := forward(context.Background(), args, &out); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("printed %q, want one line", out.String())
	}
	var got timings
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	return got
}

// TestForwardCountsItsWork gives the counts that a comparison divides by.
func TestForwardCountsItsWork(t *testing.T) {
	golden := testmodel.Golden(t)
	model, adapter := filepath.Join(golden, "models", "tied"), filepath.Join(golden, "adapters", "plain")
	prompts := filepath.Join(t.TempDir(), "prompts.jsonl")
	if err := os.WriteFile(prompts, []byte(`{"id":"a","input_ids":[5,6,7]}`+"\n"+`{"id":"b","input_ids":[8,9]}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                      string
		args                      []string
		variants, prompts, tokens int // by hand: tokens is the sum over prompts times variants
		passes                    int
	}{
		{"tokens", []string{"--tokens", "7"}, 1, 1, 7, 1},
		{"repeat", []string{"--tokens", "7", "--repeat", "3"}, 1, 1, 7, 3},
		{"scales", []string{"--tokens", "7", "--adapter", "x=" + adapter, "--adapter", "y=" + adapter + "@0.5"}, 3, 1, 21, 1},
		{"prompts", []string{"--prompts", prompts, "--adapter", adapter, "--precision", "bf16"}, 2, 2, 10, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := timed(t, append([]string{model}, c.args...)...)
			if got.Variants != c.variants || got.Prompts != c.prompts || got.Tokens != c.tokens || len(got.All) != c.passes {
				t.Errorf("got %+v, want %d variants, %d prompts, %d tokens, %d passes", got, c.variants, c.prompts, c.tokens, c.passes)
			}
			if got.Layers != 2 { // testdata/models/tied/config.json
				t.Errorf("%d layers, want 2", got.Layers)
			}
			if got.Checksum == 0 {
				t.Error("the sink read nothing but zeros")
			}
			if got.Forward <= 0 || got.TokensPerS != float64(got.Tokens)/got.Forward {
				t.Errorf("%g s and %g tokens/s for %d tokens do not agree", got.Forward, got.TokensPerS, got.Tokens)
			}
		})
	}
}

func TestForwardRefusesByName(t *testing.T) {
	model := filepath.Join(testmodel.Golden(t), "models", "tied")
	text := filepath.Join(t.TempDir(), "text.jsonl")
	if err := os.WriteFile(text, []byte(`{"id":"a","text":"words"}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "MODEL"},
		{[]string{model, "more"}, `"more"`},
		{[]string{model, "--precision", "f16"}, "--precision f16"},
		{[]string{model, "--backend", "abacus"}, "abacus"},
		{[]string{model, "--repeat", "0"}, "--repeat 0"},
		{[]string{model, "--tokens", "0"}, "--tokens 0"},
		{[]string{model, "--prompts", text}, "text.jsonl"},
		{[]string{filepath.Join(t.TempDir(), "nothing")}, "nothing"},
	} {
		err := forward(context.Background(), c.args, new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want an error that names %s", c.args, err, c.want)
		}
	}
}
