package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// spectraRow is what a list of values in spectra.csv is of.
type spectraRow struct {
	variant  string
	layer    int
	module   string
	head     string // "" for a whole matrix
	quantity string
}

// spectraRows reads spectra.csv: the values of each list, and the index of each.
func spectraRows(t *testing.T, dir string) (map[spectraRow][]complex128, map[spectraRow][]int) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, valuesName))
	must(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	must(t, err)
	values, indices := map[spectraRow][]complex128{}, map[spectraRow][]int{}
	for _, r := range rows[1:] {
		layer, err := strconv.Atoi(r[1])
		must(t, err)
		index, err := strconv.Atoi(r[5])
		must(t, err)
		re, err := strconv.ParseFloat(r[6], 64)
		must(t, err)
		im, err := strconv.ParseFloat(r[7], 64)
		must(t, err)
		row := spectraRow{r[0], layer, r[2], r[3], r[4]}
		values[row] = append(values[row], complex(re, im))
		indices[row] = append(indices[row], index)
	}
	return values, indices
}

// spectraGolden is a file of testdata, made by make_spectra.py.
type spectraGolden struct {
	Layers, Offsets []int
	Thresholds      []float64
	Fold            bool
	Rows            [][]json.RawMessage
}

func readSpectraGolden(t *testing.T, name string) (*spectraGolden, map[spectraRow][]complex128) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	var g spectraGolden
	must(t, json.Unmarshal(data, &g))
	want := map[spectraRow][]complex128{}
	for _, r := range g.Rows {
		var row spectraRow
		var head *int
		for i, into := range []any{&row.variant, &row.layer, &row.module, &head, &row.quantity} {
			must(t, json.Unmarshal(r[i], into))
		}
		if head != nil {
			row.head = strconv.Itoa(*head)
		}
		var reals []float64
		if json.Unmarshal(r[5], &reals) == nil {
			for _, v := range reals {
				want[row] = append(want[row], complex(v, 0))
			}
			continue
		}
		var pairs [][2]float64
		must(t, json.Unmarshal(r[5], &pairs))
		for _, v := range pairs {
			want[row] = append(want[row], complex(v[0], v[1]))
		}
	}
	return &g, want
}

// flags are those of the call that the golden file is of.
func (g *spectraGolden) flags() []string {
	join := func(list any) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]") }
	gain := "leave"
	if g.Fold {
		gain = "fold"
	}
	return []string{"--layers", join(g.Layers), "--rope-offsets", join(g.Offsets), "--intruder-thresholds", join(g.Thresholds), "--norm-gain", gain}
}

// worst is how far values are from those of a reference, relative to its largest:
// each from the nearest that is left, so that the order among equals is free.
func worst(got, want []complex128) float64 {
	rest := slices.Clone(got)
	var scale, far float64
	for _, w := range want {
		scale = max(scale, cmplx.Abs(w))
	}
	for _, w := range want {
		best := 0
		for i := range rest {
			if cmplx.Abs(rest[i]-w) < cmplx.Abs(rest[best]-w) {
				best = i
			}
		}
		far = max(far, cmplx.Abs(rest[best]-w))
		rest = slices.Delete(rest, best, best+1)
	}
	return far / max(scale, math.SmallestNonzeroFloat64)
}

// spectraTolerance is by quantity: singular values are known to rounding; the
// eigenvalues of OV, a map far from normal, to the rounding times their condition;
// what is read off the basis of W has float32's precision.
func spectraTolerance(quantity string) float64 {
	name, _, _ := strings.Cut(quantity, "@")
	switch {
	case strings.HasPrefix(name, "qk_rank"), name == "intruders", name == "intruders_right":
		return 0
	case strings.HasPrefix(name, "ov_eig"), strings.HasPrefix(name, "ov_radius"):
		return 1e-8
	case strings.HasPrefix(name, "intruder_cosine"), strings.HasPrefix(name, "share_"):
		return 1e-6
	}
	return 1e-10
}

// sameSpectra compares what the command found with a reference.
func sameSpectra(t *testing.T, dir string, want map[spectraRow][]complex128) {
	t.Helper()
	got, indices := spectraRows(t, dir)
	far := map[string]float64{}
	for row, w := range want {
		g := got[row]
		if len(g) != len(w) {
			t.Errorf("%+v: %d values, reference %d", row, len(g), len(w))
			continue
		}
		if d := worst(g, w); d > spectraTolerance(row.quantity) {
			t.Errorf("%+v: %.3g from the reference", row, d)
		} else {
			far[row.quantity] = max(far[row.quantity], d)
		}
		for i, index := range indices[row] {
			if at := map[bool]int{true: 1 << i, false: i}[strings.HasPrefix(row.quantity, "share_")]; index != at {
				t.Errorf("%+v: value %d has index %d", row, i, index)
			}
		}
	}
	for _, quantity := range slices.Sorted(maps.Keys(far)) {
		t.Logf("%s: %.2g from the reference at most", quantity, far[quantity])
	}
}

// bothSolvers are the values of --lapack to test with: that of this machine too,
// where it has one.
func bothSolvers(t *testing.T) []string {
	if _, _, err := openSolver("native"); err != nil {
		t.Logf("without the machine's LAPACK: %v", err)
		return []string{"gonum"}
	}
	return []string{"gonum", "native"}
}

// TestSpectraAsNumpy: V, OV, QK, intruders and places of real models, with LoRA,
// rank-stabilised, DoRA and half an adapter.
func TestSpectraAsNumpy(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	adapter := func(name string) string { return filepath.Join(fixtures, "adapters", name) }
	for name, args := range map[string][]string{
		"spectra-stories260K.json": {filepath.Join(fixtures, "models", "stories260K"),
			"--adapter", "dora=" + adapter("stories260K-qv-r4-dora/checkpoint-200"), "--adapter", "half=" + adapter("stories260K-all-r8-rslora/checkpoint-200") + "@0.5"},
		"spectra-smollm2.json": {"", "--adapter", "rslora=" + adapter("smollm2-all-r8-rslora/checkpoint-80")},
	} {
		for _, lapack := range bothSolvers(t) {
			t.Run(name+" "+lapack, func(t *testing.T) {
				if args[0] == "" {
					if testing.Short() {
						t.Skip("a minute")
					}
					args[0] = testmodel.SmolLM2(t)
				}
				t.Setenv("XDG_CACHE_HOME", t.TempDir())
				golden, want := readSpectraGolden(t, name)
				out := filepath.Join(t.TempDir(), "out")
				cli(t, slices.Concat([]string{"spectra"}, args, golden.flags(), []string{"--lapack", lapack, "--out", out})...).fine(t)
				sameSpectra(t, out, want)
			})
		}
	}
}

// TestSpectraDoRA: the effective update of DoRA as the reference of the fixtures
// has it, computed with torch.
func TestSpectraDoRA(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	data, err := os.ReadFile(filepath.Join(fixtures, "reference", "spectra", "stories260K-qv-r4-dora@checkpoint-200.json"))
	must(t, err)
	var ref struct {
		Modules map[string]struct {
			Top  []float64 `json:"dora_effective_delta_top8"`
			Norm float64   `json:"dora_effective_fro"`
			Base float64   `json:"base_fro"`
		}
	}
	must(t, json.Unmarshal(data, &ref))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	out := filepath.Join(t.TempDir(), "out")
	cli(t, "spectra", filepath.Join(fixtures, "models", "stories260K"), "--adapter", "dora="+filepath.Join(fixtures, "adapters", "stories260K-qv-r4-dora", "checkpoint-200"),
		"--only", "lora", "--out", out).fine(t)
	got, _ := spectraRows(t, out)
	if len(ref.Modules) != 10 {
		t.Fatalf("%d modules", len(ref.Modules))
	}
	for path, m := range ref.Modules {
		layer, module, err := moduleName(path)
		must(t, err)
		of := func(quantity string) []complex128 {
			return got[spectraRow{"dora", layer, lastName(module), "", quantity}]
		}
		top := of("effective_sv")
		for i, w := range m.Top {
			if i >= len(top) || math.Abs(real(top[i])-w) > 1e-6*m.Top[0] {
				t.Errorf("%s: singular values %v, reference %v", path, top[:min(8, len(top))], m.Top)
				break
			}
		}
		if d := worst(of("effective_norm"), []complex128{complex(m.Norm, 0)}); d > 1e-6 {
			t.Errorf("%s: the norm is %.3g from the reference", path, d)
		}
		if d := worst(of("relative_norm"), []complex128{complex(m.Norm/m.Base, 0)}); d > 1e-6 {
			t.Errorf("%s: the relative norm is %.3g from the reference", path, d)
		}
	}
}

// merged writes a model whose weights are W + s (W' - W), in float32, and whose
// norms are the adapter's.
func merged(t *testing.T, dir, adapter string, scale float64, to string) {
	t.Helper()
	m, err := loader.Open(dir)
	must(t, err)
	defer m.Close()
	a, err := loader.OpenAdapter(loader.AdapterRef{Name: "a", Dir: adapter, Scale: scale}, m, loader.AdapterOptions{})
	must(t, err)
	defer a.Close()
	var tensors []loader.NamedTensor
	for _, name := range m.Weights.Names() {
		info, _ := m.Weights.Info(name)
		w := make([]float32, info.Len())
		must(t, m.Weights.ReadFloat32(name, w))
		if l := a.Modules[strings.TrimSuffix(name, ".weight")]; l != nil {
			change := make([]float64, l.In)
			for o := range l.Out {
				row := w[o*l.In : (o+1)*l.In]
				l.ChangeRow(o, row, change)
				for i, d := range change {
					row[i] = float32(float64(row[i]) + scale*d)
				}
			}
		}
		tensors = append(tensors, loader.NamedTensor{Name: name, Shape: info.Shape, Float32: w})
	}
	must(t, os.MkdirAll(to, 0o755))
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(to, "config.json"), config, 0o644))
	must(t, loader.WriteSafetensors(filepath.Join(to, "model.safetensors"), tensors, nil))
}

// TestSpectraMerged: what an adapter makes of attention is what a model of merged
// weights has, up to the rounding of those to float32.
func TestSpectraMerged(t *testing.T) {
	for name, c := range map[string]struct {
		spec    testmodel.Spec
		adapter testmodel.AdapterSpec
		scale   float64
		flags   []string
	}{
		"heads of their own": {testmodel.Spec{Heads: 4, KVHeads: 4, Hidden: 24}, testmodel.AdapterSpec{Modules: []string{"q_proj", "k_proj", "v_proj", "o_proj"}}, 1, nil},
		"grouped, half":      {testmodel.Spec{Heads: 6, KVHeads: 2, Hidden: 24}, testmodel.AdapterSpec{Modules: []string{"k_proj", "o_proj"}, RSLoRA: true}, 0.5, []string{"--norm-gain", "fold"}},
		"DoRA, turned round": {testmodel.Spec{Heads: 4, KVHeads: 2, HeadDim: 6}, testmodel.AdapterSpec{DoRA: true}, -1, []string{"--rope-offsets", "0,5"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			t.Setenv("XDG_CACHE_HOME", at("cache"))
			testmodel.WriteModel(t, at("model"), c.spec)
			testmodel.WriteAdapter(t, at("adapter"), c.spec, c.adapter)
			merged(t, at("model"), at("adapter"), c.scale, at("merged"))
			command := func(model, out string, more ...string) []string {
				return slices.Concat([]string{"spectra", model, "--only", "v,ov,qk,qk_layer", "--out", out}, c.flags, more)
			}
			cli(t, command(at("model"), at("out"), "--adapter", fmt.Sprintf("a=%s@%g", at("adapter"), c.scale))...).fine(t)
			cli(t, command(at("merged"), at("whole"))...).fine(t)
			got, _ := spectraRows(t, at("out"))
			want, _ := spectraRows(t, at("whole"))
			compared := map[string]int{}
			for row, w := range want {
				row.variant = "a"
				g, ok := got[row]
				if !ok { // the adapter changes none of its weights
					row.variant = spectra.Base
					g = got[row]
				}
				tolerance := 1e-5 // eigenvalues feel the rounding of the merged weights most
				if share := row.quantity; share == "ov_complex" || share == "ov_positive" || strings.HasSuffix(share, "_gap") || strings.HasPrefix(share, "qk_rank") {
					continue // that rounding may move one over the edge
				}
				if len(g) != len(w) || worst(g, w) > tolerance {
					t.Errorf("%+v: %d values, %.3g from the %d of merged weights", row, len(g), worst(g, w), len(w))
				}
				if row.variant == "a" {
					compared[row.quantity]++
				}
			}
			if compared["ov_eig"] == 0 || compared["qk_sv"] == 0 || compared["qk_sv_layer"] == 0 {
				t.Errorf("compared of the adapter: %v", compared)
			}
		})
	}
}
