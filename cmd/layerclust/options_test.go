package main

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestLayersKeepRowsAndMasks: a choice of layers gives the rows of the full run
// for them, and the same masks, though a token becomes massive only later.
func TestLayersKeepRowsAndMasks(t *testing.T) {
	w := newWorld(t)
	w.makeMassiveLate(t)
	w.run(t, "all").fine(t)
	all := readRun(t, w.at("all"))
	late := slices.IndexFunc(all.Prompts[0].Masked, func(m masked) bool { return m.FirstLayer >= 2 })
	if late < 0 {
		t.Fatalf("no token becomes massive at layer 2 or later: %+v", all.Prompts[0].Masked)
	}
	rows := rowsOf(t, w.at("all"), "metrics.csv")
	for name, chosen := range map[string][]string{"0-1": {"0", "1"}, "1,-1": {"1", "3", "3-raw"}, "-2--2": {"2"}} {
		out := "layers" + name
		w.run(t, out, "--layers", name).fine(t)
		want := selected(rows, func(row []string) bool { return slices.Contains(chosen, row[colLayer]) })
		if got := selected(rowsOf(t, w.at(out), "metrics.csv"), func([]string) bool { return true }); got != want {
			t.Errorf("--layers %s: the rows are not those of the full run", name)
		}
		for p, prompt := range readRun(t, w.at(out)).Prompts {
			got, _ := json.Marshal(prompt.Masked)
			want, _ := json.Marshal(all.Prompts[p].Masked)
			if string(got) != string(want) {
				t.Errorf("--layers %s: masked %s, want %s", name, got, want)
			}
		}
	}
}

// TestSites: the sites asked for, each with its own layers.
func TestSites(t *testing.T) {
	w := newWorld(t)
	w.run(t, "resid").fine(t)
	w.run(t, "three", "--sites", "mlp,attn,resid").fine(t)
	w.run(t, "attn", "--sites", "attn").fine(t)
	three, attn := rowsOf(t, w.at("three"), "metrics.csv"), rowsOf(t, w.at("attn"), "metrics.csv")
	site := func(s string) func([]string) bool { return func(row []string) bool { return row[colSite] == s } }
	if got := selected(three, site("resid")); got != selected(rowsOf(t, w.at("resid"), "metrics.csv"), site("resid")) {
		t.Error("other sites change the rows of the residual stream")
	}
	if got := selected(attn, func([]string) bool { return true }); got == "" || got != selected(three, site("attn")) {
		t.Error("the rows of attn alone are not those of attn among others")
	}
	if got := layersOf(three, "mlp"); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("mlp has the layers %v", got)
	}
	if got := readRun(t, w.at("three")).Sites; !slices.Equal(got, []string{"resid", "attn", "mlp"}) {
		t.Errorf("run.json has the sites %v", got)
	}
}

// layersOf lists the layers of a site, in their order.
func layersOf(rows [][]string, site string) []string {
	var layers []string
	for _, row := range rows {
		if row[colSite] == site && !slices.Contains(layers, row[colLayer]) {
			layers = append(layers, row[colLayer])
		}
	}
	return layers
}

// TestRepeatDepth: the stack run twice has twice the layers; the first half is
// that of the plain run.
func TestRepeatDepth(t *testing.T) {
	w := newWorld(t)
	w.run(t, "once", "--mask", "none").fine(t)
	w.run(t, "twice", "--mask", "none", "--repeat-depth", "2").fine(t)
	once, twice := rowsOf(t, w.at("once"), "metrics.csv"), rowsOf(t, w.at("twice"), "metrics.csv")
	if got := layersOf(twice, "resid"); !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5", "6", "6-raw"}) {
		t.Errorf("layers %v", got)
	}
	if n := readRun(t, w.at("twice")).Model.Layers; n != 2*modelLayers {
		t.Errorf("run.json says %d layers", n)
	}
	early := func(row []string) bool { return slices.Contains([]string{"0", "1", "2"}, row[colLayer]) }
	if selected(once, early) != selected(twice, early) {
		t.Error("the first blocks are not those of the plain run")
	}
}
