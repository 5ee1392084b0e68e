package loader

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestWriteAsPython compares with the bytes of Python's safetensors;
// testdata/make_goldens.py has the same tensors.
func TestWriteAsPython(t *testing.T) {
	states := make([]float32, 24)
	for i := range states {
		states[i] = float32(i) / 7
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	err := WriteSafetensors(path, []NamedTensor{
		{Name: "hidden_states", Shape: []int{2, 3, 4}, Float32: states},
		{Name: "token_ids", Shape: []int{3}, Int64: []int64{1, -2, 1 << 40}},
		{Name: "a <b> & c", Shape: []int{1}, Float32: []float32{0.5}},
	}, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	got, want := readFile(t, path), readFile(t, filepath.Join("testdata", "written.safetensors"))
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWriterInPieces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	w, err := CreateSafetensors(path, []TensorSpec{
		{"hidden_states", F32, []int{3, 2}}, {"layers", I64, []int{2}}, {"none", F32, []int{0, 4}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	steps := []error{ // out of order, as layers of several prompts come
		w.WriteFloat32("hidden_states", 4, []float32{5, float32(math.Inf(1))}),
		w.WriteInt64("layers", 0, []int64{7, 9}),
		w.WriteFloat32("hidden_states", 0, []float32{1, 2, 3, 4}),
	}
	for _, err := range steps {
		if err != nil {
			t.Fatal(err)
		}
	}
	if exists(path) {
		t.Error("the file has its name before Commit")
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, ids := make([]float32, 6), make([]int64, 2)
	if err := f.ReadFloat32("hidden_states", x); err != nil {
		t.Fatal(err)
	}
	if err := f.ReadInt64("layers", ids); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x, []float32{1, 2, 3, 4, 5, float32(math.Inf(1))}) || !slices.Equal(ids, []int64{7, 9}) {
		t.Errorf("read %v, %v", x, ids)
	}
}

// TestReopen goes on with a file through other Writers, the last of which writes
// again what another had: the bytes are those of one Writer.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	specs := []TensorSpec{{"x", F32, []int{2, 3}}, {"ids", I64, []int{1}}}
	meta := map[string]string{"format": "pt"}
	write := func(w *Writer, err error, at int, x ...float32) *Writer {
		t.Helper()
		if err == nil {
			err = w.WriteFloat32("x", at, x)
		}
		if err == nil {
			err = w.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	once, twice := filepath.Join(dir, "once"), filepath.Join(dir, "twice")
	w, err := CreateSafetensors(once, specs, meta)
	w = write(w, err, 0, 1, 2, 3, 4, 5, 6)
	if err := w.WriteInt64("ids", 0, []int64{9}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}

	w, err = CreateSafetensors(twice, specs, meta)
	w = write(w, err, 3, 0, 0, 7) // and killed in the middle of it
	if err := w.WriteInt64("ids", 0, []int64{9}); err != nil {
		t.Fatal(err)
	}
	w, err = ReopenSafetensors(twice, specs, meta)
	write(w, err, 0, 1, 2, 3)
	w, err = ReopenSafetensors(twice, specs, meta)
	w = write(w, err, 3, 4, 5, 0)
	if err := errors.Join(w.Commit(), w.Uncommit(), w.Uncommit()); err != nil {
		t.Fatal(err)
	}
	w = write(w, nil, 5, 6)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, want := readFile(t, twice), readFile(t, once); !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}

	w, err = ReopenSafetensors(filepath.Join(dir, "absent"), specs, meta)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, w.WriteFloat32("x", 0, []float32{1}), "absent")
	refused(t, w.Sync(), "absent")
	refused(t, w.Uncommit(), "absent")
	refused(t, w.Commit(), "absent")
	_, err = ReopenSafetensors(once, []TensorSpec{{"a", F16, []int{1}}}, nil)
	refused(t, err, once, "cannot write dtype F16")
}

// TestWriteBF16 writes values with their roundings by hand: bfloat16 keeps 7 bits
// of the fraction, so that steps are 1/128 at 1 and 2 at 256.
func TestWriteBF16(t *testing.T) {
	inf := float32(math.Inf(1))
	values := []float32{1, -2.5, 1 + 1.0/256, 1 + 3.0/256, 1 + 1.1/256, 257, 259, math.MaxFloat32, -inf, 0, math.Float32frombits(0x7f800001)}
	want := []float32{1, -2.5, 1, 1 + 2.0/128, 1 + 1.0/128, 256, 260, inf, -inf, 0}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	w, err := CreateSafetensors(path, []TensorSpec{{"x", BF16, []int{len(values)}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at, v := range values {
		if err := w.WriteFloat32("x", at, []float32{v}); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, w.WriteFloat32("x", len(values), []float32{1}), "do not fit a tensor \"x\" of BF16")
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]float32, len(values))
	if err := f.ReadFloat32("x", got); err != nil {
		t.Fatal(err)
	}
	last := len(want)
	if !slices.Equal(got[:last], want) || got[last] == got[last] {
		t.Errorf("got %v, want %v and NaN", got, want)
	}
}

func TestWriterRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.safetensors")
	for _, c := range []struct {
		specs []TensorSpec
		want  string
	}{
		{[]TensorSpec{{"a", F16, []int{1}}}, `tensor "a": cannot write dtype F16`},
		{[]TensorSpec{{"a", F32, []int{-1}}}, `tensor "a": cannot write shape [-1]`},
		{[]TensorSpec{{"a", F32, []int{1 << 40, 1 << 40}}}, "cannot write shape"},
		{[]TensorSpec{{"a", F32, []int{1}}, {"a", F32, []int{1}}}, `tensor "a": the name is taken`},
		{[]TensorSpec{{metadataKey, F32, []int{1}}}, "the name is taken"},
	} {
		_, err := CreateSafetensors(path, c.specs, nil)
		refused(t, err, path, c.want)
	}
	_, err := CreateSafetensors(filepath.Join(dir, "absent", "x"), nil, nil)
	refused(t, err, "absent")
	w, err := CreateSafetensors(path, []TensorSpec{{"a", F32, []int{3}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, w.WriteFloat32("b", 0, nil), `do not fit a tensor "b"`)
	refused(t, w.WriteInt64("a", 0, []int64{1}), `do not fit a tensor "a" of I64`)
	refused(t, w.WriteFloat32("a", 1, make([]float32, 3)), "elements [1, 4) do not fit")
	refused(t, w.WriteFloat32("a", -1, make([]float32, 1)), "do not fit")
	if err := w.WriteFloat32("a", 0, []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	refused(t, w.Commit(), path, `tensor "a": 2 of 3 elements were written`)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
