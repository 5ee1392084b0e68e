package testmodel

import (
	"encoding/binary"
	"encoding/json"
	"testing"
)

// The halves are numpy 2.4.6's: np.array([...], np.float64).astype(np.float16).view(np.uint16).
func TestF16(t *testing.T) {
	for v, want := range map[float64]uint16{
		0: 0x0000, 1: 0x3c00, -2: 0xc000, 0.1: 0x2e66, -0.3: 0xb4cd, 65504: 0x7bff,
		1.00048828125:  0x3c00, // half-way, to even
		1.00146484375:  0x3c02, // half-way, to even
		1.9999:         0x4000, // carries into the exponent
		6.103515625e-5: 0x0400, // least normal
		6.1e-5:         0x03ff, // subnormal
		5.9e-8:         0x0001, // least subnormal
		2.9e-8:         0x0000,
	} {
		if got := toF16(v); got != want {
			t.Errorf("toF16(%g) = %#04x, want %#04x", v, got, want)
		}
	}
}

// The values are torch 2.15's: torch.tensor(v).bfloat16().view(torch.int16).
func TestBF16(t *testing.T) {
	for v, want := range map[float32]uint16{
		0: 0x0000, 1: 0x3f80, -2: 0xc000, 0.1: 0x3dcd, -0.3: 0xbe9a,
		1.00390625: 0x3f80, // half-way, to even
		1.01171875: 0x3f82, // half-way, to even
	} {
		if got := toBF16(v); got != want {
			t.Errorf("toBF16(%g) = %#04x, want %#04x", v, got, want)
		}
	}
}

type headerEntry struct {
	DType   string
	Shape   []int
	Offsets [2]int `json:"data_offsets"`
}

func parseHeader(t *testing.T, file []byte) (header map[string]headerEntry, size int) {
	t.Helper()
	size = int(binary.LittleEndian.Uint64(file))
	if size%8 != 0 {
		t.Errorf("header of %d bytes leaves the values unaligned", size)
	}
	if err := json.Unmarshal(file[8:8+size], &header); err != nil {
		t.Fatal(err)
	}
	return header, size
}
