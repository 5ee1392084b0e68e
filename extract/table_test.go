package extract

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// TestTableInPieces: the rows of a head made a few at a time are those made at
// once, at a scale that no part is exempt from.
func TestTableInPieces(t *testing.T) {
	forms := filepath.Join(testmodel.Golden(t), "forms")
	m, err := loader.Open(filepath.Join(forms, "models", "biased"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	v, d := m.Config.VocabSize, m.Config.HiddenSize
	base := make([]float32, v*d) // (V, D)
	if err := m.Weights.ReadFloat32(loader.LMHeadTensor, base); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"head-dora", "head-bias", "saved-both", "tokens-apart"} {
		a, err := loader.OpenAdapter(loader.AdapterRef{Name: name, Dir: filepath.Join(forms, "adapters", name), Scale: 0.7}, m, loader.AdapterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		head := newTable(&variant{adapter: a, config: m.Config}, loader.LMHeadTensor)
		whole, pieces := make([]float32, v*d), make([]float32, v*d) // (V, D)
		if err := head.rows(0, v, base, whole); err != nil {
			t.Fatal(err)
		}
		var bias []float32
		for lo := 0; lo < v; lo += 7 {
			hi := min(lo+7, v)
			if err := head.rows(lo, hi, base[lo*d:hi*d], pieces[lo*d:hi*d]); err != nil {
				t.Fatal(err)
			}
			bias = append(bias, head.bias(lo, hi)...)
		}
		changed := 0
		for i := range whole {
			if math.Abs(float64(whole[i]-pieces[i])) > 1e-6 { // values of order 1, sums in another order
				t.Fatalf("%s: value %d is %v in pieces and %v at once", name, i, pieces[i], whole[i])
			}
			if whole[i] != base[i] {
				changed++
			}
		}
		if changed == 0 {
			t.Errorf("%s: nothing has changed", name)
		}
		if all := head.bias(0, v); len(all) != len(bias) || len(all) > 0 && (all[50] != bias[50] || name != "head-bias") {
			t.Errorf("%s: the bias has %d values at once and %d in pieces", name, len(all), len(bias))
		}
	}
}
