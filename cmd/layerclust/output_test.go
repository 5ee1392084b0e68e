package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// TestMovesCanBeTakenBack: when one of several moves fails, everything is where
// it was.
func TestMovesCanBeTakenBack(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b/c"} {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(name), 0o644))
	}
	before := snapshot(t, dir)
	var list moves
	for _, m := range [][2]string{{"a", "a2"}, {"b", "a"}, {"a", "no/folder"}} {
		list = append(list, move{filepath.Join(dir, m[0]), filepath.Join(dir, m[1])})
	}
	if err, back := list[:2].make(); err != nil || back != nil {
		t.Fatal(err, back)
	}
	if got := string(readFile(t, dir, "a/c")); got != "b/c" {
		t.Fatalf("a/c holds %q", got)
	}
	must(t, list[:2].back())
	if err, back := list.make(); err == nil || back != nil {
		t.Fatalf("a move into a folder that is not there: %v, taken back: %v", err, back)
	}
	sameFiles(t, "taken back", snapshot(t, dir), before)
}

// TestOneRunAtATime: a second run into a folder that one is writing into is
// refused, and the folder is free again afterwards.
func TestOneRunAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	first, err := openOutput(dir, false, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openOutput(dir, true, "b"); err == nil || !strings.Contains(err.Error(), "another run is writing into it") {
		t.Errorf("a second run: %v", err)
	}
	first.discard()
	second, err := openOutput(dir, false, "b")
	if err != nil {
		t.Fatalf("after the first: %v", err)
	}
	second.discard()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder made for nothing is still there: %v", err)
	}
}

// TestChangedInputIsAnotherRun: the same command after an adapter has been
// trained further must not replace the results of before.
func TestChangedInputIsAnotherRun(t *testing.T) {
	w := newWorld(t)
	args := []string{"--adapter", "a=" + w.adapter}
	w.run(t, "out", args...).fine(t)
	w.run(t, "out", args...).fine(t)
	testmodel.WriteAdapter(t, w.adapter, w.spec, testmodel.AdapterSpec{Seed: 99})
	must(t, os.Chtimes(filepath.Join(w.adapter, "adapter_model.safetensors"), time.Time{}, time.Now().Add(time.Hour)))
	w.run(t, "out", args...).refused(t, exitInput, "another run")
}
