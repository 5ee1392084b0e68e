package digests

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// wrong is put into a cache in the place of a digest: who gives it has not
// hashed the file.
var wrong = strings.Repeat("0", 64)

// settleAtOnce lets files be remembered that a test has just written.
func settleAtOnce(t *testing.T) {
	kept := coarsest
	coarsest = -time.Hour
	t.Cleanup(func() { coarsest = kept })
}

// remember puts wrong into a cache for a file as it is.
func remember(t *testing.T, c Cache, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	c.put(path, stampOf(info), wrong)
	if got := wait(t, c, path)[path]; got != wrong {
		t.Fatalf("%s was hashed, although the cache knows it", path)
	}
}

// TestCacheChanged: of a file changed in each way that keeps its size the
// digest is taken again, and then remembered.
func TestCacheChanged(t *testing.T) {
	settleAtOnce(t)
	written := time.Now().Add(-time.Hour)
	replace := func(t *testing.T, path string) {
		write(t, path+".new", large(2))
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*testing.T, string){
		"written":  func(t *testing.T, path string) { write(t, path, large(2)) },
		"replaced": replace,
		"written, and its time set back": func(t *testing.T, path string) {
			if runtime.GOOS != "linux" {
				t.Skip("the time of change is looked at on Linux alone")
			}
			time.Sleep(20 * time.Millisecond) // a step of the kernel's clock is at most 10 ms
			write(t, path, large(2))
			must(t, os.Chtimes(path, written, written))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, path := Cache{filepath.Join(t.TempDir(), "cache")}, filepath.Join(t.TempDir(), "file")
			write(t, path, large(1))
			must(t, os.Chtimes(path, written, written))
			remember(t, c, path)
			change(t, path)
			if got := wait(t, c, path)[path]; got != digest(large(2)) {
				t.Errorf("got %s", got)
			}
			info, err := os.Stat(path)
			must(t, err)
			if got, ok := c.get(path, stampOf(info)); !ok || got != digest(large(2)) {
				t.Errorf("the cache has %q", got)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestCacheNotKept: what has changed a moment ago could change again without a
// trace, and small files are not worth it.
func TestCacheNotKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, large(1))
	wait(t, Cache{dir}, path)
	settleAtOnce(t)
	write(t, path, []byte("small"))
	wait(t, Cache{dir}, path)
	if entries, err := os.ReadDir(dir); err == nil {
		t.Errorf("the cache keeps %v", entries)
	}
}

func TestSettled(t *testing.T) {
	at := time.Unix(1000, 0)
	second := time.Second.Nanoseconds()
	for s, want := range map[stamp]bool{
		{Written: 997 * second}:                          true,
		{Written: 998 * second}:                          false, // exactly a step before
		{Written: 1500 * second}:                         false, // the other clock is ahead
		{Written: 100 * second, Changed: 999 * second}:   false,
		{Written: 100 * second, Changed: 997*second - 1}: true,
	} {
		if got := s.settled(at); got != want {
			t.Errorf("%+v: %v", s, got)
		}
	}
}

// TestCacheDamaged: a damaged entry is as none, and is made good.
func TestCacheDamaged(t *testing.T) {
	settleAtOnce(t)
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, large(1))
	for name, damage := range map[string]func(text []byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"cut":       func(text []byte) []byte { return text[:len(text)/2] },
		"no check":  func(text []byte) []byte { return text[:len(text)-65] },
		"bit":       func(text []byte) []byte { text[len(text)/2] ^= 1; return text },
		"not JSON":  func([]byte) []byte { return []byte("[\n" + digest([]byte("["))) },
		"something": func([]byte) []byte { return []byte("\x00\n\n\xff") },
	} {
		c := Cache{t.TempDir()}
		remember(t, c, path)
		_, entry := c.place(path)
		text, err := os.ReadFile(entry)
		must(t, err)
		must(t, os.WriteFile(entry, damage(text), 0o600))
		for range 2 {
			if got := wait(t, c, path)[path]; got != digest(large(1)) {
				t.Errorf("%s: got %s", name, got)
			}
		}
		if mended, err := os.ReadFile(entry); err != nil || len(mended) != len(text) {
			t.Errorf("%s: the entry is not made good: %q, %v", name, mended, err)
		}
	}
}

// TestCacheAnothersEntry: an entry under the name of another path's is not
// taken, as if two names collided.
func TestCacheAnothersEntry(t *testing.T) {
	c := Cache{t.TempDir()}
	s := stamp{Size: leastBytes}
	c.put("/a", s, wrong)
	_, a := c.place("/a")
	_, b := c.place("/b")
	must(t, os.Rename(a, b))
	if got, ok := c.get("/b", s); ok {
		t.Errorf("got %s", got)
	}
}

// TestCacheAtOnce: those who use a cache at once find each other's entries or
// none, never a wrong or half a one.
func TestCacheAtOnce(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 100 {
				path, s := fmt.Sprintf("/model/%d", i%5), stamp{Size: leastBytes, Written: int64(i)}
				Cache{dir}.put(path, s, digest([]byte(fmt.Sprint(path, i))))
				if got, ok := (Cache{dir}).get(path, s); ok && got != digest([]byte(fmt.Sprint(path, i))) {
					t.Errorf("%s %d: got %s", path, i, got)
				}
			}
		})
	}
	group.Wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 5 {
		t.Errorf("%d entries of 5 paths, %v", len(entries), err)
	}
}

// TestCacheBound: the oldest entries make room for new ones.
func TestCacheBound(t *testing.T) {
	c := Cache{t.TempDir()}
	for i := range maxEntries + 2 {
		path := filepath.Join(c.dir, fmt.Sprint(i))
		write(t, path, nil)
		at := time.Unix(int64(1000+i), 0)
		must(t, os.Chtimes(path, at, at))
	}
	c.put("/model", stamp{Size: leastBytes}, wrong)
	entries, err := os.ReadDir(c.dir)
	must(t, err)
	if len(entries) != maxEntries {
		t.Errorf("%d entries, at most %d are kept", len(entries), maxEntries)
	}
	for name, want := range map[string]bool{"0": false, "1": false, "2": false, "3": true} {
		if _, err := os.Stat(filepath.Join(c.dir, name)); (err == nil) != want {
			t.Errorf("entry %s: %v", name, err)
		}
	}
	if _, ok := c.get("/model", stamp{Size: leastBytes}); !ok {
		t.Error("the newest entry is gone")
	}
}

// TestCacheUnusable: a cache that cannot be written costs time alone.
func TestCacheUnusable(t *testing.T) {
	settleAtOnce(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, large(1))
	for _, c := range []Cache{{}, {path}, {filepath.Join(path, "under")}} {
		if got := wait(t, c, path)[path]; got != digest(large(1)) {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

// TestUserCache: where the user wants such files.
func TestUserCache(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("XDG_CACHE_HOME is Linux's")
	}
	t.Setenv("XDG_CACHE_HOME", "/xdg")
	if got := UserCache().dir; got != "/xdg/layerclust/digests" {
		t.Errorf("got %s", got)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if got := UserCache().dir; got != "" {
		t.Errorf("without a home: %s", got)
	}
}
