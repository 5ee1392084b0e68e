package loader

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// npyBytes is a .npy file of version 1 or 2.
func npyBytes(version byte, dict string, data []byte) []byte {
	b := append([]byte(npyMagic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(dict)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(dict)))
	}
	return append(append(b, dict...), data...)
}

// TestNPYOfNumpy reads arrays that numpy 2.4.6 wrote (testdata/npy/make_npy.py):
// element (i, j, k) of shape (2, 3, 4) is (12i + 4j + k - 5) / 8, exact in all
// three types.
func TestNPYOfNumpy(t *testing.T) {
	want := make([]float32, 24)
	for i := range want {
		want[i] = float32(i-5) / 8
	}
	for _, name := range []string{"f2.npy", "f4.npy", "f8.npy", "f4-v2.npy"} {
		a, err := OpenNPY(filepath.Join("testdata", "npy", name))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Shape, []int{2, 3, 4}) {
			t.Errorf("%s: shape %v", name, a.Shape)
		}
		all, row := make([]float32, 24), make([]float32, 4)
		if err := a.Read(0, all); err != nil || !slices.Equal(all, want) {
			t.Errorf("%s: %v, %v; want %v", name, all, err, want)
		}
		if err := a.Read(20, row); err != nil || !slices.Equal(row, want[20:]) {
			t.Errorf("%s: last row %v, %v; want %v", name, row, err, want[20:])
		}
		refused(t, a.Read(21, row), "elements [21, 25) of an array of 24")
		refused(t, a.Read(-1, row), "elements [-1, 3)")
		a.Close()
	}
}

func TestNPYRefuses(t *testing.T) {
	dict := "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1), }\n"
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "is not a .npy file"},
		{"another file", []byte("PK\x03\x04 and more of a zip"), "is not a .npy file"},
		{"version 3", npyBytes(3, dict, make([]byte, 8)), "version 3.0"},
		{"cut header", npyBytes(1, dict, nil)[:30], "does not fit the file of 30"},
		{"huge header", append(npyBytes(2, "", nil)[:8], 0xff, 0xff, 0xff, 0xff), "header of 4294967295 bytes"},
		{"cut data", npyBytes(1, dict, make([]byte, 7)), "does not fill its 7 bytes"},
		{"long data", npyBytes(2, dict, make([]byte, 9)), "does not fill its 9 bytes"},
		{"big-endian", npyBytes(1, edit(t, dict, "<f4", ">f4"), make([]byte, 8)), `descr=">f4"`},
		{"integers", npyBytes(1, edit(t, dict, "<f4", "<i4"), make([]byte, 8)), `descr="<i4"`},
		{"objects", npyBytes(1, edit(t, dict, "<f4", "|O"), make([]byte, 8)), `descr="|O"`},
		{"Fortran order", npyBytes(1, edit(t, dict, "False", "True"), make([]byte, 8)), "fortran_order=True"},
		{"two axes", npyBytes(1, edit(t, dict, "(1, 2, 1)", "(2, 1)"), make([]byte, 8)), "shape=(2, 1)"},
		{"no axis", npyBytes(1, edit(t, dict, "(1, 2, 1)", "()"), make([]byte, 4)), "shape=()"},
		{"no tokens", npyBytes(1, edit(t, dict, "(1, 2, 1)", "(1, 0, 1)"), nil), "shape=(1, 0, 1)"},
		{"negative", npyBytes(1, edit(t, dict, "(1, 2, 1)", "(1, -2, 1)"), make([]byte, 8)), "is not that of an array"},
		{"overflow", npyBytes(1, edit(t, dict, "(1, 2, 1)", "(4294967296, 4294967296, 1)"), make([]byte, 8)), "does not fill"},
		{"beyond int", npyBytes(1, edit(t, dict, "(1, 2, 1)", "(99999999999999999999, 2, 1)"), make([]byte, 8)), "is not a tuple of sizes"},
		{"code", npyBytes(1, "{'descr': __import__('os'), }\n", nil), "is not that of an array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeFile(t, t.TempDir(), "x.npy", c.data)
			_, err := OpenNPY(path)
			refused(t, err, path, c.want)
		})
	}
	_, err := OpenNPY(t.TempDir())
	refused(t, err, "is not a regular file")
	_, err = OpenNPY("absent.npy")
	refused(t, err, "absent.npy")
}

// A file that shrinks after it was opened is reported, not read.
func TestNPYThatShrinks(t *testing.T) {
	path := writeFile(t, t.TempDir(), "x.npy", npyBytes(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 1), }\n", make([]byte, 16)))
	a, err := OpenNPY(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := os.Truncate(path, 80); err != nil {
		t.Fatal(err)
	}
	refused(t, a.Read(0, make([]float32, 2)), "has changed its size")
}

// TestArrayOfSafetensors: a piece of a tensor, for every type of float.
func TestArrayOfSafetensors(t *testing.T) {
	data := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1))
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(-3))
	data = binary.LittleEndian.AppendUint16(data, 0x3fc0) // 1.5 as BF16
	data = append(data, 7)
	file := append(safetensorsBytes(`{"x":{"dtype":"F64","shape":[2,1],"data_offsets":[0,16]},"h":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},"b":{"dtype":"U8","shape":[1],"data_offsets":[18,19]}}`, 0), data...)
	f, err := OpenSafetensors(writeFile(t, t.TempDir(), "x.safetensors", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		name string
		at   int
		want []float32
	}{{"x", 0, []float32{0.1, -3}}, {"x", 1, []float32{-3}}, {"h", 0, []float32{1.5}}} {
		a, err := f.Array(c.name)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(c.want))
		if err := a.Read(c.at, got); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s from %d: %v, %v; want %v", c.name, c.at, got, err, c.want)
		}
	}
	_, err = f.Array("b")
	refused(t, err, `tensor "b" is U8`)
	_, err = f.Array("absent")
	refused(t, err, `no tensor "absent"`)
}

// FuzzNPY: whatever the bytes, either an error of one line that is bad input,
// or an array whose elements fill the file.
func FuzzNPY(f *testing.F) {
	dict := "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1), }\n"
	f.Add(npyBytes(1, dict, make([]byte, 8)))
	f.Add(npyBytes(2, dict, make([]byte, 8)))
	f.Add(npyBytes(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 1, 3)}", make([]byte, 6)))
	f.Add(npyBytes(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (4294967296, 4294967296, 1)}", nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := readNPYHeader("x.npy", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			refused(t, err)
			return
		}
		if info.Begin < 10 || info.End != int64(len(data)) || int64(info.Len()*info.DType.size()) != info.End-info.Begin || len(info.Shape) != 3 {
			t.Fatalf("accepted %+v in %d bytes", info, len(data))
		}
	})
}
