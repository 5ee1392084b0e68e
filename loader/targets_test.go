package loader

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestTargetsAsPEFT compares modules, ranks and scales with those of PEFT itself
// on a 12-layer Llama; testdata/make_goldens.py made targets.json.
func TestTargetsAsPEFT(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "targets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Layers int
		Cases  []struct {
			Name    string
			Config  json.RawMessage
			Modules map[string]struct {
				R     int
				Scale float64
			}
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	m := &Model{Config: Config{NumLayers: golden.Layers}}
	for _, c := range golden.Cases {
		config, err := ParseAdapterConfig(c.Config)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		var got []string
		for _, path := range m.modulePaths() {
			if config.targets.selects(path) {
				got = append(got, path)
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(maps.Keys(c.Modules)); !slices.Equal(got, want) {
			t.Errorf("%s: selects %v, PEFT %v", c.Name, got, want)
		}
		for path, want := range c.Modules {
			if r := config.rank(path); r != want.R {
				t.Errorf("%s: %s has rank %d, in PEFT %d", c.Name, path, r, want.R)
			}
			if s := config.scale(path); math.Abs(s-want.Scale) > 1e-15*want.Scale { // the same two operations
				t.Errorf("%s: %s has scale %v, in PEFT %v", c.Name, path, s, want.Scale)
			}
		}
	}
}

func TestCompilePythonRefuses(t *testing.T) {
	for _, text := range []string{
		`(?=a)`, `(?!a)`, `(?<=a)b`, `(?<!a)b`, `(?i)a`, `(?>a)`, `(?#c)`, `(a)(?P=n)`, `(a)\1`, `a\Z`, `\pL`, `\Qa\E`,
		`a)|(b`, `(a`, `[a`, `*a`, `a**`, `a++`, `[[:alpha:]]`, `a{2000}`, `\`,
	} {
		if re, err := compilePython(`^(?:`, text, `)$`); err == nil {
			t.Errorf("%q: compiled to %v", text, re)
		}
	}
}
