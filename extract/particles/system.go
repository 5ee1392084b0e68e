package particles

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Dynamics names an equation of motion; the package doc lists them.
type Dynamics string

// The dynamics.
const (
	Raw             Dynamics = "raw"
	Rescaled        Dynamics = "rescaled"
	SphereSoftmax   Dynamics = "sphere_softmax"
	SphereUSA       Dynamics = "sphere_usa"
	Discrete        Dynamics = "discrete"
	DiscreteSphere  Dynamics = "discrete_sphere"
	DiscretePrenorm Dynamics = "discrete_prenorm"
)

var allDynamics = []Dynamics{Raw, Rescaled, SphereSoftmax, SphereUSA, Discrete, DiscreteSphere, DiscretePrenorm}

// OnSphere says whether tokens are unit vectors.
func (d Dynamics) OnSphere() bool {
	return d == SphereSoftmax || d == SphereUSA || d == DiscreteSphere
}

// InSteps says whether time is a count of layers rather than continuous.
func (d Dynamics) InSteps() bool {
	return d == Discrete || d == DiscreteSphere || d == DiscretePrenorm
}

// System is one attention dynamics of n tokens in R^d.
type System struct {
	Dynamics Dynamics
	N, D     int
	Beta     float64
	Causal   bool
	Layers   []Layer // in the order of their starts; the first starts at 0
	StepSize float64 // h of the discrete dynamics
	NormEps  float64 // of discrete_prenorm, N(x) = x/sqrt(|x|^2/d + eps)

	// Literal evaluates the rescaled attention as the paper's script does,
	// 1/sum_k exp(<A y_i, A (y_k - y_j)>) with y = e^{tV} z, so that it
	// overflows where the script's does.
	Literal bool
}

// Layer is what acts from a time on; of a discrete dynamics, from a step on.
type Layer struct {
	Start float64
	Heads []Head
}

// Head is one attention head. Its value map is V, or O V where O is given, as
// in a network whose heads are narrower than its residual stream.
type Head struct {
	Q, K []float64 // (k, d)
	V    []float64 // (v, d)
	O    []float64 // (d, v), or nil for the identity, with v = d
}

// New returns a system of one head that does not change.
func New(dynamics Dynamics, n, d int, q, k, v []float64) *System {
	return &System{Dynamics: dynamics, N: n, D: d, Beta: 1, StepSize: 1,
		Layers: []Layer{{Heads: []Head{{Q: q, K: k, V: v}}}}}
}

// Identity returns the d x d identity, (d, d).
func Identity(d int) []float64 {
	return Diagonal(slices.Repeat([]float64{1}, d))
}

// Diagonal returns the diagonal matrix of the values, (d, d).
func Diagonal(values []float64) []float64 {
	d := len(values)
	out := make([]float64, d*d)
	for i, v := range values {
		out[i*d+i] = v
	}
	return out
}

// check refuses what no integrator could make sense of.
func (s *System) check() error {
	switch {
	case !slices.Contains(allDynamics, s.Dynamics):
		return fmt.Errorf("dynamics: %q is not one of %s", s.Dynamics, dynamicsNames())
	case s.N < 1:
		return fmt.Errorf("n: %d tokens", s.N)
	case s.D < 1:
		return fmt.Errorf("d: %d dimensions", s.D)
	case !finite(s.Beta):
		return fmt.Errorf("beta: %g is not finite", s.Beta)
	case !finite(s.StepSize):
		return fmt.Errorf("h: %g is not finite", s.StepSize)
	case !(s.NormEps >= 0) || !finite(s.NormEps):
		return fmt.Errorf("norm_eps: %g is not 0 or more", s.NormEps)
	case len(s.Layers) == 0 || s.Layers[0].Start != 0:
		return fmt.Errorf("layers: the first must start at 0")
	}
	for i, l := range s.Layers {
		if i > 0 && !(l.Start > s.Layers[i-1].Start) {
			return fmt.Errorf("layers: start %g of layer %d does not follow %g", l.Start, i, s.Layers[i-1].Start)
		}
		if err := s.checkLayer(l); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	if s.Dynamics == Rescaled && (len(s.Layers) > 1 || len(s.Layers[0].Heads) > 1 || s.Layers[0].Heads[0].O != nil) {
		return fmt.Errorf("rescaled: e^{tV} is defined for one head with one V that does not change")
	}
	if s.Literal && s.Dynamics != Rescaled {
		return fmt.Errorf("the paper's attention is defined for the rescaled dynamics, not for %s", s.Dynamics)
	}
	if s.Literal && s.Causal {
		return fmt.Errorf("causal: the paper's attention has no mask")
	}
	return nil
}

func dynamicsNames() string {
	names := make([]string, len(allDynamics))
	for i, d := range allDynamics {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

func (s *System) checkLayer(l Layer) error {
	if len(l.Heads) == 0 {
		return fmt.Errorf("no heads")
	}
	for i := range l.Heads {
		h := &l.Heads[i]
		for _, m := range []struct {
			name string
			x    []float64
		}{{"Q", h.Q}, {"K", h.K}, {"V", h.V}} {
			if len(m.x) == 0 || len(m.x)%s.D != 0 {
				return fmt.Errorf("head %d: %s has %d numbers, which are no rows of d = %d", i, m.name, len(m.x), s.D)
			}
			if k := slices.IndexFunc(m.x, notFinite); k >= 0 {
				return fmt.Errorf("head %d: %s[%d][%d] is %g", i, m.name, k/s.D, k%s.D, m.x[k])
			}
		}
		switch v := len(h.V) / s.D; {
		case len(h.Q) != len(h.K):
			return fmt.Errorf("head %d: Q has %d rows and K %d", i, len(h.Q)/s.D, len(h.K)/s.D)
		case h.O == nil && v != s.D:
			return fmt.Errorf("head %d: V is %d x %d, not %d x %d", i, v, s.D, s.D, s.D)
		case h.O != nil && len(h.O) != s.D*v:
			return fmt.Errorf("head %d: O has %d numbers, not %d x %d", i, len(h.O), s.D, v)
		}
	}
	return nil
}

// checkTokens refuses an initial state that the system cannot start from.
func (s *System) checkTokens(x0 []float64) error {
	if len(x0) != s.N*s.D {
		return fmt.Errorf("x0: %d numbers, not n x d = %d x %d", len(x0), s.N, s.D)
	}
	if k := slices.IndexFunc(x0, notFinite); k >= 0 {
		return fmt.Errorf("x0[%d][%d] is %g", k/s.D, k%s.D, x0[k])
	}
	if !s.Dynamics.OnSphere() && (s.Dynamics != DiscretePrenorm || s.NormEps > 0) {
		return nil
	}
	for i := range s.N {
		if norm(x0[i*s.D:(i+1)*s.D]) == 0 {
			return fmt.Errorf("x0[%d] is zero, which has no direction: %s needs one", i, s.Dynamics)
		}
	}
	return nil
}

// layerAt returns the index of the layer that acts at time t. A grid of time
// steps meets the starts only up to rounding.
func (s *System) layerAt(t float64) int {
	slack := 1e-9 * math.Max(1, math.Abs(t))
	k := 0
	for k+1 < len(s.Layers) && s.Layers[k+1].Start <= t+slack {
		k++
	}
	return k
}

func finite(v float64) bool    { return !math.IsNaN(v) && !math.IsInf(v, 0) }
func notFinite(v float64) bool { return !finite(v) }

// norm is the Euclidean length of x.
func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }

func dot(x, y []float64) float64 {
	var s float64
	for i, v := range x {
		s += v * y[i]
	}
	return s
}
