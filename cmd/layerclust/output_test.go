package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
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
	var undo moves
	for _, m := range [][2]string{{"a", "a2"}, {"absent", "x"}, {"b", "a"}} {
		if err := undo.move(filepath.Join(dir, m[0]), filepath.Join(dir, m[1])); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(readFile(t, dir, "a/c")); got != "b/c" {
		t.Fatalf("a/c holds %q", got)
	}
	if err := undo.move(filepath.Join(dir, "a"), filepath.Join(dir, "no", "folder")); err == nil {
		t.Fatal("a move into a folder that is not there was made")
	}
	if err := undo.back(); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, "taken back", snapshot(t, dir), maps.Clone(before))
}
