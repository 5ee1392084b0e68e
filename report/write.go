// Package report turns a Result into the files of an output folder, and those
// files into a Result again.
//
// Two kinds of files lie in such a folder. The tables (run.json, metrics.csv,
// histograms.csv, clusters.jsonl) are the record: they hold every number at
// full precision, and Read gives back from them exactly what Write was given.
// The renderings (report.html, report.md, figures/*.svg) are made from that
// record alone, so they can be drawn again long after the model is gone, or by
// a later version that draws better.
//
// Nothing is computed here. Every number shown is a row of the Result, picked
// and rounded; what a row means is said by analyze.Definitions. Everything but
// run.json is a function of the Result: the same Result gives the same bytes.
//
// Names, prompts and token pieces come from strangers' files. They are escaped
// for whatever they are written into, and the page forbids itself the network
// and any script but its own.
package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/analyze"
)

// The names of the tables in an output folder.
const (
	runFile        = "run.json"
	metricsFile    = "metrics.csv"
	histogramsFile = "histograms.csv"
	clustersFile   = "clusters.jsonl"
	figuresDir     = "figures"
)

// Write puts every file of the contract into dir, which it makes if need be, of
// a Result that has all rows. A failure leaves what was there before.
func Write(dir string, r *analyze.Result) error {
	rec, err := NewRecorder(dir, 1)
	if err != nil {
		return err
	}
	defer rec.Discard()
	if err := rec.Add(0, &analyze.Tables{Metrics: r.Metrics, Histograms: r.Histograms, Partitions: r.Partitions}); err != nil {
		return err
	}
	return rec.Finish(r)
}

// WriteRun replaces run.json alone: its timings and peak memory are known only
// after everything else has been written.
func WriteRun(dir string, run analyze.RunInfo) error {
	s := &stage{dir: dir}
	defer s.discard()
	if err := s.add(runFile, func(w io.Writer) error { return writeRun(w, &run) }); err != nil {
		return err
	}
	return s.commit()
}

// Render draws report.html, report.md and the figures in dir anew, and leaves
// the tables alone.
func Render(dir string, r *analyze.Result) error {
	s := &stage{dir: dir}
	defer s.discard()
	if err := stageRenderings(s, r); err != nil {
		return err
	}
	return s.commit()
}

// stageRenderings adds what is drawn rather than recorded. A figure that this
// Result has no data for is taken away, so that none of an earlier run stays.
func stageRenderings(s *stage, r *analyze.Result) error {
	t := newTable(r)
	figs := figures(t)
	for _, f := range figs {
		if err := s.addBytes(filepath.Join(figuresDir, f.File), []byte(f.SVG.file())); err != nil {
			return err
		}
	}
	for _, name := range figureFiles {
		if !hasFigure(figs, name) {
			s.obsolete = append(s.obsolete, filepath.Join(figuresDir, name))
		}
	}
	if err := s.addBytes("report.md", renderMarkdown(t, figs)); err != nil {
		return err
	}
	page, err := renderHTML(t, figs)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	return s.addBytes("report.html", page)
}

// stage is a set of files on their way into dir.
type stage struct {
	dir      string
	pending  []pending
	obsolete []string // removed on commit
}

// pending is a complete file under a name of its own, beside its place.
type pending struct{ temp, final string }

// add writes one file beside its place.
func (s *stage) add(name string, write func(io.Writer) error) error {
	final := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(final), "."+filepath.Base(final)+".*")
	if err != nil {
		return err
	}
	s.pending = append(s.pending, pending{f.Name(), final})
	w := bufio.NewWriterSize(f, 1<<16)
	err = errors.Join(write(w), w.Flush(), f.Chmod(0o644), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", final, err)
	}
	return nil
}

// addBytes is add for content that is in memory already.
func (s *stage) addBytes(name string, b []byte) error {
	return s.add(name, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// commit renames all files into place, in the order they were added.
func (s *stage) commit() error {
	for _, p := range s.pending {
		if err := os.Rename(p.temp, p.final); err != nil {
			return err
		}
	}
	s.pending = nil
	for _, name := range s.obsolete {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// discard removes what was not committed; a renamed file is no longer there
// under its temporary name, so the error of removing it is of no interest.
func (s *stage) discard() {
	for _, p := range s.pending {
		_ = os.Remove(p.temp)
	}
}

// FigureFiles lists the names that a run may give to files in figures/.
func FigureFiles() []string { return append([]string(nil), figureFiles...) }
