package particles

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// reference reads a file of the folder reference, which lies beside the
// fixtures.
func reference(t testing.TB, name string, v any) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testmodel.Fixtures(t), "..", "reference", name))
	if err != nil {
		t.Skip(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

// golden is a deterministic case: numpy's for Euler and the discrete steps,
// scipy's DOP853 at 1e-13 for the exact flow.
type golden struct {
	Euler, Exact struct {
		Times []float64
		X     [][][]float64
		Tol   float64 `json:"suggested_abs_tol"`
	}
	X [][][]float64
}

func TestGoldens(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testmodel.Fixtures(t), "..", "reference", "goldens", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skip("no goldens beside the fixtures")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var g golden
			data := reference(t, filepath.Join("goldens", filepath.Base(file)), &g)
			if g.X != nil {
				checkGolden(t, data, Euler, nil, g.X, 1e-12) // the same sums in another order
				return
			}
			checkGolden(t, data, Euler, g.Euler.Times, g.Euler.X, g.Euler.Tol)
			checkGolden(t, data, Adaptive, g.Exact.Times, g.Exact.X, g.Exact.Tol)
		})
	}
}

func checkGolden(t *testing.T, data []byte, method Integrator, times []float64, want [][][]float64, tol float64) {
	t.Helper()
	s, err := ReadFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	s.Options.Integrator, s.Options.Times = method, times
	tr, err := Run(t.Context(), s.System, s.X0, s.Options)
	if err != nil {
		t.Fatal(err)
	}
	var off float64
	for k, x := range want {
		row, err := flat("x", x, s.System.D)
		if err != nil {
			t.Fatal(err)
		}
		off = max(off, worst(tr.X[k], row))
	}
	t.Logf("%s: worst difference %.2g, tolerance %.2g, %d evaluations", method, off, tol, tr.Evals)
	if !(off <= tol) {
		t.Errorf("%s: worst difference %g is over %g", method, off, tol)
	}
}
