package particles

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomSystem draws tokens and matrices of order 1.
func randomSystem(dynamics Dynamics, n, d int, seed uint32) (*System, []float64) {
	r := NewRandom(seed)
	x := r.Normal(n * d)
	if dynamics.OnSphere() {
		normalised(x, x, d, 1)
	}
	scale := func(m []float64) []float64 {
		for i := range m {
			m[i] *= 0.5
		}
		return m
	}
	return New(dynamics, n, d, scale(r.Normal(d*d)), scale(r.Normal(d*d)), scale(r.Normal(d*d))), x
}

var continuous = []Dynamics{Raw, Rescaled, SphereSoftmax, SphereUSA}

// Halving the step divides the error by 2, 16 and 32: orders 1, 4 and 5. The
// last is that of the step which adaptive takes, at a step held fixed.
func TestConvergenceOrders(t *testing.T) {
	for _, dynamics := range continuous {
		s, x0 := randomSystem(dynamics, 6, 3, 11)
		const end = 1.0
		exact, err := Run(t.Context(), s, x0, Options{T: end, Dt: end, RTol: 1e-13, ATol: 1e-15})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []struct {
			name  string
			order float64
			steps int
			run   func(dt float64) []float64
		}{
			{"euler", 1, 200, fixedRun(t, s, x0, Euler, end)},
			{"rk4", 4, 10, fixedRun(t, s, x0, RK4, end)},
			{"dormand-prince", 5, 12, func(dt float64) []float64 { return dormandPrinceRun(t, s, x0, end, dt) }},
		} {
			coarse := worst(m.run(end/float64(m.steps)), exact.Last())
			fine := worst(m.run(end/float64(2*m.steps)), exact.Last())
			order := math.Log2(coarse / fine)
			t.Logf("%s %s: errors %.3g, %.3g, order %.2f", dynamics, m.name, coarse, fine, order)
			if math.Abs(order-m.order) > 0.35 {
				t.Errorf("%s %s: order %.2f, not %g", dynamics, m.name, order, m.order)
			}
		}
	}
}

func fixedRun(t *testing.T, s *System, x0 []float64, method Integrator, end float64) func(dt float64) []float64 {
	return func(dt float64) []float64 {
		tr, err := Run(t.Context(), s, x0, Options{Integrator: method, T: end, Dt: dt, Times: []float64{end}})
		if err != nil {
			t.Fatal(err)
		}
		return tr.Last()
	}
}

func dormandPrinceRun(t *testing.T, s *System, x0 []float64, end, dt float64) []float64 {
	f, err := newField(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	x, p := slices.Clone(x0), newDormandPrince(len(x0))
	for l := range int(math.Round(end / dt)) {
		f.eval(p.k[0], x, float64(l)*dt)
		p.step(f, x, float64(l)*dt, dt)
		copy(x, p.y)
		if s.Dynamics.OnSphere() {
			normalised(x, x, s.D, 1)
		}
	}
	return x
}

// The tokens have no order where attention is not causal.
func TestPermutation(t *testing.T) {
	for _, dynamics := range append(continuous, Discrete, DiscreteSphere, DiscretePrenorm) {
		for seed := range uint32(5) {
			s, x0 := randomSystem(dynamics, 7, 3, seed)
			order := rand.New(rand.NewPCG(uint64(seed), 1)).Perm(s.N)
			o := Options{Integrator: RK4, T: 3, Dt: 0.1}
			plain, mixed := runFinal(t, s, x0, o), runFinal(t, s, permuted(x0, order, s.D), o)
			if off := worst(permuted(plain, order, s.D), mixed); off > 1e-9*(1+largest(plain)) {
				t.Errorf("%s seed %d: permuted tokens end %g away", dynamics, seed, off)
			}
		}
	}
}

func permuted(x []float64, order []int, d int) []float64 {
	out := make([]float64, 0, len(x))
	for _, i := range order {
		out = append(out, x[i*d:(i+1)*d]...)
	}
	return out
}

func largest(x []float64) float64 { return worst(x, make([]float64, len(x))) }

func runFinal(t *testing.T, s *System, x0 []float64, o Options) []float64 {
	t.Helper()
	if s.Dynamics.InSteps() {
		o = Options{T: o.T}
	}
	tr, err := Run(t.Context(), s, x0, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr.Last()
}

// With Q = K = V = I a rotation of all tokens rotates their whole way.
func TestRotation(t *testing.T) {
	for _, dynamics := range []Dynamics{Raw, Rescaled, SphereSoftmax, SphereUSA, DiscreteSphere} {
		_, x0 := randomSystem(dynamics, 6, 3, 2)
		s := New(dynamics, 6, 3, Identity(3), Identity(3), Identity(3))
		turn := rotation(0.7, 1.9)
		turned := make([]float64, len(x0))
		mulTransposed(turned, x0, turn, 6, 3, 3)
		o := Options{T: 2, Dt: 0.5}
		want := make([]float64, len(x0))
		mulTransposed(want, runFinal(t, s, x0, o), turn, 6, 3, 3)
		if off := worst(runFinal(t, s, turned, o), want); off > 1e-8*(1+largest(want)) {
			t.Errorf("%s: rotated tokens end %g away", dynamics, off)
		}
	}
}

// rotation about two axes, (3, 3).
func rotation(a, b float64) []float64 {
	out := make([]float64, 9)
	about := []float64{math.Cos(a), -math.Sin(a), 0, math.Sin(a), math.Cos(a), 0, 0, 0, 1}
	other := []float64{1, 0, 0, 0, math.Cos(b), math.Sin(b), 0, -math.Sin(b), math.Cos(b)}
	mulTransposed(out, about, other, 3, 3, 3)
	return out
}

// E_beta never falls on the sphere with Q = K = V = I: the un-normalised
// attention is its gradient, the softmax the same up to a factor per token.
func TestEnergyRises(t *testing.T) {
	for _, dynamics := range []Dynamics{SphereSoftmax, SphereUSA} {
		for seed := range uint32(4) {
			_, x0 := randomSystem(dynamics, 12, 4, seed)
			s := New(dynamics, 12, 4, Identity(4), Identity(4), Identity(4))
			s.Beta = 1 + float64(seed)/2
			for _, method := range Integrators {
				tr, err := Run(t.Context(), s, x0, Options{Integrator: method, T: 4, Dt: 0.2 / math.Exp(s.Beta)}) // the fastest rate is e^beta
				if err != nil {
					t.Fatal(err)
				}
				last := 0.0
				for k, x := range tr.X {
					e := Energy(x, s.D, s.Beta)
					if e < last*(1-1e-12) {
						t.Errorf("%s %s seed %d: energy falls from %g to %g at t = %g", dynamics, method, seed, last, e, tr.Times[k])
					}
					last = e
				}
			}
		}
	}
}

// A token of causal attention does not see those after it.
func TestCausal(t *testing.T) {
	for _, dynamics := range []Dynamics{Raw, SphereSoftmax, Rescaled, Discrete} {
		s, x0 := randomSystem(dynamics, 6, 3, 4)
		s.Causal = true
		o := Options{Integrator: RK4, T: 2, Dt: 0.1}
		all := runFinal(t, s, x0, o)
		s.N = 4
		few := runFinal(t, s, x0[:12], o)
		if off := worst(all[:12], few); off != 0 {
			t.Errorf("%s: later tokens move earlier ones by %g", dynamics, off)
		}
	}
}

// Two heads that are halves of one add up to it, and a value map given as O V
// is their product.
func TestHeads(t *testing.T) {
	one, x0 := randomSystem(SphereSoftmax, 8, 4, 6)
	h := one.Layers[0].Heads[0]
	half := slices.Clone(h.V)
	for i := range half {
		half[i] /= 2
	}
	two := *one
	two.Layers = []Layer{{Heads: []Head{{Q: h.Q, K: h.K, V: half}, {Q: h.Q, K: h.K, V: h.V, O: Diagonal([]float64{0.5, 0.5, 0.5, 0.5})}}}}
	o := Options{T: 2, Dt: 1}
	if off := worst(runFinal(t, one, x0, o), runFinal(t, &two, x0, o)); off > 1e-9 {
		t.Errorf("two half heads end %g from the whole one", off)
	}
}

// A change of layer on the way is two runs after another, for every method.
func TestLayersChange(t *testing.T) {
	first, x0 := randomSystem(SphereSoftmax, 6, 3, 8)
	second, _ := randomSystem(SphereSoftmax, 6, 3, 9)
	both := *first
	both.Layers = []Layer{first.Layers[0], {Start: 1.25, Heads: second.Layers[0].Heads}}
	for _, method := range Integrators {
		o := Options{Integrator: method, T: 2.5, Dt: 0.05}
		got := runFinal(t, &both, x0, o)
		o.T = 1.25
		want := runFinal(t, second, runFinal(t, first, x0, o), o)
		if off := worst(got, want); off > 1e-9 {
			t.Errorf("%s: %g from the two runs", method, off)
		}
	}
}

// Many goroutines give the same bytes as one.
func TestThreadsChangeNothing(t *testing.T) {
	s, x0 := randomSystem(SphereSoftmax, 100, 8, 1)
	o := Options{Integrator: RK4, T: 1, Dt: 0.1, Threads: 1}
	one := runFinal(t, s, x0, o)
	o.Threads = 4
	if !slices.Equal(one, runFinal(t, s, x0, o)) {
		t.Error("four threads end elsewhere than one")
	}
}

// The rescaled attention at a time at which e^{2t} is far beyond float64: the
// weight is all the leader's, and tokens in one place share it.
func TestAttentionAtAnyTime(t *testing.T) {
	w := rescaledWeighing(1, 500)
	s := []float64{0.25, 0.25 - 1e-12, 0.25, -3}
	if total := w.weigh(s); total != 2 || !slices.Equal(s, []float64{1, 0, 1, 0}) {
		t.Errorf("weights %v, sum %g", s, total)
	}
	w = rescaledWeighing(0.5, 4) // e^4, against a plain softmax
	s = []float64{0.1, 0.05, -0.02}
	want := []float64{1, math.Exp(-math.Exp(4) * 0.05), math.Exp(-math.Exp(4) * 0.12)}
	w.weigh(s)
	if off := worst(s, want); off > 1e-15 {
		t.Errorf("weights %v, not %v", s, want)
	}
}

// A state that grows beyond float64 ends with the time at which it did: e^{100 t}
// does so at t = ln(1.8e308)/100 = 7.098.
func TestBlowUp(t *testing.T) {
	for _, method := range Integrators {
		s := New(Raw, 2, 1, []float64{0}, []float64{0}, []float64{100})
		tr, err := Run(t.Context(), s, []float64{1, 1}, Options{Integrator: method, T: 10, Dt: 0.001})
		if err != nil {
			t.Fatal(err)
		}
		if !tr.BlewUp || math.Abs(tr.BlowUpTime-7.098) > 0.4 { // Euler grows a little more slowly
			t.Errorf("%s: blew up %v at %g", method, tr.BlewUp, tr.BlowUpTime)
		}
	}
}

func TestRefusals(t *testing.T) {
	good := func() (*System, []float64, Options) {
		s, x := randomSystem(SphereSoftmax, 3, 2, 1)
		return s, x, Options{T: 1, Dt: 0.1}
	}
	for _, c := range []struct {
		name, want string
		change     func(s *System, x []float64, o *Options)
	}{
		{"dt", "dt: 0 is not above 0", func(_ *System, _ []float64, o *Options) { o.Dt = 0 }},
		{"steps", "steps T/dt: 1e+07 are more than 5000000", func(_ *System, _ []float64, o *Options) { o.Dt = 1e-7 }},
		{"end", "T: -1 is no end", func(_ *System, _ []float64, o *Options) { o.T = -1 }},
		{"shape", "layer 0: head 0: Q has 3 numbers, which are no rows of d = 2", func(s *System, _ []float64, _ *Options) {
			s.Layers[0].Heads[0].Q = []float64{1, 2, 3}
		}},
		{"NaN", "x0[1][0] is NaN", func(_ *System, x []float64, _ *Options) { x[2] = math.NaN() }},
		{"NaN in V", "layer 0: head 0: V[1][1] is NaN", func(s *System, _ []float64, _ *Options) { s.Layers[0].Heads[0].V[3] = math.NaN() }},
		{"zero", "x0[2] is zero, which has no direction: sphere_softmax needs one", func(_ *System, x []float64, _ *Options) { clear(x[4:6]) }},
		{"tokens", "x0: 6 numbers, not n x d = 4 x 2", func(s *System, _ []float64, _ *Options) { s.N = 4 }},
		{"integrator", `integrator: "heun" is not one of euler, rk4, adaptive`, func(_ *System, _ []float64, o *Options) { o.Integrator = "heun" }},
		{"times", "times[1]: 0.5 does not follow 0.7", func(_ *System, _ []float64, o *Options) { o.Times = []float64{0.7, 0.5} }},
		{"stored", "times: 4000001 times of 3 x 5 numbers are more than 50000000; ask for fewer times", func(s *System, _ []float64, o *Options) {
			s.D, o.Dt = 5, 1./4_000_000
			s.Layers[0].Heads[0] = Head{Q: Identity(5), K: Identity(5), V: Identity(5)}
		}},
	} {
		s, x, o := good()
		c.change(s, x, &o)
		_, err := Run(t.Context(), s, x, o)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, not %q", c.name, err, c.want)
		}
	}
}

// A run that is interrupted says so.
func TestInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s, x := randomSystem(Raw, 3, 2, 1)
	for _, method := range Integrators {
		if _, err := Run(ctx, s, x, Options{Integrator: method, T: 1, Dt: 0.1}); err == nil {
			t.Errorf("%s: no error", method)
		}
	}
}

// The dense output of adaptive is as good as the steps: times inside of steps
// agree with runs that end there.
func TestDenseOutput(t *testing.T) {
	s, x0 := randomSystem(Raw, 5, 3, 3)
	whole, err := Run(t.Context(), s, x0, Options{T: 2, Dt: 0.125})
	if err != nil {
		t.Fatal(err)
	}
	for k, at := range whole.Times {
		if at == 0 {
			continue
		}
		if off := worst(whole.X[k], runFinal(t, s, x0, Options{T: at, Dt: at})); off > 2e-8 {
			t.Errorf("t = %g: %g from the run that ends there", at, off)
		}
	}
}

func ExampleRun() {
	s := New(SphereSoftmax, 2, 2, Identity(2), Identity(2), Identity(2))
	tr, _ := Run(context.Background(), s, []float64{1, 0, 0, 1}, Options{T: 10, Dt: 10})
	_, cosine := MeanCosine(tr.Last(), 2)
	fmt.Printf("%.4f\n", cosine)
	// Output: 1.0000
}
