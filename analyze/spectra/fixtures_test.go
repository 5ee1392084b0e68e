package spectra_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// openAdapter opens an adapter of the fixtures without its base.
func openAdapter(t *testing.T, dir string, paper bool) *loader.Adapter {
	t.Helper()
	a, err := loader.OpenAdapter(loader.AdapterRef{Name: "a", Dir: dir, Scale: 1}, nil, loader.AdapterOptions{PaperScale: paper})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func decompose(t *testing.T, l *loader.LoRA) *spectra.Update {
	t.Helper()
	u, err := spectra.Decompose(&spectra.Factors{Rank: l.Rank, In: l.In, Out: l.Out, A: l.A, B: l.B, Scale: l.Scale}, false)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// relative is |got - want| / |want|.
func relative(got, want complex128) float64 { return cmplx.Abs(got-want) / cmplx.Abs(want) }

// The paper's own adapters: eigenvalues and singular values of B A as the
// authors' repository has them (lora_v_update_spectrum_meta.json says from
// which commit), printed with six digits. With PEFT's scale each is 16 times.
func TestPaperAdapters(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	file, err := os.Open(filepath.Join(fixtures, "..", "reference", "llama", "lora_v_update_spectrum.csv"))
	if err != nil {
		t.Skip(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if head := strings.Join(rows[0], ","); head != "step,block,eig1_re,eig1_im,eig2_re,eig2_im,sigma1,sigma2" {
		t.Fatalf("header %s", head)
	}
	adapters := map[string][2]*loader.Adapter{}
	var worstEigen, worstSigma, worstScale float64
	compared := 0
	for _, row := range rows[1:] {
		dir := filepath.Join(fixtures, "adapters", "llama2-7b-imdb-v-r2", "checkpoint-"+row[0])
		if _, err := os.Stat(dir); err != nil {
			continue // the fixtures hold 11 of the 136 checkpoints
		}
		if adapters[dir][0] == nil {
			adapters[dir] = [2]*loader.Adapter{openAdapter(t, dir, true), openAdapter(t, dir, false)}
		}
		path := fmt.Sprintf("model.layers.%s.self_attn.v_proj", row[1])
		u, scaled := decompose(t, adapters[dir][0].Modules[path]), decompose(t, adapters[dir][1].Modules[path])
		x := make([]float64, 6)
		for i := range x {
			if x[i], err = strconv.ParseFloat(row[2+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		one, two := complex(x[0], x[1]), complex(x[2], x[3])
		straight := max(relative(u.Eigen[0], one), relative(u.Eigen[1], two))
		crossed := max(relative(u.Eigen[0], two), relative(u.Eigen[1], one)) // a pair has no order
		worstEigen = max(worstEigen, min(straight, crossed))
		for i, s := range u.Sigma {
			worstSigma = max(worstSigma, math.Abs(s-x[4+i])/x[4+i])
			worstScale = max(worstScale, math.Abs(scaled.Sigma[i]-16*s), cmplx.Abs(scaled.Eigen[i]-16*u.Eigen[i]))
		}
		compared++
	}
	t.Logf("%d updates: eigenvalues within %.2g, singular values within %.2g of the published, the scaled ones %.2g from 16 times ours",
		compared, worstEigen, worstSigma, worstScale)
	if compared != 11*32 {
		t.Errorf("%d updates were compared, want 352", compared)
	}
	if worstEigen > 1e-5 || worstSigma > 1e-5 {
		t.Errorf("eigenvalues %g, singular values %g off; want 1e-5", worstEigen, worstSigma)
	}
	if worstScale != 0 { // a power of two changes no digit
		t.Errorf("with PEFT's scale a value is %g from 16 times", worstScale)
	}
}

// Singular values, norms and stable ranks in float64 by numpy of real adapters
// (reference/spectra of the fixtures): rectangular modules, rsLoRA, and of DoRA
// the product s B A.
func TestReferenceSpectra(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	list, err := filepath.Glob(filepath.Join(fixtures, "reference", "spectra", "*.json"))
	if err != nil || len(list) == 0 {
		t.Skip("no reference spectra", err)
	}
	for _, path := range list {
		var want struct {
			Adapter string
			Modules map[string]struct {
				Shape          []int
				R              int
				Scaling        float64
				SingularValues []float64 `json:"singular_values"`
				Fro            float64
				StableRank     float64 `json:"stable_rank"`
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(fixtures, "adapters", strings.ReplaceAll(want.Adapter, "@", string(filepath.Separator)))
		a := openAdapter(t, dir, false)
		if len(a.Modules) != len(want.Modules) {
			t.Errorf("%s: %d modules, want %d", want.Adapter, len(a.Modules), len(want.Modules))
		}
		worst := 0.0
		for module, w := range want.Modules {
			u := decompose(t, a.Modules[module])
			if u.Out != w.Shape[0] || u.In != w.Shape[1] || u.Rank != w.R || len(u.Sigma) != len(w.SingularValues) || (u.Eigen != nil) != (u.In == u.Out) {
				t.Fatalf("%s: %s: (%d, %d) of rank %d", want.Adapter, module, u.Out, u.In, u.Rank)
			}
			for i, s := range w.SingularValues {
				worst = max(worst, math.Abs(u.Sigma[i]-s)/s)
			}
			m := u.Measures()
			worst = max(worst, math.Abs(m.Norm-w.Fro)/w.Fro, math.Abs(m.StableRank-w.StableRank)/w.StableRank)
		}
		t.Logf("%s: %d modules, the worst value %.2g off", want.Adapter, len(want.Modules), worst)
		if !(worst <= 1e-6) {
			t.Errorf("%s: a value is %g off; want 1e-6", want.Adapter, worst)
		}
	}
}

// An adapter before training is zero, and every value of it is a number.
func TestZeroAdapter(t *testing.T) {
	for _, name := range []string{"stories260K-v-r2", "smollm2-v-r2"} {
		a := openAdapter(t, filepath.Join(testmodel.Fixtures(t), "adapters", name, "checkpoint-0"), false)
		for _, path := range a.Paths {
			for _, v := range decompose(t, a.Modules[path]).Values(name, 0, "v_proj") {
				if v.Re != 0 || v.Im != 0 {
					t.Errorf("%s: %s: %s of a zero update is %v", name, path, v.Quantity, v.Re)
				}
			}
		}
	}
}
