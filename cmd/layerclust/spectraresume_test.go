//go:build unix

package main

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// spectraWorld is a model with two adapters whose spectra take long enough to be
// killed in the middle.
func spectraWorld(t *testing.T) world {
	t.Helper()
	dir := t.TempDir()
	w := world{dir: dir, model: filepath.Join(dir, "model"), adapter: filepath.Join(dir, "tuned"),
		spec: testmodel.Spec{Layers: 6, Hidden: 64, Heads: 4, KVHeads: 4, Seed: 7}}
	testmodel.WriteModel(t, w.model, w.spec)
	testmodel.WriteAdapter(t, w.adapter, w.spec, testmodel.AdapterSpec{Seed: 1, Modules: []string{"q_proj", "v_proj", "down_proj"}})
	testmodel.WriteAdapter(t, w.at("dora"), w.spec, testmodel.AdapterSpec{Seed: 2, DoRA: true})
	return w
}

func (w world) spectra(out string, more ...string) []string {
	return append([]string{"spectra", w.model, "--adapter", w.adapter, "--adapter", w.at("dora"), "--rope-offsets", "0,3", "--out", w.at(out)}, more...)
}

// cached lists what the cache holds.
func cached(t *testing.T, cache, kind string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(cache, "layerclust", "spectra", kind+"-*"))
	must(t, err)
	return paths
}

// TestSpectraKilled: a call that was killed goes on, and ends with the bytes of
// one that was not.
func TestSpectraKilled(t *testing.T) {
	w := spectraWorld(t)
	t.Setenv("XDG_CACHE_HOME", w.at("cache"))
	began := time.Now()
	often.run(t, w.spectra("whole")...).fine(t)
	length := time.Since(began)
	want := snapshot(t, w.at("whole"))
	kills := 12
	if testing.Short() {
		kills = 3
	}
	rng := rand.New(rand.NewPCG(1, 2))
	resumed := 0
	for range kills {
		must(t, os.RemoveAll(w.at("cache")))
		some := func() bool { return len(cached(t, w.at("cache"), valuesKind)) > 5 }
		often.stopped(t, then(some, after(time.Duration(rng.Float64()*float64(length)/2))), syscall.SIGKILL, w.spectra("out")...)
		o := often.run(t, w.spectra("out")...).fine(t)
		if strings.Contains(o.err, "pieces were known from an earlier call") {
			resumed++
		}
		sameFiles(t, "killed", snapshot(t, w.at("out")), maps.Clone(want), spectraName)
		must(t, os.RemoveAll(w.at("out")))
	}
	if resumed < kills {
		t.Errorf("%d of %d calls went on", resumed, kills)
	}
}

// TestSpectraInterrupted: an interrupted call says where the same command goes on.
func TestSpectraInterrupted(t *testing.T) {
	w := spectraWorld(t)
	t.Setenv("XDG_CACHE_HOME", w.at("cache"))
	some := func() bool { return len(cached(t, w.at("cache"), valuesKind)) > 3 }
	for range 10 {
		o, cut := often.stopped(t, some, os.Interrupt, w.spectra("out")...)
		if cut {
			o.refused(t, exitFailed, "interrupted; the same command goes on from piece", "of 1")
			return
		}
		must(t, os.RemoveAll(w.at("out")))
		must(t, os.RemoveAll(w.at("cache")))
	}
	t.Fatal("the call is too fast to be interrupted")
}

// TestSpectraCache: a cache of another call's changes no byte, whole or damaged;
// --fresh takes nothing from it; another adapter finds what is of the base; and a
// folder that cannot be written costs a warning.
func TestSpectraCache(t *testing.T) {
	w := spectraWorld(t)
	cache := w.at("cache")
	t.Setenv("XDG_CACHE_HOME", cache)
	first := often.run(t, w.spectra("first")...).fine(t)
	if strings.Contains(first.err, "known from") {
		t.Errorf("of an empty cache:\n%s", first.err)
	}
	want := snapshot(t, w.at("first"))
	n := len(cached(t, cache, valuesKind))
	if n == 0 || len(cached(t, cache, basisKind)) == 0 {
		t.Fatalf("it keeps %d values and %d decompositions", n, len(cached(t, cache, basisKind)))
	}
	again := func(name string, known bool, more ...string) {
		t.Helper()
		o := often.run(t, w.spectra("again", more...)...).fine(t)
		if got := strings.Contains(o.err, "known from"); got != known {
			t.Errorf("%s: it finds something: %v\n%s", name, got, o.err)
		}
		sameFiles(t, name, snapshot(t, w.at("again")), maps.Clone(want), spectraName)
		must(t, os.RemoveAll(w.at("again")))
	}
	again("whole", true)
	again("fresh", false, "--fresh")
	for i, path := range append(cached(t, cache, valuesKind), cached(t, cache, basisKind)...) {
		data, err := os.ReadFile(path)
		must(t, err)
		switch i % 4 {
		case 0:
			data = data[:len(data)/2]
		case 1:
			data = nil
		case 2:
			data[len(data)/2] ^= 1
		case 3:
			data = append(data, 0)
		}
		must(t, os.WriteFile(path, data, 0o600))
	}
	again("damaged", false)
	again("mended", true)
	for _, path := range cached(t, cache, valuesKind) { // decompositions alone are left
		must(t, os.Remove(path))
	}
	again("decompositions", false)
	o := often.run(t, "spectra", w.model, "--adapter", "dora="+w.at("dora")+"@0.5", "--rope-offsets", "0,3", "--out", w.at("other")).fine(t)
	if !strings.Contains(o.err, "known from") {
		t.Errorf("another adapter finds nothing of the base:\n%s", o.err)
	}
	must(t, os.RemoveAll(cache))
	must(t, os.WriteFile(cache, nil, 0o600))
	again("not a folder", false)
}

// TestSpectraCacheBound: what was used least recently makes room.
func TestSpectraCacheBound(t *testing.T) {
	bound := cacheBounds[valuesKind]
	defer func() { cacheBounds[valuesKind] = bound }()
	cacheBounds[valuesKind] = 25
	c := &spectraCache{dir: t.TempDir()}
	for i, key := range []string{"a", "b", "c"} {
		must(t, os.WriteFile(c.path(valuesKind, key), make([]byte, 10), 0o600))
		at := time.Unix(int64(1000+i), 0)
		must(t, os.Chtimes(c.path(valuesKind, key), at, at))
	}
	must(t, os.WriteFile(c.path(basisKind, "d"), make([]byte, 100), 0o600)) // of another kind
	c.trim(valuesKind)
	for name, want := range map[string]bool{"values-a": false, "values-b": true, "values-c": true, "basis-d": true} {
		if _, err := os.Stat(filepath.Join(c.dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
