package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReplacingThatFails: where an earlier entry cannot be moved (one that a
// disk is mounted on cannot), those moved before it come back.
func TestReplacingThatFails(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out", "--save-states").fine(t)
	before := snapshot(t, w.at("out"))
	if err := syscall.Mount("tmpfs", w.at("out/states"), "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a disk cannot be mounted here: %v", err)
	}
	o := w.run(t, "out", "--seed", "1", "--fresh")
	if err := syscall.Unmount(w.at("out/states"), 0); err != nil {
		t.Fatal(err)
	}
	o.refused(t, exitInput, "--out", w.at("out"), syscall.EBUSY.Error())
	sameFiles(t, "the earlier results", snapshot(t, w.at("out")), before)
}

// TestFullDisk: a disk too small for the results, which only root can make.
func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	out := filepath.Join(disk, "out")
	args := []string{"run", w.model, "--prompts", w.prompts, "--save-states", "--bootstrap", "0", "--out", out}
	cli(t, args...).fine(t)
	before := snapshot(t, out)
	if err := os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 380<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	cli(t, append(args, "--fresh", "--adapter", w.adapter)...).refused(t, exitInput, "--out", out, syscall.ENOSPC.Error())
	sameFiles(t, "the earlier results", snapshot(t, out), before)
}
