package theory

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ShortTime bounds how far the tokens of an adapted system can have moved from
// the base's, e(t) = max_i |x_i - x~_i|, from the same start. It bounds the
// Wasserstein distance W_2 of the two clouds too, by the identity coupling.
//
// The proof splits P V x - P~ V~ x~ into the change of the scores, that of the
// values and that of the tokens, uses |softmax(s) - softmax(s')|_1 <=
// max|s - s'|, and ends with Gronwall's lemma.
type ShortTime struct {
	B, AdaptedB *mat.Dense // (d, d), Q'K
	V, AdaptedV *mat.Dense // (d, d)
	Beta        float64
	Radius      float64 // max_i |x_i(0)|; 1 on the sphere
	Sphere      bool
}

// norms are the operator norms that the bound is made of.
type norms struct{ v, dv, b, db, most float64 }

func (s *ShortTime) norms() norms {
	n := norms{v: operatorNorm(s.V), dv: operatorNorm(minus(s.AdaptedV, s.V)),
		b: math.Abs(s.Beta) * operatorNorm(s.AdaptedB), db: math.Abs(s.Beta) * operatorNorm(minus(s.AdaptedB, s.B))}
	n.most = math.Max(n.v, operatorNorm(s.AdaptedV))
	return n
}

// At returns the bound at time t.
func (s *ShortTime) At(t float64) float64 {
	if s.Sphere {
		return s.norms().sphere(t)
	}
	return s.norms().raw(t, s.Radius)
}

// sphere is (beta ||V|| ||DB|| + ||DV||) (e^{Lt} - 1)/L with
// L = ||V|| (1 + 2 beta ||B~||) + ||V~||.
func (n norms) sphere(t float64) float64 {
	rate := n.rate()
	if rate == 0 {
		return n.dv * t
	}
	return (n.v*n.db + n.dv) * math.Expm1(rate*t) / rate
}

func (n norms) rate() float64 { return n.v*(1+2*n.b) + math.Max(n.most, n.v) }

// raw is int_0^t (||V|| ||DB|| R^3 + ||DV|| R) exp(int_s^t ||V|| (1 + 2 ||B~|| R^2)) ds
// with R(s) = R(0) e^{vs}, by Simpson's rule. Past e^700 it is infinite: long
// before that it says nothing.
func (n norms) raw(t, radius float64) float64 {
	if t == 0 {
		return 0
	}
	grown := func(s float64) float64 { return n.v * (s + 2*n.b*radius*radius*integral(2*n.most, s)) }
	end := grown(t)
	if end > 700 {
		return math.Inf(1)
	}
	integrand := func(s float64) float64 {
		r := radius * math.Exp(n.most*s)
		return (n.v*n.db*r*r*r + n.dv*r) * math.Exp(end-grown(s))
	}
	const pieces = 20_000 // some 28 to each e-fold of the steepest integrand allowed
	h := t / pieces
	sum := integrand(0) + integrand(t)
	for k := 1; k < pieces; k++ {
		sum += float64(2+2*(k%2)) * integrand(float64(k)*h)
	}
	return sum * h / 3
}

// integral is int_0^t e^{a u} du.
func integral(a, t float64) float64 {
	if a == 0 {
		return t
	}
	return math.Expm1(a*t) / a
}

// CloseUntil returns the time up to which the bound is at most delta; infinite
// where nothing changes.
func (s *ShortTime) CloseUntil(delta float64) float64 {
	n := s.norms()
	if n.v*n.db+n.dv == 0 {
		return math.Inf(1)
	}
	if s.Sphere {
		return math.Log1p(n.rate()*delta/(n.v*n.db+n.dv)) / n.rate()
	}
	lo, hi := 0.0, 1e-6
	for n.raw(hi, s.Radius) < delta {
		lo, hi = hi, 2*hi
		if hi > 1e12 {
			return math.Inf(1)
		}
	}
	for range 50 {
		if mid := (lo + hi) / 2; n.raw(mid, s.Radius) < delta {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// Bound gives the bound at each of the times and the time it guarantees.
func (s *ShortTime) Bound(times []float64, delta float64) *Bound {
	n := s.norms()
	b := &Bound{Name: "shorttime", Status: Derived,
		Statement: "max_i |x_i(t) - x~_i(t)| <= int_0^t (beta||V|| ||DB|| R^3 + ||DV|| R) exp(int_s^t ||V||(1 + 2 beta||B~|| R^2)) ds, R(t) = max_i |x_i(0)| e^{max(||V||,||V~||) t}; raw dynamics, same start"}
	if s.Sphere {
		b.Statement = "max_i |x_i(t) - x~_i(t)| <= (beta||V|| ||DB|| + ||DV||)(e^{Lt} - 1)/L, L = ||V||(1 + 2 beta||B~||) + ||V~||; softmax attention on the sphere, same start"
	}
	b.assume("the matrices are finite", finiteAll(n.v, n.dv, n.b, n.db), fmt.Sprintf("norms %.4g, %.4g, %.4g, %.4g", n.v, n.dv, n.b, n.db))
	b.assume("beta >= 0", s.Beta >= 0, fmt.Sprintf("beta = %g", s.Beta))
	if s.Sphere {
		b.assume("the tokens are unit vectors", math.Abs(s.Radius-1) < 1e-9, fmt.Sprintf("max |x_i(0)| = %.12g", s.Radius))
	} else {
		b.assume("the radius is finite", finiteAll(s.Radius), fmt.Sprintf("max |x_i(0)| = %g", s.Radius))
	}
	b.add("norm_V", n.v, "||V||")
	b.add("norm_DV", n.dv, "||DV||, the adapter's scale included")
	b.add("norm_DB", n.db, "beta ||DB||")
	b.add("norm_B_adapted", n.b, "beta ||B~||")
	for _, t := range times {
		b.add(fmt.Sprintf("bound(t=%.6g)", t), s.At(t), "")
	}
	if delta > 0 {
		b.add("close_until", s.CloseUntil(delta), fmt.Sprintf("the time up to which max_i |x_i - x~_i| <= %g is guaranteed", delta))
	}
	return b
}

func finiteAll(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
