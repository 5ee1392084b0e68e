package particles

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Integrator names a method for the dynamics in continuous time.
type Integrator string

// The integrators.
const (
	Euler    Integrator = "euler"
	RK4      Integrator = "rk4"
	Adaptive Integrator = "adaptive"
)

// Integrators lists them all.
var Integrators = []Integrator{Euler, RK4, Adaptive}

// Sizes beyond which a run is refused rather than begun.
const (
	MaxSteps  = 5_000_000  // of T/dt, and of what adaptive may take
	MaxStored = 50_000_000 // numbers of a Trajectory: times x n x d
	maxPairs  = 1 << 31    // n^2, a step's work
)

// Tolerances of the adaptive method, and what the goldens were compared at.
const (
	DefaultRTol = 1e-10
	DefaultATol = 1e-12
)

// Options say how far and how finely to integrate.
type Options struct {
	Integrator Integrator // default adaptive; of no meaning to a discrete dynamics
	T, Dt      float64    // end and step; Dt spaces the outputs of adaptive
	Times      []float64  // when to observe; default every Dt from 0 to T
	RTol, ATol float64    // of adaptive; default 1e-10 and 1e-12
	Threads    int        // default: as many as are worth while
}

// Stats says what a run cost and whether it ended early.
type Stats struct {
	Steps, Evals int
	Rejected     int     // steps that adaptive took back
	BlewUp       bool    // the state stopped being finite
	BlowUpTime   float64 // by this time
}

// Trajectory is a run kept in memory.
type Trajectory struct {
	N, D  int
	Times []float64
	X     [][]float64 // (times, n d)
	Stats
}

// Last is the final state, (n, d).
func (tr *Trajectory) Last() []float64 { return tr.X[len(tr.X)-1] }

// observer is shown the state at each time asked for; false ends the run. The
// slice is the integrator's own.
type observer func(t float64, x []float64) bool

// Run integrates from x0 (n, d) and keeps the state at each of the times.
func Run(ctx context.Context, s *System, x0 []float64, o Options) (*Trajectory, error) {
	tr := &Trajectory{N: s.N, D: s.D}
	if err := o.complete(s); err != nil {
		return nil, err
	}
	if float64(len(o.Times))*float64(s.N*s.D) > MaxStored {
		return nil, fmt.Errorf("times: %d times of %d x %d numbers are more than %d; ask for fewer times", len(o.Times), s.N, s.D, MaxStored)
	}
	stats, err := observe(ctx, s, x0, o, func(t float64, x []float64) bool {
		tr.Times, tr.X = append(tr.Times, t), append(tr.X, slices.Clone(x))
		return true
	})
	tr.Stats = stats
	return tr, err
}

// observe integrates without keeping anything.
func observe(ctx context.Context, s *System, x0 []float64, o Options, see observer) (Stats, error) {
	if err := o.complete(s); err != nil {
		return Stats{}, err
	}
	if err := s.checkTokens(x0); err != nil {
		return Stats{}, err
	}
	if o.Threads == 0 {
		o.Threads = threadsFor(s.N, s.D)
	}
	f, err := newField(s, o.Threads)
	if err != nil {
		return Stats{}, err
	}
	x := slices.Clone(x0)
	if s.Dynamics.OnSphere() && !onSphere(x, s.D) {
		normalised(x, x, s.D, 1)
	}
	r := &runner{ctx: ctx, f: f, o: o, see: see, x: x}
	switch {
	case s.Dynamics.InSteps():
		err = r.discrete()
	case o.Integrator == Adaptive:
		err = r.adaptive()
	default:
		err = r.fixed()
	}
	r.stats.Evals = f.evals
	return r.stats, err
}

// onSphere says whether all tokens are unit vectors up to rounding: those stay
// as they are to the last bit.
func onSphere(x []float64, d int) bool {
	for i := 0; i < len(x); i += d {
		if math.Abs(norm(x[i:i+d])-1) > 1e-14 {
			return false
		}
	}
	return true
}

// complete fills in the defaults and refuses what cannot be run.
func (o *Options) complete(s *System) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.N*s.N > maxPairs {
		return fmt.Errorf("n: %d tokens are more than %d", s.N, int(math.Sqrt(maxPairs)))
	}
	if s.Dynamics.InSteps() {
		o.Integrator, o.Dt = Euler, 1
	}
	if o.Integrator == "" {
		o.Integrator = Adaptive
	}
	switch {
	case !slices.Contains(Integrators, o.Integrator):
		return fmt.Errorf("integrator: %q is not one of euler, rk4, adaptive", o.Integrator)
	case !finite(o.T) || o.T < 0:
		return fmt.Errorf("%s: %g is no end", endName(s), o.T)
	case !finite(o.Dt) || o.Dt <= 0:
		return fmt.Errorf("dt: %g is not above 0", o.Dt)
	case o.T/o.Dt > MaxSteps:
		return fmt.Errorf("steps T/dt: %g are more than %d", math.Ceil(o.T/o.Dt), MaxSteps)
	case s.Dynamics.InSteps() && o.T != math.Floor(o.T):
		return fmt.Errorf("steps L: %g is not a whole number", o.T)
	case o.RTol < 0 || o.ATol < 0 || notFinite(o.RTol) || notFinite(o.ATol):
		return fmt.Errorf("tolerance: %g relative and %g absolute", o.RTol, o.ATol)
	}
	if o.RTol == 0 {
		o.RTol = DefaultRTol
	}
	if o.ATol == 0 {
		o.ATol = DefaultATol
	}
	if o.Times == nil {
		o.Times = grid(o.T, o.Dt)
	}
	return o.checkTimes(s)
}

func (o *Options) checkTimes(s *System) error {
	if len(o.Times) == 0 {
		return fmt.Errorf("times: none")
	}
	for i, t := range o.Times {
		switch {
		case notFinite(t) || t < 0 || t > o.T*(1+1e-12):
			return fmt.Errorf("times[%d]: %g is not between 0 and %s = %g", i, t, endName(s), o.T)
		case i > 0 && t <= o.Times[i-1]:
			return fmt.Errorf("times[%d]: %g does not follow %g", i, t, o.Times[i-1])
		case s.Dynamics.InSteps() && t != math.Floor(t):
			return fmt.Errorf("times[%d]: %g is not a whole number of steps", i, t)
		}
	}
	return nil
}

func endName(s *System) string {
	if s.Dynamics.InSteps() {
		return "L"
	}
	return "T"
}

// grid is 0, dt, ... up to T, and T itself where dt does not divide it.
func grid(end, dt float64) []float64 {
	steps := wholeSteps(end, dt)
	out := make([]float64, steps+1, steps+2)
	for l := range out {
		out[l] = float64(l) * dt
	}
	if end-out[steps] > 1e-9*dt {
		out = append(out, end)
	}
	return out
}

// wholeSteps is how many steps of dt fit into T, up to rounding.
func wholeSteps(end, dt float64) int {
	if r := math.Round(end / dt); math.Abs(end/dt-r) < 1e-9*math.Max(1, r) {
		return int(r)
	}
	return int(end / dt)
}
