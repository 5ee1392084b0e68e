// Package tinytext is a small language model for trying the program without
// one at hand, together with all that made it.
//
// The model is a Llama of 1.7 million parameters that was trained by this
// package on stories that this package writes: a seeded grammar of persons,
// places, things, numbers, causes and what people say to each other. Two
// adapters were trained on top of it by the same code. style has learned to
// tell the same world in letters; it changes the value projections alone, at
// rank 2, and is kept at several steps of its training. task has learned to
// list a story's names, places and things; it changes all seven projections.
// For each there is a random adapter with the same singular values, which says
// what an update does by its size alone.
//
// The command in the folder train makes all of it from one seed.
package tinytext

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Folders of the model and of the adapters, below the root of Files.
const (
	BaseDir        = "base"
	StyleDir       = "style"        // a folder of checkpoint-N folders
	TaskDir        = "task"         //
	RandomStyleDir = "random-style" // the null of style's last checkpoint
	RandomTaskDir  = "random-task"  // the null of task
)

//go:embed model
var model embed.FS

// Files are the embedded folders: a Hugging Face model and PEFT adapters.
func Files() fs.FS {
	files, err := fs.Sub(model, "model")
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}

// Extract writes the embedded files below dir, which is made if it is missing.
func Extract(dir string) error {
	return fs.WalkDir(Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(path, 0o777)
		}
		data, err := fs.ReadFile(Files(), name)
		if old, e := os.ReadFile(path); e == nil && bytes.Equal(old, data) {
			return nil // a file that is right keeps its date
		}
		if err == nil {
			err = os.WriteFile(path, data, 0o666)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}
