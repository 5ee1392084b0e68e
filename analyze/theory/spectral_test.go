package theory

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func dense(d int, values ...float64) *mat.Dense { return mat.NewDense(len(values)/d, d, values) }

// Whatever the change, the angle stays below the bound wherever the bound says
// anything: 1000 random cases of either kind.
func TestSpectralBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, symmetricChange := range []bool{true, false} {
		said, tightest := 0, 0.0
		for range 1000 {
			d := 2 + r.IntN(7)
			v := randomSymmetric(r, d, 1)
			change := randomSymmetric(r, d, math.Exp(-4*r.Float64()))
			if !symmetricChange {
				change = randomMatrix(r, d, math.Exp(-4*r.Float64()))
			}
			var adapted mat.Dense
			adapted.Add(v, change)
			bounds, err := Spectral(v, &adapted, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := bounds[0]
			if !b.Holds {
				continue
			}
			said++
			ratio := b.Get("tan_angle") / b.Get("bound")
			if !(ratio <= 1+1e-9) {
				t.Errorf("symmetric %v: tan angle %g over the bound %g", symmetricChange, b.Get("tan_angle"), b.Get("bound"))
			}
			tightest = max(tightest, ratio)
		}
		t.Logf("symmetric %v: %d of 1000 cases within the assumptions, largest ratio %.3f", symmetricChange, said, tightest)
		if said < 200 || tightest < 0.3 {
			t.Errorf("symmetric %v: %d cases and a largest ratio of %.3f show nothing", symmetricChange, said, tightest)
		}
	}
}

func randomMatrix(r *rand.Rand, d int, size float64) *mat.Dense {
	m := mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			m.Set(i, j, size*r.NormFloat64()/math.Sqrt(float64(d)))
		}
	}
	return m
}

func randomSymmetric(r *rand.Rand, d int, size float64) *mat.Dense {
	m := randomMatrix(r, d, size)
	var s mat.Dense
	s.Add(m, m.T())
	return &s
}

// By hand: V = diag(2, 1), DV = [[.1, .2], [.2, -.3]] has gap 1, a .1, |b| .2,
// ||E|| .3, so the bound is .2/(1 + .1 - .3) = .25; V~ = [[2.1, .2], [.2, .7]]
// turns by half of atan(.4/1.4).
func TestSpectralByHand(t *testing.T) {
	bounds, err := Spectral(dense(2, 2, 0, 0, 1), dense(2, 2.1, 0.2, 0.2, 0.7), dense(2, 1, 1, 0.5, -1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		b    *Bound
		name string
		want float64
	}{{bounds[0], "bound", 0.25}, {bounds[0], "tan_angle", math.Tan(math.Atan(0.4/1.4) / 2)},
		{bounds[1], "order", (0.4 + 0.3) / 1.1}, {bounds[1], "first_order", 0.2 * 0.2 / (1.3 * 1.3)}} {
		if got := c.b.Get(c.name); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s = %g, not %g", c.name, got, c.want)
		}
	}
	if !bounds[0].Holds || !bounds[1].Holds {
		t.Errorf("assumptions %v, %v", bounds[0].Assumptions, bounds[1].Assumptions)
	}
}

func TestSpectralSaysWhenItDoesNotHold(t *testing.T) {
	bounds, err := Spectral(dense(2, 2, 0, 0, 1), dense(2, 1.2, 0, 0, 1.9), dense(2, 1, 0, -1, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bounds {
		if b.Holds {
			t.Errorf("%s holds: %v", b.Status, b.Assumptions)
		}
	}
	if !math.IsNaN(bounds[0].Get("bound")) {
		t.Errorf("bound %g where there is none", bounds[0].Get("bound"))
	}
	if _, err := Spectral(dense(2, 1, 1, 0, 1), dense(2, 1, 1, 0, 1), nil); err == nil {
		t.Error("no error for a V that is not symmetric")
	}
}

// Independent updates align by chance alone; the same update everywhere is told
// apart.
func TestNormTransitionSeesTiedAdapters(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tied := randomMatrix(r, 16, 1)
	var own, same []*mat.Dense
	for range 20 {
		own, same = append(own, randomMatrix(r, 16, 0.01)), append(same, tied)
	}
	for _, c := range []struct {
		deltas []*mat.Dense
		holds  bool
	}{{own, true}, {same, false}} {
		b, err := NormTransition(RandomAdapters{Rank: 4, Dim: 16, Deltas: c.deltas})
		if err != nil {
			t.Fatal(err)
		}
		if b.Assumptions[0].Holds != c.holds {
			t.Errorf("independence %v: %s", b.Assumptions[0].Holds, b.Assumptions[0].Detail)
		}
	}
}
