package loader

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestOpenSafetensorsRefuses(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct {
		name   string
		header string
		data   int
		want   string
	}{
		{"array", `[]`, 0, `does not start with '{'`},
		{"empty header", ``, 0, `does not start with '{'`},
		{"leading blank", ` {}`, 0, `does not start with '{'`},
		{"cut", `{"a":`, 0, "unexpected end of JSON input"},
		{"trailing", `{}x`, 0, "after its JSON object"},
		{"twice", `{` + a + `,` + a + `}`, 8, `the key "a" twice`},
		{"twice inside", `{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}`, 8, `the key "dtype" twice`},
		{"not an object", `{"a":7}`, 0, `tensor "a": 7 is not an object`},
		{"null", `{"a":null}`, 0, `tensor "a": null is not an object`},
		{"no dtype", `{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8, "unknown dtype null"},
		{"dtype", `{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}`, 8, `unknown dtype "F31"`},
		{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8, "shape null is not a list of sizes"},
		{"negative", `{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8, "shape [-2] is not a list of sizes"},
		{"fraction", `{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8, "shape [2.0] is not a list of sizes"},
		{"huge number", `{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}`, 8, "is not a list of sizes"},
		{"no offsets", `{"a":{"dtype":"F32","shape":[2]}}`, 8, "data_offsets null is not [begin, end]"},
		{"one offset", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, 8, "data_offsets [0] is not [begin, end]"},
		{"backwards", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8, "do not lie in the 8 bytes"},
		{"beyond the end", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 7, "truncated or damaged"},
		{"shape too small", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, 8, "shape [1] of F32 does not fill its 8 bytes"},
		{"shape too large", `{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8, "does not fill its 8 bytes"},
		{"overflow", `{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "does not fill its 0 bytes"},
		{"overflow of bytes", `{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0, "does not fill its 0 bytes"},
		{"part of a byte", `{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, 1, "does not fill its 1 bytes"},
		{"unknown field", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"scale":2}}`, 8, `unknown field "scale"`},
		{"overlap", `{` + a + `,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, `tensor "b": overlaps the tensor before it by 4 bytes`},
		{"the same place", `{` + a + `,"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8, `tensor "b": overlaps`},
		{"hole", `{` + a + `,"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}`, 20, `tensor "b": leaves a hole of 4 bytes`},
		{"hole first", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, "leaves a hole of 4 bytes"},
		{"bytes left", `{` + a + `}`, 9, "1 bytes after the last tensor belong to none"},
		{"no tensors, bytes", `{}`, 1, "1 bytes after the last tensor"},
		{"metadata list", `{"__metadata__":[]}`, 0, "__metadata__ is not an object"},
		{"metadata number", `{"__metadata__":{"step":3}}`, 0, `__metadata__: "step" is not a string`},
		{"name with a newline", `{"a\nb":7}`, 0, `tensor "a\nb"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeFile(t, t.TempDir(), "x.safetensors", safetensorsBytes(c.header, c.data))
			_, err := OpenSafetensors(path)
			refused(t, err, path, c.want)
			if fault := new(FormatError); !errors.As(err, &fault) {
				t.Errorf("error is a %T, want a FormatError", err)
			}
		})
	}
}

func TestOpenSafetensorsRefusesBrokenFiles(t *testing.T) {
	whole := safetensorsBytes(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	for n := range len(whole) { // truncated anywhere
		path := writeFile(t, t.TempDir(), "x.safetensors", whole[:n])
		_, err := OpenSafetensors(path)
		refused(t, err, path)
	}
	long := bytes.Clone(whole)
	long[3] = 0x7f // a header of 2 GB
	_, err := OpenSafetensors(writeFile(t, t.TempDir(), "x.safetensors", long))
	refused(t, err, "above the limit of 100000000")
	long[7] = 0x80 // and of 2^63 bytes
	_, err = OpenSafetensors(writeFile(t, t.TempDir(), "x.safetensors", long))
	refused(t, err, "above the limit of 100000000")
	_, err = OpenSafetensors(t.TempDir())
	refused(t, err, "is not a regular file")
	_, err = OpenSafetensors("absent.safetensors")
	refused(t, err, "absent.safetensors")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v does not wrap os.ErrNotExist", err)
	}
}

func TestOpenSafetensorsAccepts(t *testing.T) {
	header := `{"__metadata__":{"format":"pt"},` +
		`"b":{"data_offsets":[8,10],"dtype":"F16","shape":[1]},` +
		`"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},` +
		`"scalar":{"dtype":"U8","shape":[],"data_offsets":[10,11]},` +
		`"none":{"dtype":"F64","shape":[3,0,9],"data_offsets":[8,8]}}     `
	f, err := OpenSafetensors(writeFile(t, t.TempDir(), "x.safetensors", safetensorsBytes(header, 11)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := strings.Join(f.Names(), " "); got != "a b none scalar" {
		t.Errorf("names %s", got)
	}
	if f.Metadata["format"] != "pt" {
		t.Errorf("metadata %v", f.Metadata)
	}
	info, _ := f.Info("b")
	start := int64(8 + len(header))
	if info.Begin != start+8 || info.End != start+10 || info.DType != F16 || info.File != "x.safetensors" {
		t.Errorf("b is %+v", info)
	}
	if none, _ := f.Info("none"); none.Len() != 0 {
		t.Errorf("none has %d elements", none.Len())
	}
}

// FuzzSafetensorsHeader: whatever the bytes, either an error of one line that is
// bad input, or tensors that tile the data and can be read.
func FuzzSafetensorsHeader(f *testing.F) {
	f.Add(safetensorsBytes(`{}`, 0))
	f.Add(safetensorsBytes(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(safetensorsBytes(`{"__metadata__":{"k":"v"},"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"I64","shape":[],"data_offsets":[4,12]}}`, 12))
	f.Add(safetensorsBytes(`{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHeader("x", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			refused(t, err)
			return
		}
		var total int64
		for name, info := range h.tensors {
			if info.Begin < 8 || info.End > int64(len(data)) || info.Name != name {
				t.Fatalf("accepted %+v in %d bytes", info, len(data))
			}
			if size := info.DType.size(); size > 0 && int64(info.Len())*int64(size) != info.End-info.Begin {
				t.Fatalf("accepted %+v", info)
			}
			total += info.End - info.Begin
		}
		n := int64(data[0]) | int64(data[1])<<8 | int64(data[2])<<16 | int64(data[3])<<24
		if total != int64(len(data))-8-n {
			t.Fatalf("tensors cover %d bytes of %d", total, int64(len(data))-8-n)
		}
	})
}
