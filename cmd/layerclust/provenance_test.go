package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// TestDigests: run.json has the SHA-256 of the files as they are, under the
// names of their own folder, an adapter's that is given twice too.
func TestDigests(t *testing.T) {
	w := newWorld(t)
	other := w.another(t, "other", testmodel.AdapterSpec{Seed: 2})
	w.run(t, "out", "--adapter", "half="+w.adapter+"@0.5", "--adapter", other).fine(t)
	info := readRun(t, w.at("out"))
	check := func(dir string, names []string, sums map[string]string) {
		t.Helper()
		if len(sums) != len(names) {
			t.Errorf("%s: digests %v, want those of %v", dir, sums, names)
		}
		for _, name := range names {
			data, err := os.ReadFile(filepath.Join(dir, name))
			must(t, err)
			if want := fmt.Sprintf("%x", sha256.Sum256(data)); sums[name] != want {
				t.Errorf("%s: %s has digest %q, want %s", dir, name, sums[name], want)
			}
		}
	}
	check(w.model, []string{"config.json", "model.safetensors"}, info.Model.SHA256)
	for i, dir := range []string{w.adapter, w.adapter, other} {
		check(dir, []string{"adapter_config.json", "adapter_model.safetensors"}, info.Adapters[i].SHA256)
	}
}
