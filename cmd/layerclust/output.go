package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
	flags.BoolVar(&f.fresh, "fresh", false, "start over, and replace the results of another run in the output folder")
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
	resumed     bool // partial is of an ended run of the same inputs and options
	durable     bool // the run is long enough to be made safe from a loss of power
	committed   bool
	keep        bool // partial holds what is worth keeping
}

const (
	partialDir = ".partial"
	jobName    = "job.json" // of partial: whose it is
)

// openOutput makes dir where need be and refuses one that holds the results of
// another run, unless fresh allows them to be replaced. The same inputs and
// options, whose fingerprint run.json keeps, may be run again; and what an
// ended run of theirs left half done is found again, unless fresh.
func openOutput(dir string, fresh bool, fingerprint string) (*output, error) {
	lock, made, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	o := &output{dir: dir, partial: filepath.Join(dir, partialDir), made: made, lock: lock, fingerprint: fingerprint}
	if err := o.claim(fresh); err != nil {
		o.keep = true // it may be another's
		o.discard()
		return nil, writeError(dir, err)
	}
	return o, nil
}

// lockFolder makes dir where need be, and locks it against other processes.
func lockFolder(dir string) (lock *flock.Flock, made bool, err error) {
	_, err = os.Stat(dir)
	made = errors.Is(err, fs.ErrNotExist)
	if err := checkFolder(dir); err != nil {
		return nil, false, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, false, loader.InputErrorf("--out: %w", err)
	}
	lock = flock.New(filepath.Join(dir, ".lock"))
	if free, err := lock.TryLock(); err != nil {
		return nil, false, writeError(dir, err)
	} else if !free {
		return nil, false, loader.InputErrorf("--out %s: another run is writing into it", dir)
	}
	return lock, made, nil
}

// claim makes partial this run's.
func (o *output) claim(fresh bool) error {
	if err := o.recover(); err != nil {
		return err
	}
	if !fresh {
		left := readOwner(filepath.Join(o.partial, jobName))
		o.resumed = left.Fingerprint == o.fingerprint
		if !o.resumed || !left.Replaces {
			if err := checkFree(o.dir, o.fingerprint); err != nil {
				return err
			}
		}
		if o.resumed {
			return nil
		}
	}
	return o.restart(fresh)
}

// restart empties partial.
func (o *output) restart(fresh bool) error {
	o.resumed = false
	if err := os.RemoveAll(o.partial); err != nil {
		return err
	}
	if err := os.Mkdir(o.partial, 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(owner{o.fingerprint, fresh})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.partial, jobName), text, 0o644)
}

// owner is job.json; run.json has the first field, too.
type owner struct {
	Fingerprint string `json:"fingerprint"`
	Replaces    bool   `json:"replaces"` // it was begun with --fresh: what another run left in the folder may go
}

// readOwner reads such a file, as far as it can be read.
func readOwner(path string) owner {
	var o owner
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &o) != nil {
		return owner{}
	}
	return o
}

// checkFolder refuses what is not a folder for results.
func checkFolder(dir string) error {
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
	return nil
}

// checkFree looks for results that are not to be replaced.
func checkFree(dir, fingerprint string) error {
	if _, err := os.Stat(filepath.Join(dir, runName)); err == nil {
		if readOwner(filepath.Join(dir, runName)).Fingerprint == fingerprint {
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

// write puts a result into the folder and returns what its report shows. The
// report's own time and the peak memory can only be known after it is drawn, so
// run.json is written again.
func (o *output) write(found *findings, run *analyze.RunInfo, c *clock) (*analyze.Result, error) {
	r := found.result(*run)
	if err := found.recorder.Finish(r); err != nil {
		return nil, writeError(o.dir, err)
	}
	c.lap(&r.Run.Timings.Report)
	return r, o.writeInfo(&r.Run, c)
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

// discard removes what is not worth keeping, and a folder that was made for
// nothing.
func (o *output) discard() {
	if o.committed || !o.keep {
		os.RemoveAll(o.partial)
	}
	os.Remove(o.lock.Path())
	o.lock.Unlock() //nolint:errcheck // the file is gone with its lock
	if o.made {
		os.Remove(o.dir) // fails where something is in it
	}
}

// writeFault marks that a file of the output could not be written: most often
// the disk is full.
type writeFault struct{ error }

func (f writeFault) Unwrap() error { return f.error }

// writeError names the folder when writing into it failed. Other errors, of
// files elsewhere too, stay as they are.
func writeError(dir string, err error) error {
	var path string
	var cause error
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		path, cause = p.Path, p.Err
	} else if link, ok := errors.AsType[*os.LinkError](err); ok {
		path, cause = link.New, link.Err
	}
	if cause == nil || !inside(dir, path) {
		return err
	}
	return writeFault{loader.InputErrorf("--out %s: %w", dir, cause)}
}

// inside says whether a path is a folder or lies in it.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(absolute(dir), absolute(path))
	return err == nil && filepath.IsLocal(rel)
}
