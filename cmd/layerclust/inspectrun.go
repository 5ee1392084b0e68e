package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// runFacts are what inspect says of a folder of results.
type runFacts struct {
	Kind     string                `json:"kind"` // run
	Path     string                `json:"path"`
	Tool     string                `json:"tool"`
	Argv     []string              `json:"argv"`
	Model    analyze.ModelInfo     `json:"model"`
	Adapters []analyze.AdapterInfo `json:"adapters"`
	Prompts  []promptFacts         `json:"prompts"`
	Sites    []string              `json:"sites"`
	Metrics  []string              `json:"metrics"` // in metrics.csv, by first row
	Files    []sizedFile           `json:"files"`
	Bytes    int64                 `json:"bytes"`
	Warnings []string              `json:"warnings"`
}

type promptFacts struct {
	ID     string `json:"id"`
	File   string `json:"file"`
	Tokens int    `json:"n"`
	Masked int    `json:"masked"` // tokens
}

func inspectRun(dir string) (inspection, error) {
	info, err := readRunInfo(dir)
	if err != nil {
		return nil, err
	}
	facts := &runFacts{Kind: "run", Path: absolute(dir), Tool: info.Tool, Argv: info.Argv, Model: info.Model, Adapters: nonNil(info.Adapters),
		Prompts: []promptFacts{}, Sites: nonNil(info.Sites), Warnings: nonNil(info.Warnings)}
	for _, p := range info.Prompts {
		facts.Prompts = append(facts.Prompts, promptFacts{p.ID, p.File, p.N, len(p.Masked)})
	}
	if facts.Metrics, err = metricsIn(dir); err != nil {
		return nil, err
	}
	names, err := filesBelow(dir)
	if err != nil {
		return nil, err
	}
	facts.Files, facts.Bytes, err = sizes(dir, names)
	return facts, err
}

// metricsIn lists the metrics of a folder; extract leaves none.
func metricsIn(dir string) ([]string, error) {
	names := []string{}
	if _, err := os.Stat(filepath.Join(dir, "metrics.csv")); errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	seen := map[string]bool{}
	err := report.EachMetric(dir, func(row analyze.Row) error {
		if !seen[row.Metric] {
			seen[row.Metric] = true
			names = append(names, row.Metric)
		}
		return nil
	})
	if err != nil {
		return nil, loader.InputErrorf("%w", err)
	}
	return names, nil
}

// filesBelow lists the files of a run's folder, relative to it.
func filesBelow(dir string) ([]string, error) {
	var names []string
	for _, entry := range outputs {
		err := filepath.WalkDir(filepath.Join(dir, entry), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return loader.InputErrorf("%w", err)
			}
			if d.Type().IsRegular() {
				name, err := filepath.Rel(dir, path)
				names = append(names, filepath.ToSlash(name))
				return err
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (r *runFacts) write(w io.Writer) error {
	s := newSheet(w)
	s.line("run", "%s (%s)", r.Path, r.Tool)
	s.line("model", "%s (%s, %d layers, hidden size %d)", r.Model.Path, r.Model.Type, r.Model.Layers, r.Model.Hidden)
	for _, a := range r.Adapters {
		s.line("adapter", "%s, scale %g: %d modules applied, |ΔW|/|W| %.3g", a.Name, a.Scale, a.ModulesApplied, a.RelativeNorm)
	}
	for _, p := range r.Prompts {
		s.line("prompt", "%s: %d tokens, %d masked", p.ID, p.Tokens, p.Masked)
	}
	s.line("sites", "%s", strings.Join(r.Sites, ", "))
	s.line("metrics", "%s", strings.Join(withoutDeltas(r.Metrics), ", "))
	r.writeFiles(s)
	s.line("in all", "%s", bytesText(r.Bytes))
	s.warnings(r.Warnings)
	return s.close()
}

// withoutDeltas leaves out the differences to the base, which go with every
// metric.
func withoutDeltas(metrics []string) []string {
	return slices.DeleteFunc(slices.Clone(metrics), func(m string) bool { return strings.HasSuffix(m, analyze.DeltaSuffix) })
}

// writeFiles sums up the files of folders.
func (r *runFacts) writeFiles(s sheet) {
	for _, entry := range outputs {
		var n int
		var bytes int64
		for _, f := range r.Files {
			if f.Name == entry || strings.HasPrefix(f.Name, entry+"/") {
				n++
				bytes += f.Bytes
			}
		}
		switch {
		case n == 1:
			s.line("file", "%s, %s", entry, bytesText(bytes))
		case n > 1:
			s.line("files", "%s: %d, %s", entry, n, bytesText(bytes))
		}
	}
}
