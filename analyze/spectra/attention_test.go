package spectra

import (
	"encoding/json"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"testing"
)

// attentionCase is a case of testdata/attention.json, made by make_attention.py:
// numpy's values of maps formed whole.
type attentionCase struct {
	Name        string
	D           int
	Heads       int
	KVHeads     int `json:"kv_heads"`
	HeadDim     int `json:"head_dim"`
	Offsets     []int
	Frequencies []float64
	Q, K, V, O  []float64
	VEig        [][2]float64 `json:"v_eig"`
	VSV         []float64    `json:"v_sv"`
	PerHead     []struct {
		Eig     [][2]float64 `json:"ov_eig"`
		SV      []float64    `json:"ov_sv"`
		Copying float64      `json:"ov_copying"`
		Scores  []struct {
			SV        []float64 `json:"qk_sv"`
			Norm      float64   `json:"qk_norm"`
			Symmetric float64   `json:"qk_symmetric"`
			Rank      float64   `json:"qk_rank"`
			Rank64    float64   `json:"qk_rank_float64"`
		}
	} `json:"per_head"`
	LayerSV     []float64 `json:"qk_sv_layer"`
	LayerRank   float64   `json:"qk_rank_layer"`
	LayerRank64 float64   `json:"qk_rank_layer_float64"`
}

func attentionCases(t *testing.T) []attentionCase {
	t.Helper()
	data, err := os.ReadFile("testdata/attention.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []attentionCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

func (c *attentionCase) attention() *Attention {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return &Attention{Q: Matrix{q, c.D, c.Q}, K: Matrix{kv, c.D, c.K}, V: Matrix{kv, c.D, c.V}, O: Matrix{c.D, q, c.O},
		Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim}
}

// found is the values of a quantity, in the order of their index.
func found(t *testing.T, values []Value, head int, quantity string) []complex128 {
	t.Helper()
	var list []complex128
	for _, v := range values {
		if v.Head == head && v.Quantity == quantity {
			if v.Index != len(list) {
				t.Fatalf("head %d: %s: value %d has index %d", head, quantity, len(list), v.Index)
			}
			list = append(list, complex(v.Re, v.Im))
		}
	}
	return list
}

// sameList compares values with those of a reference, relative to the largest.
func sameList(t *testing.T, what string, got []complex128, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, reference %d", what, len(got), len(want))
	}
	for i, w := range want {
		if math.Abs(real(got[i])-w) > tolerance*math.Abs(want[0]) || imag(got[i]) != 0 {
			t.Errorf("%s: value %d is %v, reference %v", what, i, got[i], w)
		}
	}
}

// sameSet compares eigenvalues, in whatever order.
func sameSet(t *testing.T, what string, got []complex128, want [][2]float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d eigenvalues, reference %d", what, len(got), len(want))
	}
	taken := make([]bool, len(got))
	for _, w := range want {
		wanted := complex(w[0], w[1])
		best := -1
		for i, g := range got {
			if !taken[i] && (best < 0 || cmplx.Abs(g-wanted) < cmplx.Abs(got[best]-wanted)) {
				best = i
			}
		}
		if taken[best] = true; cmplx.Abs(got[best]-wanted) > tolerance*cmplx.Abs(got[0]) {
			t.Errorf("%s: the eigenvalue nearest to %v of the reference is %v", what, wanted, got[best])
		}
	}
}

// TestAttention compares with maps formed whole. Rounding of two float64
// computations leaves singular values 1e-14 of the largest; eigenvalues of these
// maps, which are far from normal, 1e-12.
func TestAttention(t *testing.T) {
	for _, c := range attentionCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			a := c.attention()
			v, err := V(Gonum{}, a.V.Clone(), 0)
			if err != nil {
				t.Fatal(err)
			}
			sameList(t, "v_sv", found(t, v, Whole, "v_sv"), c.VSV, 1e-14)
			sameSet(t, "v_eig", found(t, v, Whole, "v_eig"), c.VEig, 1e-13)
			ov, err := OV(Gonum{}, a)
			if err != nil {
				t.Fatal(err)
			}
			qk, err := QK(Gonum{}, a, c.Offsets, c.Frequencies)
			if err != nil {
				t.Fatal(err)
			}
			for h, want := range c.PerHead {
				what := fmt.Sprintf("head %d: ", h)
				sameSet(t, what+"ov_eig", found(t, ov, h, "ov_eig"), want.Eig, 1e-12)
				sameList(t, what+"ov_sv", found(t, ov, h, "ov_sv"), want.SV, 1e-14)
				sameList(t, what+"ov_copying", found(t, ov, h, "ov_copying"), []float64{want.Copying}, 1e-10)
				for i, w := range want.Scores {
					at := ""
					if c.Offsets[i] != 0 {
						at = fmt.Sprintf("@%d", c.Offsets[i])
					}
					sameList(t, what+"qk_sv"+at, found(t, qk, h, "qk_sv"+at), w.SV, 1e-14)
					for quantity, value := range map[string]float64{"qk_norm": w.Norm, "qk_symmetric": w.Symmetric, "qk_rank": w.Rank, "qk_rank_float64": w.Rank64} {
						sameList(t, what+quantity+at, found(t, qk, h, quantity+at), []float64{value}, 1e-13)
					}
				}
			}
			layer, err := QKLayer(Gonum{}, a, 0)
			if err != nil {
				t.Fatal(err)
			}
			sameList(t, "qk_sv_layer", found(t, layer, Whole, "qk_sv_layer"), c.LayerSV, 1e-14)
			sameList(t, "qk_rank_layer", found(t, layer, Whole, "qk_rank_layer"), []float64{c.LayerRank}, 0)
			sameList(t, "qk_rank_layer_float64", found(t, layer, Whole, "qk_rank_layer_float64"), []float64{c.LayerRank64}, 0)
		})
	}
}

// TestTop: the leading values are those of all, and what they do not tell is left out.
func TestTop(t *testing.T) {
	c := attentionCases(t)[0]
	a := c.attention()
	all, err := V(Gonum{}, a.V.Clone(), 0)
	if err != nil {
		t.Fatal(err)
	}
	some, err := V(Gonum{}, a.V.Clone(), 3)
	if err != nil {
		t.Fatal(err)
	}
	eig := found(t, some, Whole, "v_eig")
	if n := len(eig); n < 3 || n > 4 || n == 4 && imag(eig[3]) != -imag(eig[2]) {
		t.Errorf("leading eigenvalues %v", eig)
	}
	for i, v := range found(t, all, Whole, "v_eig")[:len(eig)] {
		if cmplx.Abs(v-eig[i]) > 1e-12 {
			t.Errorf("eigenvalue %d is %v among the leading ones, %v among all", i, eig[i], v)
		}
	}
	sameList(t, "v_sv", found(t, some, Whole, "v_sv"), c.VSV[:3], 1e-13)
	if got := found(t, some, Whole, "v_complex"); got != nil {
		t.Errorf("the share of complex eigenvalues follows from 3 of them: %v", got)
	}
	layer, err := QKLayer(Gonum{}, a, 3)
	if err != nil {
		t.Fatal(err)
	}
	sameList(t, "qk_sv_layer", found(t, layer, Whole, "qk_sv_layer"), c.LayerSV[:3], 1e-13)
	if got := found(t, layer, Whole, "qk_rank_layer"); got != nil {
		t.Errorf("the rank follows from 3 singular values: %v", got)
	}
}

// TestLeading: by hand.
func TestLeading(t *testing.T) {
	for _, c := range []struct {
		eig  []complex128
		want Leading
	}{
		{[]complex128{1, 3, -4, 0}, Leading{Eigenvalue: 3, Gap: 2, Radius: 4, RadiusGap: 1, Complex: 0, Positive: 0.5}},
		{[]complex128{3 - 4i, 3 + 4i, 2, -1}, Leading{Eigenvalue: 3 + 4i, Gap: 0, Radius: 5, RadiusGap: 0, Complex: 0.5, Positive: 0.75}},
		{[]complex128{-2}, Leading{Eigenvalue: -2, Radius: 2}},
		{nil, Leading{}},
	} {
		if got := NewLeading(c.eig); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.eig, got, c.want)
		}
	}
}

// TestScale: gains folded into columns and heads.
func TestScale(t *testing.T) {
	m := Matrix{4, 2, []float64{1, 2, 3, 4, 5, 6, 7, 8}}
	m.ScaleCols([]float64{10, 100})
	m.ScaleHeads([]float64{1, -1})
	for i, want := range []float64{10, 200, -30, -400, 50, 600, -70, -800} {
		if m.Data[i] != want {
			t.Errorf("value %d is %v, want %v", i, m.Data[i], want)
		}
	}
}

// TestRefusesNaN: a weight that is not finite is an error, and no endless iteration.
func TestRefusesNaN(t *testing.T) {
	for name, of := range map[string]func(a *Attention) error{
		"V":       func(a *Attention) error { _, err := V(Gonum{}, a.V, 0); return err },
		"OV":      func(a *Attention) error { _, err := OV(Gonum{}, a); return err },
		"QK":      func(a *Attention) error { _, err := QK(Gonum{}, a, []int{0}, nil); return err },
		"QKLayer": func(a *Attention) error { _, err := QKLayer(Gonum{}, a, 0); return err },
	} {
		a := attentionCases(t)[0].attention()
		for _, m := range []Matrix{a.Q, a.K, a.V, a.O} {
			m.Data[7] = math.NaN()
		}
		if of(a) == nil {
			t.Errorf("%s of NaN is no error", name)
		}
	}
}

// random is a matrix of normal numbers.
func random(rng *rand.Rand, rows, cols int) Matrix {
	m := NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

// TestLower: L L' = M M', since the rows of Q are orthonormal.
func TestLower(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][2]int{{3, 7}, {40, 90}, {5, 5}, {7, 3}, {1, 1}} {
		m := random(rng, shape[0], shape[1])
		l := m.lower()
		want := m.times(Gonum{}, false, m, true)
		for i, v := range l.times(Gonum{}, false, l, true).Data {
			if math.Abs(v-want.Data[i]) > 1e-13*want.Norm() {
				t.Fatalf("%v: value %d is %v, want %v", shape, i, v, want.Data[i])
			}
		}
	}
}
