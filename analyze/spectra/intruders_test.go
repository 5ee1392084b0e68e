package spectra

import (
	"math"
	"math/rand/v2"
	"testing"
)

var someThresholds = []float64{0.1, 0.5, 0.9}

// separated is a matrix (out, in) with singular values 2, 1.9, 1.8 ...: far enough
// apart that its singular vectors are not a matter of rounding.
func separated(t *testing.T, rng *rand.Rand, out, in int) Matrix {
	t.Helper()
	d, err := topTriplets(Gonum{}, random(rng, out, in), min(out, in))
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.S {
		d.S[i] = 2 * math.Pow(0.95, float64(i))
	}
	d.U.ScaleCols(d.S)
	return d.U.times(Gonum{}, false, d.V, false)
}

// intrusion is what Intruders finds for W + dW.
func intrusion(t *testing.T, w Matrix, c Change) []Value {
	t.Helper()
	basis, err := NewBasis(Gonum{}, w.Clone())
	if err != nil {
		t.Fatal(err)
	}
	adapted := w.Clone()
	c.AddTo(adapted)
	values, err := Intruders(Gonum{}, "v_proj", basis, adapted, c, someThresholds)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestIntrudersPlanted: a large direction that is no singular vector of W becomes
// the leading one of W', and its largest cosine is the one by which it was made.
// Of out = in = n dimensions its cosines with the n basis vectors are all 1/sqrt(n).
func TestIntrudersPlanted(t *testing.T) {
	const n = 64
	rng := rand.New(rand.NewPCG(1, 1))
	w := separated(t, rng, n, n)
	d, err := topTriplets(Gonum{}, w, n)
	if err != nil {
		t.Fatal(err)
	}
	b, a := make([]float32, n), make([]float32, n) // the sum of all u_i, of all v_i, over sqrt(n)
	for i := range n {
		for j := range n {
			b[i] += float32(d.U.Data[i*n+j]) / 8
			a[i] += float32(d.V.Data[j*n+i]) / 8
		}
	}
	c := Change{Low: &Factors{Rank: 1, In: n, Out: n, A: a, B: b, Scale: 1000}, Rank: 1}
	values := intrusion(t, w, c)
	for side, quantity := range map[string]string{"": "left", "_right": "right"} {
		cosines := found(t, values, Whole, "intruder_cosine"+side)
		// W bends the leading direction by |W|/1000, and float32 the factors.
		if len(cosines) != 10 || math.Abs(real(cosines[0])-0.125) > 2e-3 {
			t.Errorf("%s: cosines %v, want 1/8 for the first", quantity, cosines)
		}
		counts := found(t, values, Whole, "intruders"+side)
		below := make([]float64, len(someThresholds))
		for i, eps := range someThresholds {
			for _, c := range cosines {
				if real(c) < eps {
					below[i]++
				}
			}
			if real(counts[i]) != below[i] {
				t.Errorf("%s: %v vectors below %v, counted %v", quantity, below[i], eps, real(counts[i]))
			}
		}
		if below[0] != 0 || below[1] != 1 {
			t.Errorf("%s: intruders %v, want none below 0.1 and one below 0.5", quantity, below)
		}
	}
}

// TestIntrudersOfCopy: W' = 3 W has the singular vectors of W, so no intruder, and
// all of dW lies in W's basis in proportion to its squared singular values.
func TestIntrudersOfCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][2]int{{40, 40}, {60, 30}, {30, 60}} {
		w := separated(t, rng, shape[0], shape[1])
		twice := w.Clone()
		for i := range twice.Data {
			twice.Data[i] *= 2
		}
		values := intrusion(t, w, Change{Dense: twice})
		for _, side := range []string{"", "_right"} {
			for i, v := range found(t, values, Whole, "intruder_cosine"+side) {
				if math.Abs(real(v)-1) > 1e-7 { // the basis has float32's precision
					t.Errorf("%v: cosine%s %d is %v, want 1", shape, side, i, v)
				}
			}
			for i, v := range found(t, values, Whole, "intruders"+side) {
				if v != 0 {
					t.Errorf("%v: %v intruders%s below %v", shape, v, side, someThresholds[i])
				}
			}
		}
		var first, sum float64
		for i := range min(shape[0], shape[1]) {
			s := math.Pow(0.95, float64(2*i))
			if sum += s; i < 4 {
				first += s
			}
		}
		for _, quantity := range []string{"share_left", "share_right"} {
			got := math.NaN()
			for _, v := range values {
				if v.Quantity == quantity && v.Index == 4 {
					got = v.Re
				}
			}
			if math.Abs(got-first/sum) > 1e-6 {
				t.Errorf("%v: %s of 4 directions %v, want %v", shape, quantity, got, first/sum)
			}
		}
	}
}

// TestShares: a product and the same change whole lie in the same place, and a
// change along u_3 v_5' has all of it there.
func TestShares(t *testing.T) {
	const out, in = 24, 16
	rng := rand.New(rand.NewPCG(1, 3))
	w := separated(t, rng, out, in)
	d, err := topTriplets(Gonum{}, w, in)
	if err != nil {
		t.Fatal(err)
	}
	b, a := make([]float32, out), make([]float32, in)
	for i := range b {
		b[i] = float32(d.U.Data[i*in+2]) // u_3
	}
	narrow32(a, d.V.Data[4*in:]) // v_5
	low := Change{Low: &Factors{Rank: 1, In: in, Out: out, A: a, B: b, Scale: -0.3}, Rank: 1}
	whole := NewMatrix(out, in)
	low.AddTo(whole)
	for name, values := range map[string][]Value{"product": intrusion(t, w, low), "whole": intrusion(t, w, Change{Dense: whole, Rank: 1})} {
		for _, v := range values {
			var want float64
			switch v.Quantity {
			case "share_left":
				want = map[bool]float64{true: 1}[v.Index >= 3]
			case "share_right":
				want = map[bool]float64{true: 1}[v.Index >= 5]
			default:
				continue
			}
			if math.Abs(v.Re-want) > 1e-6 {
				t.Errorf("%s: %s of %d directions is %v, want %v", name, v.Quantity, v.Index, v.Re, want)
			}
		}
	}
}

func narrow32(dst []float32, x []float64) {
	for i := range dst {
		dst[i] = float32(x[i])
	}
}

// TestPlace: the ratios of a change made along W's own directions, by hand. With
// dW = s u_1 v_1' the amplification is s over sigma_1.
func TestPlace(t *testing.T) {
	const out, in = 20, 12
	rng := rand.New(rand.NewPCG(1, 4))
	w := separated(t, rng, out, in)
	d, err := topTriplets(Gonum{}, w, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, a := make([]float32, out), make([]float32, in)
	narrow32(b, d.U.Data)
	narrow32(a, d.V.Data)
	placing, err := NewPlacing(Gonum{}, w)
	if err != nil {
		t.Fatal(err)
	}
	low := Change{Low: &Factors{Rank: 1, In: in, Out: out, A: a, B: b, Scale: -0.5}, Rank: 1}
	whole := NewMatrix(out, in)
	low.AddTo(whole)
	for name, c := range map[string]Change{"product": low, "whole": {Dense: whole, Rank: 1}} {
		values, err := placing.Place("q_proj", c, 0)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{"relative_norm": 0.5 / w.Norm(), "sigma_ratio": 0.25, "amplification": 0.25}
		if name == "whole" {
			want["effective_norm"] = 0.5
			sv := found(t, values, Whole, "effective_sv")
			sameList(t, "effective_sv", sv, append([]float64{0.5}, make([]float64, in-1)...), 1e-7)
		}
		for quantity, w := range want {
			got := found(t, values, Whole, quantity)
			if len(got) != 1 || math.Abs(real(got[0])-w) > 1e-7*w { // the factors are in float32
				t.Errorf("%s: %s is %v, want %v", name, quantity, got, w)
			}
		}
	}
}

// TestPlaceZero: an adapter as before training changes nothing and amplifies nothing.
func TestPlaceZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	w := random(rng, 8, 6)
	placing, err := NewPlacing(Gonum{}, w)
	if err != nil {
		t.Fatal(err)
	}
	c := Change{Low: &Factors{Rank: 2, In: 6, Out: 8, A: make([]float32, 12), B: make([]float32, 16), Scale: 1}, Rank: 2}
	values, err := placing.Place("q_proj", c, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if v.Re != 0 || v.Quantity == "amplification" {
			t.Errorf("%+v of no change", v)
		}
	}
	for _, v := range intrusion(t, separated(t, rng, 20, 20), Change{Dense: NewMatrix(20, 20)}) {
		if v.Quantity == "share_left" {
			t.Errorf("%+v of no change", v)
		}
	}
}
