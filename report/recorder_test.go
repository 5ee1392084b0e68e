package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/layerclust/layerclust/analyze"
)

// record gives the rows of a Result to a Recorder prompt by prompt, and writes
// the folder of what is shown.
func record(t *testing.T, dir string, all, shown *analyze.Result) {
	t.Helper()
	variants := []string{analyze.Base}
	for _, a := range all.Run.Adapters {
		variants = append(variants, a.Name)
	}
	rec, err := NewRecorder(dir, len(variants))
	if err != nil {
		t.Fatal(err)
	}
	for _, prompt := range []string{"tale", "proof", analyze.AllPrompts} {
		for v, variant := range variants {
			if err := rec.Add(v, only(all, func(of, p string) bool { return of == variant && p == prompt })); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := rec.Finish(shown); err != nil {
		t.Fatal(err)
	}
}

// only are the rows of some variants and prompts.
func only(r *analyze.Result, want func(variant, prompt string) bool) *analyze.Tables {
	t := &analyze.Tables{Metrics: slices.Clone(r.Metrics), Histograms: slices.Clone(r.Histograms), Partitions: slices.Clone(r.Partitions)}
	t.Metrics = slices.DeleteFunc(t.Metrics, func(m analyze.Row) bool { return !want(m.Variant, m.Prompt) })
	t.Histograms = slices.DeleteFunc(t.Histograms, func(h analyze.Histogram) bool { return !want(h.Variant, h.Prompt) })
	t.Partitions = slices.DeleteFunc(t.Partitions, func(p analyze.Partition) bool { return !want(p.Variant, p.Prompt) })
	return t
}

// TestRecorderWritesAsWrite: the parts, prompt by prompt, make the folder that
// Write makes of the whole.
func TestRecorderWritesAsWrite(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	r := sample("v-r2", "identity")
	if err := Write(whole, r); err != nil {
		t.Fatal(err)
	}
	record(t, parts, r, r)
	if diff := cmp.Diff(contents(t, whole), contents(t, parts)); diff != "" {
		t.Errorf("the folders differ (-whole +parts):\n%s", diff)
	}
}

// TestDetailed: of prompts that are not shown one by one the tables hold all,
// the Result and the page nothing, and the page says so. Drawn again from the
// files it is the same.
func TestDetailed(t *testing.T) {
	all := sample("v-r2")
	all.Run.Detailed = 1
	rows := only(all, func(_, prompt string) bool { return prompt != "proof" })
	shown := &analyze.Result{Run: all.Run, Metrics: rows.Metrics, Histograms: rows.Histograms, Partitions: rows.Partitions}
	dir := t.TempDir()
	record(t, dir, all, shown)
	files := contents(t, dir)
	for _, name := range []string{metricsFile, histogramsFile, clustersFile} {
		if !strings.Contains(files[name], "proof") {
			t.Errorf("%s does not have the second prompt", name)
		}
	}
	for _, want := range []string{"the curves of 1 of 2 prompts", "the histograms of 1 of 2 prompts", "the tokens of 1 of 2 prompts"} {
		if !strings.Contains(files["report.html"], "this page leaves out "+want) {
			t.Errorf("the page does not say that it leaves out %s", want)
		}
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shown, got, sameResult); diff != "" {
		t.Errorf("Read gives another Result (-want +got):\n%s", diff)
	}
	if err := Render(dir, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, contents(t, dir)); diff != "" {
		t.Errorf("rendered again, the folder differs:\n%s", diff)
	}
	n := 0
	if err := EachMetric(dir, func(analyze.Row) error { n++; return nil }); err != nil || n != len(all.Metrics) {
		t.Errorf("%d of %d rows, %v", n, len(all.Metrics), err)
	}
}
