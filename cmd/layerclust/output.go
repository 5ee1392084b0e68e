package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
	"github.com/spf13/pflag"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// outputFlags say where results go and what is told of them.
type outputFlags struct {
	out   string
	fresh bool
	quiet bool
	json  bool
}

func (f *outputFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.out, "out", "", "output folder")
	flags.BoolVar(&f.fresh, "fresh", false, "replace the results of another run in the output folder")
	flags.BoolVar(&f.quiet, "quiet", false, "no progress and no summary")
	flags.BoolVar(&f.json, "json", false, "the summary as one JSON object")
}

func (f *outputFlags) check() error {
	if f.out == "" {
		return usageError{fmt.Errorf("--out is missing")}
	}
	return nil
}

// figuresName is the folder of the figures.
const figuresName = "figures"

// outputs are the entries of an output folder that a run writes; run.json is
// last, because its presence says that the folder is complete.
var outputs = []string{"states", figuresName, "metrics.csv", "nulls.csv", "histograms.csv", "clusters.jsonl", "report.html", "report.md", "run.json"}

// output is an output folder on its way. Everything is first written into a
// folder inside it and moved only when all of it is there, so that a run that
// fails, is interrupted or finds the disk full leaves what was there before.
type output struct {
	dir         string
	partial     string // inside dir
	made        bool   // dir was not there before
	fingerprint string
	lock        *flock.Flock
	keep        bool // partial holds the only copy of something
}

// openOutput makes dir where need be and refuses one that holds the results of
// another run, unless fresh allows them to be replaced. The same inputs and
// options, whose fingerprint run.json keeps, may be run again.
func openOutput(dir string, fresh bool, fingerprint string) (*output, error) {
	_, err := os.Stat(dir)
	o := &output{dir: dir, made: errors.Is(err, fs.ErrNotExist), fingerprint: fingerprint}
	if err := checkFree(dir, fresh, fingerprint); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, loader.InputErrorf("--out: %w", err)
	}
	o.lock = flock.New(filepath.Join(dir, ".lock"))
	if free, err := o.lock.TryLock(); err != nil {
		return nil, writeError(dir, err)
	} else if !free {
		return nil, loader.InputErrorf("--out %s: another run is writing into it", dir)
	}
	if o.partial, err = os.MkdirTemp(dir, ".partial-"); err != nil {
		o.discard()
		return nil, loader.InputErrorf("--out: %w", err)
	}
	return o, nil
}

// checkFree looks for results that are not to be replaced.
func checkFree(dir string, fresh bool, fingerprint string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return loader.InputErrorf("--out: %w", err)
	}
	if !info.IsDir() {
		return loader.InputErrorf("--out %s: it is not a folder", dir)
	}
	for _, name := range []string{"config.json", "adapter_config.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return loader.InputErrorf("--out %s: it holds a %s: results do not go into the folder of a model or adapter", dir, name)
		}
	}
	if fresh {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err == nil {
		var old struct {
			Fingerprint string `json:"fingerprint"`
		}
		if json.Unmarshal(data, &old) == nil && old.Fingerprint == fingerprint {
			return nil
		}
		return loader.InputErrorf("--out %s: it holds the results of another run; choose another folder, or --fresh to replace them", dir)
	}
	for _, name := range outputs {
		if name == figuresName {
			continue // only files of our own names are touched in it
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return loader.InputErrorf("--out %s: it holds a %s that no finished run left there; choose another folder, or --fresh to replace it", dir, name)
		}
	}
	return nil
}

// write puts a result into the folder. The report's own time and the peak
// memory can only be known after it is drawn, so run.json is written again.
func (o *output) write(r *analyze.Result, c *clock) error {
	if err := report.Write(o.partial, r); err != nil {
		return writeError(o.dir, err)
	}
	c.lap(&r.Run.Timings.Report)
	return o.writeInfo(&r.Run, c)
}

// writeInfo completes run.json and moves everything into place.
func (o *output) writeInfo(info *analyze.RunInfo, c *clock) error {
	c.total(&info.Timings)
	info.PeakRSSBytes = peakRSS()
	if err := report.WriteRun(o.partial, *info); err != nil {
		return writeError(o.dir, err)
	}
	return o.commit()
}

// commit moves what was written into place, and takes away what an earlier run
// left there and this one did not write. The earlier entries are first moved
// aside: where a move fails, they come back.
func (o *output) commit() error {
	aside := filepath.Join(o.partial, "earlier")
	if err := os.Mkdir(aside, 0o755); err != nil {
		return writeError(o.dir, err)
	}
	for _, folder := range []string{filepath.Join(aside, figuresName), filepath.Join(o.dir, figuresName)} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return writeError(o.dir, err)
		}
	}
	var undo moves
	err := undo.moveAll(o.dir, aside)
	if err == nil {
		err = undo.moveAll(o.partial, o.dir)
	}
	os.Remove(filepath.Join(o.dir, figuresName)) // where it stayed empty
	if err == nil {
		return nil
	}
	if back := undo.back(); back != nil {
		o.keep = true
		return fmt.Errorf("%w; what was there before is in %s", writeError(o.dir, err), aside)
	}
	return writeError(o.dir, err)
}

// moves are renames that can be taken back.
type moves [][2]string

// moveAll moves what a run writes from one folder to another: of the figures
// only those of our own names, since others may be a user's. run.json goes
// first: without it no folder looks complete.
func (m *moves) moveAll(from, to string) error {
	names := slices.Clone(report.FigureFiles())
	for i := range names {
		names[i] = filepath.Join(figuresName, names[i])
	}
	for _, name := range slices.Backward(outputs) {
		if name != figuresName {
			names = append(names, name)
		}
	}
	for _, name := range slices.Backward(names) {
		if err := m.move(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// move renames what is there.
func (m *moves) move(from, to string) error {
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	*m = append(*m, [2]string{from, to})
	return nil
}

func (m moves) back() error {
	var errs []error
	for _, move := range slices.Backward(m) {
		errs = append(errs, os.Rename(move[1], move[0]))
	}
	return errors.Join(errs...)
}

// discard removes what was not committed, and a folder that was made for
// nothing.
func (o *output) discard() {
	if !o.keep && o.partial != "" {
		os.RemoveAll(o.partial)
	}
	os.Remove(o.lock.Path())
	o.lock.Unlock() //nolint:errcheck // the file is gone with its lock
	if o.made {
		os.Remove(o.dir) // fails where something is in it
	}
}

// writeError names the folder when writing into it failed: most often the disk
// is full. Other errors stay as they are.
func writeError(dir string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return loader.InputErrorf("--out %s: %w", dir, path.Err)
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return loader.InputErrorf("--out %s: %w", dir, link.Err)
	}
	return err
}
