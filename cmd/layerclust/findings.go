package main

import (
	"slices"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/report"
)

// findings are the tables of a study on their way into an output folder: all
// rows go to its files at once, and those that the report shows to memory, the
// rows of AllPrompts and of as many single prompts as a page has room for.
type findings struct {
	recorder *report.Recorder
	shown    []analyze.Tables // (variants)
	rows     int              // of single prompts in shown
	prompt   string           // whose parts are coming
	prompts  int              // shown one by one
	full     bool             // no further prompts are shown
	warnings []string
}

// maxShown is how many rows of single prompts the report gets: a page of its
// largest size holds fewer (183 000 of the demo's model, 127 prompts).
const maxShown = 200_000

func newFindings(dir string, variants int) (*findings, error) {
	recorder, err := report.NewRecorder(dir, variants)
	if err != nil {
		return nil, err
	}
	return &findings{recorder: recorder, shown: make([]analyze.Tables, variants)}, nil
}

// take is given the tables part by part.
func (f *findings) take(variant int, part *analyze.Tables) error {
	if err := f.recorder.Add(variant, part); err != nil {
		return err
	}
	if len(part.Partitions) == 0 { // over all prompts
		f.shown[variant].Append(part)
		return nil
	}
	if prompt := part.Partitions[0].Prompt; prompt != f.prompt {
		f.prompt = prompt
		if f.full = f.full || f.rows >= maxShown; !f.full {
			f.prompts++
		}
	}
	if !f.full {
		f.rows += len(part.Metrics)
		f.shown[variant].Append(part)
	}
	return nil
}

// result puts what is shown together with where it comes from.
func (f *findings) result(run analyze.RunInfo) *analyze.Result {
	var all analyze.Tables
	for i := range f.shown {
		all.Append(&f.shown[i])
		f.shown[i] = analyze.Tables{}
	}
	if f.full {
		run.Detailed = f.prompts
	}
	for _, w := range f.warnings {
		if !slices.Contains(run.Warnings, w) { // as the run whose states they are may have had it
			run.Warnings = append(run.Warnings, w)
		}
	}
	return &analyze.Result{Run: run, Metrics: all.Metrics, Histograms: all.Histograms, Partitions: all.Partitions}
}
