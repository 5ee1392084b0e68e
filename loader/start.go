package loader

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Most adapters start as B A = 0 and add to the base. Some start as a part of
// the base, which is taken away from it, so that training moves that part alone:
//
//	W' = W - s B0 A0 + s B A
//
// The file holds B and A; B0 and A0 follow from W where they are a deterministic
// function of it, and PEFT computes them again when it loads such an adapter:
//
//	OLoRA  B0 = Q[:, :r], A0 = R[:r], W = Q R          (arXiv 2406.01775)
//	PiSSA  s B0 A0 = the r largest singular triplets   (arXiv 2404.02948)
//
// Neither product depends on the signs that a decomposition chooses. Of PiSSA's,
// float32, in which PEFT decomposes, knows only so much as the gap between the
// r-th singular value and the next one lets it: on SmolLM2-135M at rank 16 PEFT
// itself is 7e-5 of a token's norm from the same in float64, this package 3e-6.

// Start says what of W training had moved into B A before it began.
type Start string

// The starts that can be recomputed.
const (
	StartZero  Start = ""
	StartOLoRA Start = "olora"
	StartPiSSA Start = "pissa"
)

// zeroStarts are values of init_lora_weights, beside true and false, that
// leave the base weights as they are.
var zeroStarts = []string{"gaussian", "eva", "orthogonal", "mica"}

// start reads init_lora_weights. The values that are left (corda, loftq,
// lora_ga, pissa_niter_N) depend on training data, a quantisation or random
// numbers: such an adapter belongs to a base that is in no file, unless PEFT
// converted it when it was saved; then it says true here.
func (f *fields) start() Start {
	v := f.values["init_lora_weights"]
	switch v := v.(type) {
	case nil, bool:
		return StartZero
	case string:
		switch lower := strings.ToLower(v); {
		case slices.Contains(zeroStarts, lower):
			return StartZero
		case lower == string(StartOLoRA):
			return StartOLoRA
		case v == string(StartPiSSA):
			return StartPiSSA
		}
	}
	f.failf("init_lora_weights=%s is not supported: it changes the base weights in a way that no file holds; "+
		"save the adapter with PEFT's path_initial_model_for_weight_conversion", shown(v))
	return StartZero
}

// OnBase is the LoRA that does to w (out, in), the base's weight, what l does to
// the base without its start: l itself where that is w, and else one of twice the
// rank. The error says that the start cannot be told from w.
func (l *LoRA) OnBase(w []float32) (*LoRA, error) {
	if l.Start == StartZero {
		return l, nil
	}
	r := min(l.Rank, l.In, l.Out)
	a0, b0, err := l.started(w, r) // (r, in), (out, r)
	if err != nil {
		return nil, err
	}
	whole := *l
	whole.Start = StartZero
	whole.Rank = l.Rank + r
	whole.A = slices.Clone(l.A) // (rank+r, in)
	for _, v := range a0.RawMatrix().Data {
		whole.A = append(whole.A, float32(v))
	}
	whole.B = make([]float32, 0, l.Out*whole.Rank) // (out, rank+r)
	for i := range l.Out {
		whole.B = append(whole.B, l.B[i*l.Rank:(i+1)*l.Rank]...)
		for k := range r {
			whole.B = append(whole.B, float32(-b0.At(i, k)))
		}
	}
	return &whole, nil
}

// started is A0 (r, in) and B0 (out, r), such that s B0 A0 was taken from w.
func (l *LoRA) started(w []float32, r int) (a0, b0 *mat.Dense, err error) {
	x := mat.NewDense(l.Out, l.In, nil)
	for i, v := range w {
		x.RawMatrix().Data[i] = float64(v)
	}
	if l.Start == StartOLoRA {
		// The first r columns of Q depend on the first r columns of W alone, and R[:r] = Q[:, :r]ᵀ W.
		b0 = orthonormal(x.Slice(0, l.Out, 0, r))
	} else if b0, err = leadingLeft(x, r); err != nil {
		return nil, nil, err
	}
	a0 = mat.NewDense(r, l.In, nil)
	a0.Mul(b0.T(), x)
	if l.Start == StartPiSSA { // s B0 A0 is the product whatever s; of OLoRA B0 A0 is
		if l.Scale == 0 {
			return nil, nil, fmt.Errorf("init_lora_weights=pissa with a scale of 0 is not defined")
		}
		a0.Scale(1/l.Scale, a0)
	}
	return a0, b0, nil
}

// orthonormal is Q (rows, cols) of the thin decomposition x = Q R, cols <= rows,
// by Gram-Schmidt, each column twice. gonum's QR gives out the whole of Q, (rows,
// rows), which for an MLP of a large model is a gigabyte.
func orthonormal(x mat.Matrix) *mat.Dense {
	q := mat.DenseCopyOf(x.T()) // (cols, rows): columns lie together
	cols, _ := q.Dims()
	for k := range cols {
		v := q.RawRowView(k)
		for range 2 {
			for j := range k {
				u := q.RawRowView(j)
				floats.AddScaled(v, -floats.Dot(u, v), u)
			}
			if norm := floats.Norm(v, 2); norm > 0 {
				floats.Scale(1/norm, v)
			}
		}
	}
	return mat.DenseCopyOf(q.T())
}

// Subspace iteration of leadingLeft: directions beyond the wanted ones speed it
// up, and it ends when the wanted ones move by less than settled. Float64 could
// do better; float32, in which PEFT decomposes, could not.
const (
	oversampling = 16
	maxSweeps    = 1000
	settled      = 1e-9
)

// leadingLeft is the r leading left singular vectors (out, r) of w (out, in), by
// subspace iteration with a Rayleigh-Ritz step: a full decomposition of a 4096 x
// 4096 matrix takes minutes. Where the r-th singular value is nearly the next one
// they are not defined, which is an error.
func leadingLeft(w *mat.Dense, r int) (*mat.Dense, error) {
	out, in := w.Dims()
	p := min(r+oversampling, out, in)
	rng := rand.New(rand.NewPCG(1, 2)) // any start will do; the same one each time
	x := mat.NewDense(in, p, nil)
	for i := range x.RawMatrix().Data {
		x.RawMatrix().Data[i] = rng.NormFloat64()
	}
	var last *mat.Dense
	for range maxSweeps {
		var y, z mat.Dense
		y.Mul(w, x) // (out, p)
		q := orthonormal(&y)
		z.Mul(w.T(), q) // (in, p)
		var svd mat.SVD
		if !svd.Factorize(&z, mat.SVDThin) {
			break
		}
		var turn mat.Dense
		svd.VTo(&turn) // (p, p): Qᵀ W = V S Uᵀ for z = U S Vᵀ
		svd.UTo(x)     // (in, p), orthonormal
		var vectors mat.Dense
		vectors.Mul(q, turn.Slice(0, p, 0, r)) // (out, r)
		if last != nil && moved(last, &vectors) < settled {
			return &vectors, nil
		}
		last = &vectors
	}
	return nil, fmt.Errorf("init_lora_weights=pissa: singular values %d and %d of the base's weight are too close to tell which part the adapter replaces", r, r+1)
}

// moved is the largest part of a unit vector of b's columns outside the span of
// a's; both have orthonormal columns.
func moved(a, b *mat.Dense) float64 {
	var inner, within, outside mat.Dense
	inner.Mul(a.T(), b)
	within.Mul(a, &inner)
	outside.Sub(b, &within)
	largest := 0.0
	_, cols := outside.Dims()
	for j := range cols {
		largest = math.Max(largest, mat.Norm(outside.ColView(j), 2))
	}
	return largest
}
