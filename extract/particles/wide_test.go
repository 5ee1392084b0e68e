package particles

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// plainEval is the field by the plain loops, the oracle of the kernels.
func plainEval(t testing.TB, s *System, x []float64, at float64) []float64 {
	t.Helper()
	f, err := newField(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, len(x))
	h := s.Layers[0].Heads[0]
	n, d := s.N, s.D
	kd, vd := len(h.Q)/d, len(h.V)/d
	q, k, w := make([]float64, n*kd), make([]float64, n*kd), make([]float64, n*vd)
	mulTransposed(q, x, h.Q, n, d, kd)
	mulTransposed(k, x, h.K, n, d, kd)
	mulTransposed(w, x, h.V, n, d, vd)
	for i := range q {
		q[i] *= s.Beta
	}
	how := weighing{growth: 1, count: float64(n)}
	if s.Dynamics == SphereUSA {
		how.kind = unnormalised
	}
	f.attendRows(dst, q, k, w, 0, n, kd, vd, how, make([]float64, n))
	for i := range n {
		u, xi := dst[i*d:(i+1)*d], x[i*d:(i+1)*d]
		radial := dot(u, xi)
		for c, v := range xi {
			u[c] -= radial * v
		}
	}
	return dst
}

// The kernels against plain loops, with sizes that fill no tile or panel.
func TestWideIsPlain(t *testing.T) {
	if !useSIMD {
		t.Skip("no kernels on this machine")
	}
	for _, c := range []struct{ n, d int }{{128, 8}, {131, 3}, {257, 17}, {600, 64}} {
		for _, causal := range []bool{false, true} {
			for _, dynamics := range []Dynamics{SphereSoftmax, SphereUSA} {
				s, x := randomSystem(dynamics, c.n, c.d, 5)
				s.Causal, s.Beta = causal, 3
				f, err := newField(s, 2)
				if err != nil {
					t.Fatal(err)
				}
				got := make([]float64, len(x))
				f.eval(got, x, 0)
				want := plainEval(t, s, x, 0)
				if off := worst(got, want); off > 1e-14*largest(want) {
					t.Errorf("%s n %d d %d causal %v: %g from the plain loops", dynamics, c.n, c.d, causal, off)
				}
			}
		}
	}
}

// The exponential of a row against math.Exp, to a few units in the last place,
// over all the range that a weight can have.
func TestExpRow(t *testing.T) {
	if !useSIMD {
		t.Skip("no kernels on this machine")
	}
	s := make([]float64, 4003)
	for i := range s {
		s[i] = -0.19 * float64(i)
	}
	want := make([]float64, len(s))
	for i, v := range s {
		if want[i] = math.Exp(v); v < -708 {
			want[i] = 0
		}
	}
	weighing{growth: 1}.weighWide(s)
	for i, v := range s {
		if i < 4000 && math.Abs(v-want[i]) > 4e-16*want[i] {
			t.Fatalf("e^%g = %v, want %v", -0.19*float64(i), v, want[i])
		}
	}
}

// A step's time and its growth with the number of tokens, d = 64 on the sphere.
func BenchmarkSphereStep(b *testing.B) {
	for _, n := range []int{1250, 2500, 5000, 10_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			const d = 64
			x := NewRandom(1).Normal(n * d)
			normalised(x, x, d, 1)
			s := New(SphereSoftmax, n, d, Identity(d), Identity(d), Identity(d))
			f, err := newField(s, threadsFor(n, d))
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]float64, len(x))
			start := time.Now()
			for b.Loop() {
				f.eval(dst, x, 0)
			}
			flops := 4 * float64(n) * float64(n) * d * float64(b.N)
			b.ReportMetric(flops/time.Since(start).Seconds()/1e9, "GFLOP/s")
		})
	}
}
