package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/loader"
)

// outputs are the entries of an output folder that a run writes; run.json is
// last, because its presence says that the folder is complete.
var outputs = []string{"states", "figures", "metrics.csv", "nulls.csv", "histograms.csv", "clusters.jsonl", "report.html", "report.md", "run.json"}

// output is an output folder on its way. Everything is first written into a
// folder inside it and moved only when all of it is there, so that a run that
// fails, is interrupted or finds the disk full leaves what was there before.
type output struct {
	dir     string
	partial string // inside dir
}

// openOutput makes dir where need be and refuses one that holds the results of
// another run, unless fresh allows them to be replaced. The same inputs and
// options, whose fingerprint run.json keeps, may be run again.
func openOutput(dir string, fresh bool, fingerprint string) (*output, error) {
	if err := checkFree(dir, fresh, fingerprint); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, loader.InputErrorf("--out: %w", err)
	}
	partial, err := os.MkdirTemp(dir, ".partial-")
	if err != nil {
		return nil, loader.InputErrorf("--out: %w", err)
	}
	return &output{dir: dir, partial: partial}, nil
}

// checkFree looks for results that are not to be replaced.
func checkFree(dir string, fresh bool, fingerprint string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || fresh {
		return nil
	}
	if err != nil {
		return loader.InputErrorf("--out: %w", err)
	}
	if !info.IsDir() {
		return loader.InputErrorf("--out %s: it is not a folder", dir)
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
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return loader.InputErrorf("--out %s: it holds a %s that no finished run left there; choose another folder, or --fresh to replace it", dir, name)
		}
	}
	return nil
}

// commit moves what was written into place, and takes away what an earlier run
// left there and this one did not write.
func (o *output) commit() error {
	for _, name := range outputs {
		from, to := filepath.Join(o.partial, name), filepath.Join(o.dir, name)
		if err := os.RemoveAll(to); err != nil {
			return loader.InputErrorf("--out: %w", err)
		}
		if _, err := os.Lstat(from); err != nil {
			continue
		}
		if err := os.Rename(from, to); err != nil {
			return loader.InputErrorf("--out: %w", err)
		}
	}
	return nil
}

// discard removes what was not committed.
func (o *output) discard() { os.RemoveAll(o.partial) }

// writeError names the folder when writing into it failed: most often the disk
// is full.
func writeError(dir string, err error) error {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return loader.InputErrorf("--out %s: %w", dir, path.Err)
	}
	return fmt.Errorf("--out %s: %w", dir, err)
}
