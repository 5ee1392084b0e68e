package loader

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestOnBase: with B A as training finds them at its beginning, the whole update
// is 0 whatever the scale. For PiSSA the parts come from a full decomposition.
func TestOnBase(t *testing.T) {
	const out, in, r, scale = 30, 50, 3, 1.7
	rng := rand.New(rand.NewPCG(3, 4))
	w := make([]float32, out*in)
	x := mat.NewDense(out, in, nil)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
		x.RawMatrix().Data[i] = float64(w[i])
	}
	var svd mat.SVD
	if !svd.Factorize(x, mat.SVDThin) {
		t.Fatal("no decomposition")
	}
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	pissa := &LoRA{Rank: r, In: in, Out: out, Scale: scale, Start: StartPiSSA, A: make([]float32, r*in), B: make([]float32, out*r)}
	for k, s := range svd.Values(nil)[:r] {
		root := math.Sqrt(s / scale)
		for i := range out {
			pissa.B[i*r+k] = float32(root * u.At(i, k))
		}
		for j := range in {
			pissa.A[k*in+j] = float32(root * v.At(j, k))
		}
	}
	var qr mat.QR // of as many columns as there are rows, which is all that Q depends on
	qr.Factorize(x.Slice(0, out, 0, out))
	var q mat.Dense // (out, out)
	qr.QTo(&q)
	olora := &LoRA{Rank: r, In: in, Out: out, Scale: scale, Start: StartOLoRA, A: make([]float32, r*in), B: make([]float32, out*r)}
	var triangle mat.Dense
	triangle.Mul(q.T(), x) // (out, in)
	for k := range r {
		for i := range out {
			olora.B[i*r+k] = float32(-q.At(i, k)) // another sign, the same product
		}
		for j := range in {
			olora.A[k*in+j] = float32(-triangle.At(k, j))
		}
	}
	for _, l := range []*LoRA{pissa, olora} {
		whole, err := l.OnBase(w)
		if err != nil {
			t.Fatal(err)
		}
		if whole.Rank != 2*r || whole.Start != StartZero || l.Rank != r {
			t.Errorf("%s: rank %d of %d", l.Start, whole.Rank, l.Rank)
		}
		update, base := whole.UpdateNorms(w)
		if update > 1e-6*base { // float32 parts
			t.Errorf("%s: the update is %v of %v", l.Start, update, base)
		}
		l.A[0]++ // what training did is what remains
		if whole, err = l.OnBase(w); err != nil {
			t.Fatal(err)
		}
		column := 0.0
		for i := range out {
			column += scale * scale * float64(l.B[i*r]) * float64(l.B[i*r])
		}
		if update, _ := whole.UpdateNorms(w); math.Abs(update-math.Sqrt(column)) > 1e-5 {
			t.Errorf("%s: the trained update is %v, want %v", l.Start, update, math.Sqrt(column))
		}
	}
}

// TestOnBaseRefuses: of an identity no direction is the first.
func TestOnBaseRefuses(t *testing.T) {
	const n = 40 // more than the directions that the iteration keeps
	w := make([]float32, n*n)
	for i := range n {
		w[i*n+i] = 1
	}
	l := &LoRA{Rank: 2, In: n, Out: n, Scale: 1, Start: StartPiSSA, A: make([]float32, 2*n), B: make([]float32, n*2)}
	if _, err := l.OnBase(w); err == nil {
		t.Error("the leading part of an identity was found")
	}
}
