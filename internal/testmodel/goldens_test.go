package testmodel

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCasesHaveTheirFiles(t *testing.T) {
	const layers = 2 // of every model: make_goldens.py and make_forms.py, COMMON
	for _, c := range Cases(t) {
		hidden := 32
		if filepath.Base(filepath.Dir(filepath.Dir(c.Model))) == "forms" {
			hidden = 24
		}
		for _, dir := range []string{c.Model, c.Variant} {
			if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil && dir != "" {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if c.Adapter != "" {
			if _, err := os.Stat(filepath.Join(c.Adapter, "adapter_config.json")); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		blocks, tokens := layers*c.RepeatDepth, len(c.IDs)
		want := map[string][]int{
			"hidden_states":     {blocks + 1, tokens, hidden},
			"last_block_output": {tokens, hidden},
			"token_ids":         {tokens},
		}
		for _, site := range c.Sites {
			if site != "resid" {
				want[site] = []int{blocks, tokens, hidden}
			}
		}
		header, _ := parseHeader(t, read(t, filepath.Dir(c.States), filepath.Base(c.States)))
		delete(header, "__metadata__")
		for name, shape := range want {
			if !slices.Equal(header[name].Shape, shape) {
				t.Errorf("%s: %s has shape %v, want %v", c.Name, name, header[name].Shape, shape)
			}
		}
		if len(header) != len(want) {
			t.Errorf("%s: %d tensors, want %d", c.Name, len(header), len(want))
		}
	}
}

// What the goldens are there for: each adapter and every model appear, and one prompt of
// several hundred tokens, where a wrong rotary scaling shows that a short prompt hides.
func TestCasesCoverEveryModelAndAdapter(t *testing.T) {
	seen := map[string]bool{}
	longest := 0
	for _, c := range Cases(t) {
		seen[c.Model], seen[c.Adapter], seen[c.Variant] = true, true, true
		longest = max(longest, len(c.IDs))
	}
	for _, kind := range []string{"models", "adapters", "forms/models", "forms/adapters"} {
		folders, err := filepath.Glob(filepath.Join(Golden(t), kind, "*"))
		if err != nil || len(folders) < 2 {
			t.Fatalf("%s: %d folders, %v", kind, len(folders), err)
		}
		for _, dir := range folders {
			if !seen[dir] {
				t.Errorf("no case uses %s", dir)
			}
		}
	}
	if longest < 200 {
		t.Errorf("the longest prompt has %d tokens", longest)
	}
}

// The goldens travel with every clone.
func TestGoldensStaySmall(t *testing.T) {
	const limit = 2_800_000 // bytes
	var total int64
	err := filepath.WalkDir(Golden(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if total > limit {
		t.Errorf("testdata holds %d bytes, more than %d", total, limit)
	}
}
