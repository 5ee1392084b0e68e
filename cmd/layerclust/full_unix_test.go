//go:build unix

package main

import (
	"syscall"
	"testing"
)

// TestFileTooLarge: a limit on the size of files stands for a disk that is
// full. Writing fails in the middle of a file, in another one for each size.
func TestFileTooLarge(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out", "--save-states").fine(t)
	before := snapshot(t, w.at("out"))
	for _, size := range []int{2 << 10, 6 << 10, 60 << 10} { // of the states, the store of the measures, the tables
		process{fileLimit: size}.run(t, "run", w.model, "--adapter", w.adapter, "--prompts", w.prompts, "--save-states", "--fresh", "--out", w.at("out")).
			refused(t, exitInput, "--out", syscall.EFBIG.Error())
		process{fileLimit: size}.run(t, "analyze", w.at("out"), "--out", w.at("new")).
			refused(t, exitInput, "--out", syscall.EFBIG.Error())
		if isFolder(w.at("new")) {
			t.Error("analyze left a folder")
		}
	}
	sameFiles(t, "the earlier results", snapshot(t, w.at("out")), before)
}
