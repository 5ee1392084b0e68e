package loader

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"
)

// TestEveryHalf compares all 65,536 halves with IEEE 754's definition.
func TestEveryHalf(t *testing.T) {
	src, dst := make([]byte, 2<<16), make([]float32, 1<<16)
	for bits := range 1 << 16 {
		binary.LittleEndian.PutUint16(src[2*bits:], uint16(bits))
	}
	decodeFloats(dst, src, F16)
	for bits, got := range dst {
		exponent, fraction := bits>>10&0x1f, float64(bits&0x3ff)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction/1024, -14)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if bits&0x8000 != 0 {
			want = math.Copysign(want, -1)
		}
		if math.Float32bits(got) != math.Float32bits(float32(want)) && !(math.IsNaN(want) && math.IsNaN(float64(got))) {
			t.Fatalf("half %#04x is %v, want %v", bits, got, want)
		}
	}
}

// TestDTypesAsTorch compares F16 and BF16 with torch's values of the same bits;
// the file is made by testdata/make_goldens.py.
func TestDTypesAsTorch(t *testing.T) {
	f, err := OpenSafetensors(filepath.Join("testdata", "dtypes.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"f16", "bf16"} {
		info, ok := f.Info(name)
		if !ok {
			t.Fatalf("no tensor %s", name)
		}
		got, want := make([]float32, info.Len()), make([]float32, info.Len())
		if err := f.ReadFloat32(name, got); err != nil {
			t.Fatal(err)
		}
		if err := f.ReadFloat32(name+"_as_f32", want); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("%s[%d] = %v, torch has %v", name, i, got[i], want[i])
			}
		}
	}
}

func BenchmarkDecodeFloats(b *testing.B) {
	src := make([]byte, chunkBytes)
	for i := 0; i+2 <= len(src); i += 2 {
		binary.LittleEndian.PutUint16(src[i:], uint16(0x2c00+i%0x800))
	}
	for _, dtype := range []DType{F32, BF16, F16} {
		b.Run(string(dtype), func(b *testing.B) {
			dst := make([]float32, chunkBytes/dtype.size())
			b.SetBytes(chunkBytes)
			for b.Loop() {
				decodeFloats(dst, src, dtype)
			}
		})
	}
}
