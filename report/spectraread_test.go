package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// spectraFolder lays down small tables by hand.
func spectraFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	info, _ := sampleSpectra("a", "b")
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"spectra.json": string(text),
		"spectra.csv": "variant,layer,module,head,quantity,index,re,im\nbase,0,v_proj,,v_eig,0,1.5,0.25\nbase,0,v_proj,,v_eig,1,1.5,-0.25\n" +
			"a,3,attn,7,ov_eig,0,-1e-300,0\na,,lm_head,,lora_sv,0,2,0\n",
		"overlaps.csv": "a,b,layer_a,layer_b,module,side,rank_a,rank_b,phi,random,angles\na,b,2,2,v_proj,left,1,2,0.5,0.1,0.25 1.5\n",
		"join.csv": "adapter,covariate,target,mask,layer,x,y,x_rest,y_rest,rho,p,shifts,p_max,p_holm\na,relative_norm v_proj,drift,default,0,1,2,,4,0.5,0.125,8,0.5,1\n" +
			"a,relative_norm v_proj,drift,default,1,5,6,7,8,0.5,0.125,8,0.5,1\nb,relative_norm v_proj,drift,default,0,1,2,3,4,,,0,,\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadSpectra(t *testing.T) {
	info, r, err := ReadSpectra(spectraFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Adapters) != 2 || info.NormGain != "leave" {
		t.Errorf("spectra.json reads as %+v", info)
	}
	want := []spectra.Value{{Variant: "base", Module: "v_proj", Head: -1, Quantity: "v_eig", Re: 1.5, Im: 0.25}, {Variant: "base", Module: "v_proj", Head: -1, Quantity: "v_eig", Index: 1, Re: 1.5, Im: -0.25},
		{Variant: "a", Layer: 3, Module: "attn", Head: 7, Quantity: "ov_eig", Re: -1e-300}, {Variant: "a", Layer: spectra.NoBlock, Module: "lm_head", Head: -1, Quantity: "lora_sv", Re: 2}}
	if diff := cmp.Diff(want, r.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if o := r.Overlaps; len(o) != 1 || o[0].RankB != 2 || o[0].Phi != 0.5 || len(o[0].Angles) != 2 || o[0].Angles[1] != 1.5 {
		t.Errorf("overlaps read as %+v", o)
	}
	if j := r.Joins; len(j) != 2 || len(j[0].Points) != 2 || j[0].Points[1].XRest != 7 || finite(j[0].Points[0].XRest) || finite(j[1].Rho) || j[0].Shifts != 8 || j[0].PMax != 0.5 || j[0].PHolm != 1 {
		t.Errorf("joins read as %+v", j)
	}
}

// Each change of one file is refused in one line that names file, line and value.
func TestReadSpectraRefuses(t *testing.T) {
	for _, c := range []struct{ file, old, new, want string }{
		{"spectra.json", `"schema":1`, `"schema":9`, "spectra.json: schema=9"},
		{"spectra.json", `"name":"b"`, `"name":"base"`, `adapters[1].name="base"`},
		{"spectra.json", `}`, `} x`, "spectra.json"},
		{"spectra.csv", "variant,layer", "layer,variant", "spectra.csv:1: header"},
		{"spectra.csv", "a,3,attn", "c,3,attn", `spectra.csv:4: variant="c" is not in spectra.json`},
		{"spectra.csv", "a,3,attn", "a,-3,attn", `spectra.csv:4: layer="-3"`},
		{"spectra.csv", "attn,7,", "attn,70000000,", `spectra.csv:4: head="70000000"`},
		{"spectra.csv", "ov_eig,0,", "ov_eig,one,", `spectra.csv:4: index="one"`},
		{"spectra.csv", "1.5,0.25", "1.5,i", `spectra.csv:2: im="i" is not a number`},
		{"spectra.csv", "a,3,attn,7,ov_eig,0,-1e-300,0", "a,3,attn", "spectra.csv:4"},
		{"spectra.csv", "a,3,attn", `"a,3,attn`, "spectra.csv"},
		{"overlaps.csv", "0.25 1.5", "0.25 north", `overlaps.csv:2: angles="0.25 north"`},
		{"join.csv", "0.125,8,", "0.125,-8,", `join.csv:2: shifts="-8"`},
	} {
		dir := spectraFolder(t)
		path := filepath.Join(dir, c.file)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), c.old) {
			t.Fatalf("%s holds no %q", c.file, c.old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(data), c.old, c.new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err = ReadSpectra(dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s with %q: error %v, want one line with %q", c.file, c.new, err, c.want)
		}
	}
}

// A folder drawn anew is the same bytes; a figure that it has no data for goes.
func TestWriteSpectra(t *testing.T) {
	info, r := sampleSpectra(spectraSeries...)
	dir := t.TempDir()
	var before map[string]string
	for range 2 {
		if err := WriteSpectra(dir, *info, r); err != nil {
			t.Fatal(err)
		}
		after := map[string]string{}
		for _, name := range append([]string{"report.html", "report.md"}, inFigures(spectraFigureFiles)...) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			after[name] = string(data)
		}
		if before != nil && !cmp.Equal(before, after) {
			t.Error("the same spectra give other files")
		}
		before = after
	}
	r.Joins = nil
	if err := WriteSpectra(dir, *info, r); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "figures", "join.svg")); !os.IsNotExist(err) {
		t.Errorf("join.svg without joins: %v", err)
	}
}

func inFigures(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, filepath.Join("figures", name))
	}
	return out
}
