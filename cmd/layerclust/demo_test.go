package main

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDemo: the embedded model runs without fixtures or network, its report is
// there, and the trained adapters do more than random ones of the same size.
func TestDemo(t *testing.T) {
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1") // any request would fail
	out := filepath.Join(t.TempDir(), "demo")
	o := cli(t, "demo", "--out", out).fine(t)
	if !strings.Contains(o.out, "report.html") {
		t.Errorf("the summary does not name the report:\n%s", o.out)
	}
	for _, name := range []string{"report.html", "metrics.csv", "run.json", "demo-model/base/config.json", "demo-model/prompts.jsonl"} {
		readFile(t, out, name)
	}
	loss := map[string]float64{}
	for _, row := range rowsOf(t, out, "metrics.csv") {
		if row[colMetric] == "next_token_loss" && row[colPrompt] == "all" && row[colMask] == "none" {
			value, err := strconv.ParseFloat(row[colValue], 64)
			if err != nil {
				t.Fatal(err)
			}
			loss[row[colVariant]] = value
		}
	}
	for _, variant := range []string{"base", "style", "random-style", "task", "random-task"} {
		if loss[variant] == 0 {
			t.Errorf("no loss of %s: %v", variant, loss)
		}
	}
	// The prompts are stories: what turns the model to letters or lists costs more there.
	if loss["style"] < loss["base"] || loss["task"] < loss["base"] {
		t.Errorf("losses on stories: %v", loss)
	}
	cli(t, "demo", "--out", out).fine(t) // the same run again
}
