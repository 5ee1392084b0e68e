package particles

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/layerclust/layerclust/analyze/theory"
)

// The short-time bound is never passed by a run, raw or on the sphere.
func TestShortTimeBoundHolds(t *testing.T) {
	for _, dynamics := range []Dynamics{Raw, SphereSoftmax} {
		tightest := 0.0
		for seed := range uint32(30) {
			const n, d = 8, 3
			base, x0 := randomSystem(dynamics, n, d, seed)
			base.Beta = 0.5 + float64(seed%3)/2
			adapted := *base
			h := base.Layers[0].Heads[0]
			r := NewRandom(1000 + seed)
			eps := 0.1 * math.Pow(0.1, float64(seed%3))
			adapted.Layers = []Layer{{Heads: []Head{{Q: nudged(h.Q, r, eps), K: nudged(h.K, r, eps), V: nudged(h.V, r, eps)}}}}
			bound := ShortTimeOf(base, &adapted, x0)
			o := Options{T: 0.6, Dt: 0.1}
			one, err := Run(t.Context(), base, x0, o)
			if err != nil {
				t.Fatal(err)
			}
			two, err := Run(t.Context(), &adapted, x0, o)
			if err != nil {
				t.Fatal(err)
			}
			for k, at := range one.Times[1:] {
				ratio := PerToken(one.X[k+1], two.X[k+1], d) / bound.At(at)
				tightest = math.Max(tightest, ratio)
				if ratio > 1 {
					t.Errorf("%s seed %d t %g: error over bound %g", dynamics, seed, at, ratio)
				}
			}
		}
		t.Logf("%s: largest error over bound %.3f", dynamics, tightest)
		if tightest < 0.01 {
			t.Errorf("%s: a largest ratio of %g shows nothing", dynamics, tightest)
		}
	}
}

func nudged(m []float64, r *Random, eps float64) []float64 {
	out := r.Normal(len(m))
	for i := range out {
		out[i] = m[i] + eps*out[i]
	}
	return out
}

// The particles themselves follow the equation of their inner product.
func TestParticlesAreEquiangular(t *testing.T) {
	for _, dynamics := range []Dynamics{SphereSoftmax, SphereUSA} {
		const n, beta = 5, 1.5
		s := New(dynamics, n, n, Identity(n), Identity(n), Identity(n))
		s.Beta = beta
		tr, err := Run(t.Context(), s, Identity(n), Options{T: 4, Dt: 0.5, RTol: 1e-12, ATol: 1e-14})
		if err != nil {
			t.Fatal(err)
		}
		gamma := theory.Equiangular{N: n, Beta: beta, Unnormalised: dynamics == SphereUSA}.At(0, tr.Times)
		for k, x := range tr.X {
			if _, cosine := MeanCosine(x, n); math.Abs(cosine-gamma[k]) > 1e-9 {
				t.Errorf("%s t = %g: mean cosine %.12g, equation %.12g", dynamics, tr.Times[k], cosine, gamma[k])
			}
		}
	}
}

// A consensus drifts to the leading direction by the formula's time.
func TestConsensusDrifts(t *testing.T) {
	const eps, theta, delta = 0.1, 1.0, 0.05
	v := Diagonal([]float64{1, 1 - eps})
	s := New(SphereSoftmax, 3, 2, Identity(2), Identity(2), v)
	c := []float64{math.Cos(theta), math.Sin(theta)}
	b, err := theory.Consensus(mat.NewDense(2, 2, v), c, delta)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Run(t.Context(), s, []float64{c[0], c[1], c[0], c[1], c[0], c[1]}, Options{T: b.Get("T"), Dt: b.Get("T")})
	if err != nil {
		t.Fatal(err)
	}
	if angle := math.Atan2(tr.Last()[1], tr.Last()[0]); math.Abs(angle-delta) > 1e-9 {
		t.Errorf("angle %.12g at T = %g, not %g", angle, b.Get("T"), delta)
	}
}
