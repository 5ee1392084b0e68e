package particles

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/layerclust/layerclust/analyze/theory"
)

// ShortTimeOf is the short-time bound for two systems of one head that start
// from x0.
func ShortTimeOf(base, adapted *System, x0 []float64) *theory.ShortTime {
	h, a := base.Layers[0].Heads[0], adapted.Layers[0].Heads[0]
	d := base.D
	s := &theory.ShortTime{B: scoreForm(h, d), AdaptedB: scoreForm(a, d), V: valueMap(h, d), AdaptedV: valueMap(a, d),
		Beta: base.Beta, Sphere: base.Dynamics.OnSphere()}
	for i := 0; i < len(x0); i += d {
		s.Radius = math.Max(s.Radius, norm(x0[i:i+d]))
	}
	return s
}

// scoreForm is B = Q'K, (d, d), so that <Q x, K y> = x' B y.
func scoreForm(h Head, d int) *mat.Dense {
	var b mat.Dense
	b.Mul(mat.NewDense(len(h.Q)/d, d, h.Q).T(), mat.NewDense(len(h.K)/d, d, h.K))
	return &b
}

// valueMap is V, or O V, (d, d).
func valueMap(h Head, d int) *mat.Dense {
	v := mat.NewDense(len(h.V)/d, d, h.V)
	if h.O == nil {
		return v
	}
	var m mat.Dense
	m.Mul(mat.NewDense(d, len(h.V)/d, h.O), v)
	return &m
}
