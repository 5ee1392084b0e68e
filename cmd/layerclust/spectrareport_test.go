package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// A folder of spectra is drawn again from its tables to the same bytes, and
// everything in it is defined.
func TestSpectraReportAgain(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	w := newWorld(t)
	cli(t, "run", w.model, "--adapter", w.adapter, "--prompts", w.prompts, "--bootstrap", "0", "--out", w.at("run"), "--quiet").fine(t)
	out := w.at("out")
	cli(t, "spectra", w.model, "--adapter", w.series(t, "series"), "--adapter", w.adapter, "--rope-offsets", "0,5", "--join", w.at("run"), "--out", out, "--quiet").fine(t)
	before := snapshot(t, out)
	for _, name := range []string{"report.html", "report.md", "figures/training.svg", "figures/heads.svg", "figures/intruders.svg", "figures/overlaps.svg"} {
		if _, ok := before[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	for _, name := range []string{"report.html", "report.md"} {
		if err := os.Remove(filepath.Join(out, name)); err != nil {
			t.Fatal(err)
		}
	}
	cli(t, "report", out).fine(t)
	sameFiles(t, "drawn again", snapshot(t, out), before)
	seen := map[string]bool{}
	for _, row := range table(t, out, valuesName) {
		q := row["quantity"]
		if d, ok := spectra.Define(q); !seen[q] && (!ok || d.Formula == "") {
			t.Errorf("%s is defined nowhere", q)
		}
		seen[q] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d quantities, want all groups", len(seen))
	}
}

// What is wrong with a table is said in one line, with exit code 2.
func TestSpectraReportRefuses(t *testing.T) {
	w := newWorld(t)
	out := w.at("out")
	cli(t, "spectra", "--adapter", w.adapter, "--out", out, "--quiet").fine(t)
	path := filepath.Join(out, valuesName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "tuned,", "stranger,", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	o := cli(t, "report", out)
	if o.code != 2 || !strings.Contains(o.err, `spectra.csv:2: variant="stranger"`) || strings.Count(o.err, "\n") != 1 {
		t.Errorf("exit %d, %q", o.code, o.err)
	}
}
