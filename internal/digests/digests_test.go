package digests

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// large is content worth an entry, with its last bytes in a short chunk.
func large(fill byte) []byte {
	b := make([]byte, leastBytes+3*chunkBytes+17)
	for i := range b {
		b[i] = fill + byte(i%251)
	}
	return b
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// wait is the digests of files by one Work.
func wait(t *testing.T, c Cache, paths ...string) map[string]string {
	t.Helper()
	sums, err := Start(context.Background(), c, paths).Wait()
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func TestSum(t *testing.T) {
	dir := t.TempDir()
	// FIPS 180-2, appendix B.1, and the digest of no bytes.
	for text, want := range map[string]string{
		"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"":    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	} {
		path := filepath.Join(dir, "file")
		write(t, path, []byte(text))
		if got, err := Sum(context.Background(), path); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	if _, err := Sum(context.Background(), filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Sum(ended, filepath.Join(dir, "file")); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}

// TestWork: small and large files, and one named twice.
func TestWork(t *testing.T) {
	dir := t.TempDir()
	want := map[string]string{}
	var paths []string
	for i, content := range [][]byte{large(1), []byte("small"), large(2), nil, large(3)} {
		path := filepath.Join(dir, string(rune('a'+i)))
		write(t, path, content)
		paths, want[path] = append(paths, path), digest(content)
	}
	got := wait(t, Cache{}, append(paths, paths[0])...)
	for path, sum := range want {
		if got[path] != sum {
			t.Errorf("%s: %s, want %s", path, got[path], sum)
		}
	}
	if _, err := Start(context.Background(), Cache{}, append(paths, dir+"/absent")).Wait(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with an absent file: %v", err)
	}
}

// TestHandOver: a file left halfway is gone on with, not begun anew.
func TestHandOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	content := large(1)
	write(t, path, content)
	f := &file{path: path}
	left := make(chan struct{})
	close(left)
	if f.advance(context.Background(), Cache{}, left) {
		t.Fatal("it did not leave")
	}
	if _, err := io.CopyN(f.hash, f.open, chunkBytes+5); err != nil {
		t.Fatal(err)
	}
	if !f.advance(context.Background(), Cache{}, nil) || f.err != nil || f.sum != digest(content) {
		t.Errorf("%s, %v, want %s", f.sum, f.err, digest(content))
	}
}

// TestStop: a Work ends at once, and a stopped one has no digests.
func TestStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endless")
	write(t, path, nil)
	if err := os.Truncate(path, 1<<40); err != nil { // a hole of 1 TiB, minutes of hashing
		t.Skip(err)
	}
	w := Start(context.Background(), Cache{}, []string{path})
	begun := time.Now()
	w.Stop()
	if _, err := w.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("after stopping: %v", err)
	}
	if d := time.Since(begun); d > 10*time.Second {
		t.Errorf("it took %v to stop", d)
	}
}
