package loader

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// manyChunks is a row count that makes a matrix of 300 columns span several
// chunks, with a row on every border.
const manyChunks = 1000

// writeMatrix writes a (manyChunks, 300) F32 matrix "w" and an I64 vector "ids".
func writeMatrix(t testing.TB) (path string, w []float32, ids []int64) {
	rng := rand.New(rand.NewPCG(1, 2))
	w, ids = make([]float32, manyChunks*300), make([]int64, 70000)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
	}
	for i := range ids {
		ids[i] = int64(rng.Uint64())
	}
	path = filepath.Join(t.TempDir(), "model.safetensors")
	err := WriteSafetensors(path, []NamedTensor{
		{Name: "w", Shape: []int{manyChunks, 300}, Float32: w},
		{Name: "ids", Shape: []int{len(ids)}, Int64: ids},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return path, w, ids
}

func TestReadAcrossChunks(t *testing.T) {
	path, want, wantIDs := writeMatrix(t)
	w, err := OpenWeights(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	got := make([]float32, len(want))
	if err := w.ReadFloat32("w", got); err != nil || !slices.Equal(got, want) {
		t.Errorf("whole tensor differs, %v", err)
	}
	for _, rows := range [][2]int{{0, 0}, {0, manyChunks}, {7, 8}, {217, 220}, {manyChunks - 1, manyChunks}} {
		lo, hi := rows[0], rows[1]
		part := make([]float32, (hi-lo)*300)
		if err := w.ReadRows("w", lo, hi, part); err != nil || !slices.Equal(part, want[lo*300:hi*300]) {
			t.Errorf("rows %v differ, %v", rows, err)
		}
	}
	row := make([]float32, 300)
	if err := w.ReadRow("w", 999, row); err != nil || !slices.Equal(row, want[999*300:]) {
		t.Errorf("row 999 differs, %v", err)
	}
	f, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ids := make([]int64, len(wantIDs))
	if err := f.ReadInt64("ids", ids); err != nil || !slices.Equal(ids, wantIDs) {
		t.Errorf("ids differ, %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	path, w, ids := writeMatrix(t)
	f, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	refused(t, f.ReadFloat32("v", w), path, `there is no tensor "v"`)
	refused(t, f.ReadFloat32("w", w[1:]), path, `tensor "w" has 300000 elements, 299999 were asked for`)
	refused(t, f.ReadFloat32("ids", make([]float32, len(ids))), `tensor "ids" is I64; F32, F16 and BF16 can be used`)
	refused(t, f.ReadInt64("w", make([]int64, len(w))), `tensor "w" is F32, not I64`)
	refused(t, f.ReadInt64("ids", ids[1:]), `tensor "ids" has 70000 elements, 69999 were asked for`)
	refused(t, f.ReadInt64("v", ids), `there is no tensor "v"`)
	refused(t, f.ReadRows("v", 0, 1, w), `there is no tensor "v"`)
	refused(t, f.ReadRows("ids", 0, 1, w), `tensor "ids" has shape [70000], not that of a matrix`)
	for _, rows := range [][2]int{{-1, 1}, {2, 1}, {0, manyChunks + 1}, {math.MaxInt - 1, math.MaxInt}} {
		refused(t, f.ReadRows("w", rows[0], rows[1], w), `tensor "w" has 1000 rows`)
	}
	refused(t, f.ReadRows("w", 0, 2, w[:300]), `2 rows have 600 elements, 300 were asked for`)
}

// TestFileThatChanges: a file that another process rewrites must not be read as
// if nothing had happened.
func TestFileThatChanges(t *testing.T) {
	for name, size := range map[string]int64{"shorter": 100000, "longer": 9_000_000, "empty": 0} {
		path, w, _ := writeMatrix(t)
		f, err := OpenSafetensors(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		refused(t, f.ReadFloat32("w", w), path, "has changed its size")
	}
}

func BenchmarkReadFloat32(b *testing.B) {
	path, w, _ := writeMatrix(b)
	f, err := OpenSafetensors(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.SetBytes(int64(4 * len(w)))
	for b.Loop() {
		if err := f.ReadFloat32("w", w); err != nil {
			b.Fatal(err)
		}
	}
}
