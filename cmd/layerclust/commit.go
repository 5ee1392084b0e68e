package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/layerclust/layerclust/report"
)

// A commit is a list of renames:
//
//	what an earlier run left in OUT      -> OUT/.partial/earlier
//	OUT/.partial/job.json                -> OUT/.partial/done.json
//	what this run wrote in OUT/.partial  -> OUT
//
// The one in the middle turns it round: where a process ended before it, the
// next one takes the first renames back; behind it, it makes the others.
const (
	earlierDir = "earlier"
	doneName   = "done.json"
)

// commit moves what was written into place, and takes away what an earlier run
// left there and this one did not write. Where a rename fails, all are taken
// back.
func (o *output) commit() error {
	if o.durable {
		if err := syncFiles(o.partial); err != nil {
			return writeError(o.dir, err)
		}
	}
	for _, folder := range []string{filepath.Join(o.partial, earlierDir, figuresName), filepath.Join(o.dir, figuresName)} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return writeError(o.dir, err)
		}
	}
	err, back := o.moves().make()
	os.Remove(filepath.Join(o.dir, figuresName)) // where it stayed empty
	if back != nil {
		o.keep = true
		return fmt.Errorf("%w; what was there before is in %s", writeError(o.dir, err), filepath.Join(o.partial, earlierDir))
	}
	o.committed = err == nil
	return writeError(o.dir, err)
}

// moves lists the renames of a commit.
func (o *output) moves() moves {
	list := outputsBetween(o.dir, filepath.Join(o.partial, earlierDir))
	slices.Reverse(list)
	list = append(list, move{filepath.Join(o.partial, jobName), filepath.Join(o.partial, doneName)})
	return append(list, outputsBetween(o.partial, o.dir)...)
}

// recover ends a commit in the middle of which a process ended.
func (o *output) recover() error {
	from := filepath.Join(o.partial, earlierDir)
	if _, err := os.Stat(filepath.Join(o.partial, doneName)); err == nil {
		from = o.partial
	}
	if !isFolder(from) {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(o.dir, figuresName), 0o755); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(o.dir, figuresName)) // where it stays empty
	for _, m := range outputsBetween(from, o.dir) {
		if err := os.RemoveAll(m.to); err != nil { // a rename that was being taken back
			return err
		}
		if err := os.Rename(m.from, m.to); err != nil {
			return err
		}
	}
	if from == o.partial {
		return os.RemoveAll(o.partial)
	}
	return nil
}

// move is a rename.
type move struct{ from, to string }

type moves []move

// outputsBetween lists the moves of what a run writes from one folder to
// another: of the figures only those of our own names, since others may be a
// user's. run.json is last, so that it is the first to go where the list is
// reversed: without it no folder looks complete.
func outputsBetween(from, to string) moves {
	var names []string
	for _, name := range report.FigureFiles() {
		names = append(names, filepath.Join(figuresName, name))
	}
	for _, name := range outputs {
		if name != figuresName {
			names = append(names, name)
		}
	}
	var list moves
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(from, name)); err == nil {
			list = append(list, move{filepath.Join(from, name), filepath.Join(to, name)})
		}
	}
	return list
}

// make makes the renames in order. Where one fails it takes those before it
// back; back is the error of that.
func (m moves) make() (err, back error) {
	for i, move := range m {
		if err := os.Rename(move.from, move.to); err != nil {
			return err, m[:i].back()
		}
	}
	return nil, nil
}

func (m moves) back() error {
	var errs []error
	for _, move := range slices.Backward(m) {
		errs = append(errs, os.Rename(move.to, move.from))
	}
	return errors.Join(errs...)
}

// syncFiles makes every file below a folder durable.
func syncFiles(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
