package loader

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// matrixFile writes a file with a matrix w of 300 x 70 float32 that are 0, 1, 2 ...,
// behind a vector that keeps it from the start of a page.
func matrixFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	values := make([]float32, 300*70)
	for i := range values {
		values[i] = float32(i)
	}
	tensors := []NamedTensor{{Name: "a", Shape: []int{33}, Float32: make([]float32, 33)}, {Name: "w", Shape: []int{300, 70}, Float32: values}}
	if err := WriteSafetensors(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMatrix: rows that are read and rows that are lent are those of the file.
func TestMatrix(t *testing.T) {
	f, err := OpenSafetensors(matrixFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := f.matrix("w")
	if err != nil {
		t.Fatal(err)
	}
	m.Prefetch()
	for _, c := range [][2]int{{0, 300}, {0, 1}, {7, 250}, {299, 300}} {
		lo, hi := c[0], c[1]
		raw := make([]byte, (hi-lo)*m.RowBytes())
		if err := m.ReadBytes(lo, hi, raw); err != nil {
			t.Fatal(err)
		}
		if got := math.Float32frombits(binary.LittleEndian.Uint32(raw)); got != float32(lo*70) {
			t.Errorf("row %d begins with %v", lo, got)
		}
		lent, ok, err := m.Mapped(lo, hi)
		if err != nil {
			t.Fatal(err)
		}
		if ok && !bytes.Equal(lent, raw) {
			t.Errorf("rows %d to %d are lent differently than they are read", lo, hi)
		}
		if ok {
			m.Release(lo, hi)
		}
	}
	if again, ok, err := m.Mapped(299, 300); ok && (err != nil || math.Float32frombits(binary.LittleEndian.Uint32(again)) != 299*70) {
		t.Errorf("after Release: %v, %v", again[:4], err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := f.matrix(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMatrixOfAFileThatShrank: it is not touched.
func TestMatrixOfAFileThatShrank(t *testing.T) {
	path := matrixFile(t)
	f, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := f.matrix("w")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Mapped(0, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Mapped(200, 300); f.data != nil && (err == nil || !strings.Contains(err.Error(), "has changed its size")) {
		t.Errorf("lent: %v", err)
	}
	if err := m.ReadBytes(200, 300, make([]byte, 100*m.RowBytes())); err == nil || !strings.Contains(err.Error(), "has changed its size") {
		t.Errorf("read: %v", err)
	}
}
