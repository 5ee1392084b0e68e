package loader

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// TestFixturesOpen opens every real model, variant and adapter.
func TestFixturesOpen(t *testing.T) {
	dir := testmodel.Fixtures(t)
	stories, err := Open(filepath.Join(dir, "models", "stories260K"))
	if err != nil {
		t.Fatal(err)
	}
	defer stories.Close()
	if _, err := ReadConfig(filepath.Join(dir, "models", "smollm2-135m", "config.json")); err != nil {
		t.Error(err)
	}
	variants, err := filepath.Glob(filepath.Join(dir, "variants", "*"))
	if err != nil || len(variants) == 0 {
		t.Fatalf("variants: %v, %v", variants, err)
	}
	for _, variant := range variants {
		m, err := Open(variant)
		if err != nil {
			t.Error(err)
			continue
		}
		t.Logf("%s: %+v, files %v", filepath.Base(variant), m.Config.Rope, m.Weights.Files())
		m.Close()
	}
	adapters, err := filepath.Glob(filepath.Join(dir, "adapters", "*"))
	if err != nil || len(adapters) == 0 {
		t.Fatalf("adapters: %v, %v", adapters, err)
	}
	for _, adapter := range adapters {
		refs, err := ParseAdapterArg(adapter)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := CheckNames(refs); err != nil {
			t.Error(err)
		}
		for _, ref := range refs {
			openFixture(t, ref, stories)
		}
	}
}

// openFixture opens an adapter, with its base where that is at hand.
func openFixture(t *testing.T, ref AdapterRef, stories *Model) {
	m := stories
	if !strings.Contains(ref.Name, "stories260K") {
		m = nil
		_, err := OpenAdapter(ref, stories, AdapterOptions{})
		refused(t, err, ref.Dir, "cannot be applied to this base (it was trained on ") // stories260K is not it
	}
	a, err := OpenAdapter(ref, m, AdapterOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	if len(a.Warnings) > 0 {
		t.Errorf("%s: %q", ref.Name, a.Warnings)
	}
	if want := strings.HasSuffix(ref.Name, "@checkpoint-0"); a.Zero() != want {
		t.Errorf("%s: Zero is %v", ref.Name, a.Zero())
	}
	t.Logf("%s: %d modules, rank %d, scale %v", ref.Name, len(a.Paths), a.Modules[a.Paths[0]].Rank, a.Modules[a.Paths[0]].Scale)
}

// TestUpdateNormsAsNumpy compares |s B A|, DoRA's |W' - W| and |W| with the
// float64 norms of the fixtures (reference/spectra).
func TestUpdateNormsAsNumpy(t *testing.T) {
	dir := testmodel.Fixtures(t)
	stories, err := Open(filepath.Join(dir, "models", "stories260K"))
	if err != nil {
		t.Fatal(err)
	}
	defer stories.Close()
	files, err := filepath.Glob(filepath.Join(dir, "reference", "spectra", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("spectra: %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Adapter string
			Modules map[string]struct {
				Scaling float64
				Fro     float64
				Dora    float64 `json:"dora_effective_fro"`
				Base    float64 `json:"base_fro"`
			}
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		ref := AdapterRef{"a", filepath.Join(dir, "adapters", strings.Replace(want.Adapter, "@", "/", 1)), 1}
		a, err := OpenAdapter(ref, nil, AdapterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Modules) != len(want.Modules) {
			t.Errorf("%s: %d modules, want %d", want.Adapter, len(a.Modules), len(want.Modules))
		}
		for path, module := range want.Modules {
			l := a.Modules[path]
			near(t, want.Adapter+" "+path+" scale", l.Scale, module.Scaling)
			near(t, want.Adapter+" "+path+" |sBA|", l.productNorm(), module.Fro)
			if !strings.HasPrefix(want.Adapter, "stories260K") {
				continue
			}
			w := make([]float32, l.Out*l.In)
			if err := stories.Weights.ReadFloat32(path+".weight", w); err != nil {
				t.Fatal(err)
			}
			update, base := l.UpdateNorms(w)
			near(t, want.Adapter+" "+path+" |W|", base, module.Base)
			if l.Magnitude != nil {
				near(t, want.Adapter+" "+path+" |W' - W|", update, module.Dora)
			}
		}
	}
}

// near allows what the order of a float64 sum changes.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
