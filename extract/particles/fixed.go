package particles

import (
	"context"
	"math"
	"slices"
)

// runner is one integration on its way.
type runner struct {
	ctx   context.Context
	f     *field
	o     Options
	see   observer
	x     []float64 // (n, d), the state
	stats Stats
	shown int // how many of the times have been seen
}

// due shows the state at every time that equals t up to slack. It returns false
// when the observer has seen enough.
func (r *runner) due(t, slack float64, x []float64) bool {
	for r.shown < len(r.o.Times) && r.o.Times[r.shown] <= t+slack {
		at := r.o.Times[r.shown]
		r.shown++
		if !r.see(at, x) {
			return false
		}
	}
	return true
}

// blown notes the time at which the state stopped being finite. The literal
// attention of the paper runs on with NaN, as the script does.
func (r *runner) blown(t float64) bool {
	if r.f.s.Literal || !slices.ContainsFunc(r.x, notFinite) {
		return false
	}
	r.stats.BlewUp, r.stats.BlowUpTime = true, t
	return true
}

// project puts the tokens of a dynamics on the sphere back onto it.
func (r *runner) project(x []float64) {
	if r.f.s.Dynamics.OnSphere() {
		normalised(x, x, r.f.s.D, 1)
	}
}

// discrete takes one step a layer.
func (r *runner) discrete() error {
	u := make([]float64, len(r.x)) // (n, d)
	for l := 0; ; l++ {
		t := float64(l)
		if !r.due(t, 0, r.x) || t >= r.o.T {
			return nil
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.f.enter(t)
		r.f.eval(u, r.x, t)
		for i, v := range u {
			r.x[i] += r.f.s.StepSize * v
		}
		r.project(r.x)
		r.stats.Steps++
		if r.blown(t + 1) {
			return nil
		}
	}
}

// fixed takes steps of dt with Euler's method or the classical one of Runge and
// Kutta. Times off the grid are reached by a shorter step aside.
func (r *runner) fixed() error {
	st := newStages(len(r.x))
	step, aside := st.euler, make([]float64, len(r.x))
	if r.o.Integrator == RK4 {
		step = st.rk4
	}
	slack := 1e-9 * r.o.Dt
	for l := 0; ; l++ {
		t := float64(l) * r.o.Dt
		if !r.due(t, slack, r.x) || r.shown == len(r.o.Times) {
			return nil
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.f.enter(t)
		for r.shown < len(r.o.Times) && r.o.Times[r.shown] < t+r.o.Dt-slack {
			at := r.o.Times[r.shown]
			copy(aside, r.x)
			step(r.f, aside, t, at-t)
			r.project(aside)
			if !r.due(at, 0, aside) {
				return nil
			}
		}
		if r.shown == len(r.o.Times) {
			return nil
		}
		step(r.f, r.x, t, r.o.Dt)
		r.project(r.x)
		r.stats.Steps++
		if r.blown(float64(l+1) * r.o.Dt) {
			return nil
		}
	}
}

// stages is the workspace of a fixed step.
type stages struct{ k1, k2, k3, k4, y []float64 } // (n, d) each

func newStages(size int) *stages {
	all := make([]float64, 5*size)
	return &stages{all[:size], all[size : 2*size], all[2*size : 3*size], all[3*size : 4*size], all[4*size:]}
}

// euler adds h f(t, x) to x.
func (s *stages) euler(f *field, x []float64, t, h float64) {
	f.eval(s.k1, x, t)
	for i, v := range s.k1 {
		x[i] += h * v
	}
}

// rk4 takes the classical step; the attention is evaluated in each stage.
func (s *stages) rk4(f *field, x []float64, t, h float64) {
	f.eval(s.k1, x, t)
	f.eval(s.k2, s.moved(x, s.k1, h/2), t+h/2)
	f.eval(s.k3, s.moved(x, s.k2, h/2), t+h/2)
	f.eval(s.k4, s.moved(x, s.k3, h), t+h)
	for i := range x {
		x[i] += h / 6 * (s.k1[i] + 2*s.k2[i] + 2*s.k3[i] + s.k4[i])
	}
}

func (s *stages) moved(x, k []float64, h float64) []float64 {
	for i, v := range x {
		s.y[i] = v + h*k[i]
	}
	return s.y
}

// worst is the largest absolute difference of two states; NaN counts as
// infinite.
func worst(x, y []float64) float64 {
	var w float64
	for i, v := range x {
		d := math.Abs(v - y[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		w = math.Max(w, d)
	}
	return w
}
