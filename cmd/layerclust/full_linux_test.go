package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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

// TestDiskFullAtAnyMoment gives a run less and less room, so that it finds the
// disk full while it writes states, the store of its measures, checkpoints and
// tables. It ends with one line, and leaves the earlier results as they were;
// with room again the same command ends as on an empty disk.
func TestDiskFullAtAnyMoment(t *testing.T) {
	defer func(before time.Duration) { saveEvery = before }(saveEvery)
	saveEvery = 1 // a checkpoint after every layer
	w := longWorld(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	cli(t, w.command("other", "--seed", "9")...).fine(t)
	earlier := snapshot(t, w.at("other"))
	cli(t, w.command("whole")...).fine(t)
	want := snapshot(t, w.at("whole"))
	out, ballast := filepath.Join(disk, "out"), filepath.Join(disk, "ballast")
	went := 0
	for room := int64(200 << 10); ; room += 300 << 10 {
		restoreSnapshot(t, out, earlier)
		var free syscall.Statfs_t
		must(t, syscall.Statfs(disk, &free))
		must(t, os.WriteFile(ballast, make([]byte, int64(free.Bavail)*free.Bsize-room), 0o644))
		o := cli(t, append(w.command("other"), "--out", out, "--fresh")...)
		must(t, os.Remove(ballast))
		if o.code == exitFine {
			break
		}
		o.refused(t, exitInput, "--out", out, syscall.ENOSPC.Error())
		left := snapshot(t, out)
		maps.DeleteFunc(left, func(name, _ string) bool { return strings.HasPrefix(name, partialDir) })
		sameFiles(t, "the earlier results", left, maps.Clone(earlier))
		if strings.Contains(o.err, "without --fresh goes on") {
			went++
			o = cli(t, append(w.command("other"), "--out", out)...).fine(t)
		} else {
			o = cli(t, append(w.command("other"), "--out", out, "--fresh")...).fine(t)
		}
		sameFiles(t, "with room again", snapshot(t, out), maps.Clone(want), runName)
		must(t, os.RemoveAll(out))
	}
	if went == 0 {
		t.Error("no run left a checkpoint behind on the full disk")
	}
}
