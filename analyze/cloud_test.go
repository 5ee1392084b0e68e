package analyze

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plainGram is the definition, in the plainest order.
func plainGram(x []float32, t, d int) []float64 {
	g := make([]float64, t*t)
	for i := range t {
		for j := range t {
			for k := range d {
				g[i*t+j] += float64(x[i*d+k]) * float64(x[j*d+k])
			}
		}
	}
	return g
}

func TestGramAgainstPlain(t *testing.T) {
	for _, s := range []struct{ t, d int }{{0, 3}, {1, 1}, {2, 255}, {3, 256}, {4, 257}, {5, 7}, {9, 600}, {17, 1024}} {
		x := randomState(5, s.t, s.d)
		got, want := NewCloud(x, s.t, s.d).Gram, plainGram(x, s.t, s.d)
		for k := range want {
			// d terms of size about 1 in another order.
			if math.Abs(got[k]-want[k]) > 1e-14*float64(s.d)*5 {
				t.Errorf("T=%d D=%d: product %d is %v, want %v", s.t, s.d, k, got[k], want[k])
			}
		}
	}
}

// Equal rows must be equal to the last bit wherever they stand, or repeated
// tokens would not have cosine 1.
func TestEqualRowsHaveEqualProducts(t *testing.T) {
	const n, d = 11, 301
	row := randomState(9, 1, d)
	var x []float32
	for range n {
		x = append(x, row...)
	}
	c := NewCloud(x, n, d)
	for k, g := range c.Gram {
		if g != c.Gram[0] {
			t.Fatalf("product %d is %v, the first %v", k, g, c.Gram[0])
		}
	}
	for k, v := range newCosines(c).all {
		if v != 1 {
			t.Fatalf("cosine %d is %v", k, v)
		}
	}
}

func TestKeep(t *testing.T) {
	x := randomState(3, 6, 10)
	keep := []int{0, 2, 5}
	var kept []float32
	for _, p := range keep {
		kept = append(kept, x[p*10:(p+1)*10]...)
	}
	want := NewCloud(kept, 3, 10)
	if diff := cmp.Diff(want, NewCloud(x, 6, 10).Keep(keep)); diff != "" {
		t.Error(diff)
	}
	if empty := want.Keep(nil); empty.T != 0 || len(empty.Gram) != 0 {
		t.Errorf("no tokens kept: %+v", empty)
	}
}

func TestCentredAgainstCentredState(t *testing.T) {
	const n, d = 20, 15
	x := randomState(4, n, d)
	centred := make([]float64, n*d)
	for k := range d {
		var m float64
		for i := range n {
			m += float64(x[i*d+k]) / n
		}
		for i := range n {
			centred[i*d+k] = float64(x[i*d+k]) - m
		}
	}
	got := NewCloud(x, n, d).centred(&Cloud{})
	for i := range n {
		for j := range n {
			want := dotPlain(centred[i*d:(i+1)*d], centred[j*d:(j+1)*d])
			if math.Abs(got.Gram[i*n+j]-want) > 1e-12 {
				t.Errorf("product %d, %d is %v, want %v", i, j, got.Gram[i*n+j], want)
			}
			if got.Gram[i*n+j] != got.Gram[j*n+i] {
				t.Errorf("not symmetric at %d, %d", i, j)
			}
		}
	}
}

func TestCloudBinary(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7} {
		c := NewCloud(randomState(1, n, 5), n, 5)
		b := c.AppendBinary([]byte("before"))
		got, rest, err := DecodeCloud(append(b, 1, 2, 3)[len("before"):])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, got); diff != "" || len(rest) != 3 {
			t.Errorf("T=%d: %d bytes left\n%s", n, len(rest), diff)
		}
		if _, _, err := DecodeCloud(b[len("before") : len(b)-1]); err == nil {
			t.Errorf("T=%d: a byte less is no error", n)
		}
	}
	if _, _, err := DecodeCloud([]byte{255, 255, 255, 255, 1, 0, 0, 0}); err == nil {
		t.Error("too many tokens are no error")
	}
}

func FuzzDecodeCloud(f *testing.F) {
	f.Add(NewCloud(randomState(1, 3, 4), 3, 4).AppendBinary(nil))
	f.Add([]byte{0, 0, 16, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rest, err := DecodeCloud(b)
		if err == nil && len(c.AppendBinary(nil))+len(rest) != len(b) {
			t.Errorf("%d bytes read as %d tokens with %d left", len(b), c.T, len(rest))
		}
	})
}
