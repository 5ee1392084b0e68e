package analyze

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomState returns a (T, D) state: three groups of tokens about a common
// offset, as the residual stream has.
func randomState(seed uint64, t, d int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	centres := make([]float64, 4*d)
	for i := range centres {
		centres[i] = r.NormFloat64()
	}
	x := make([]float32, t*d) // (T, D)
	for i := range t {
		group := 1 + i%3
		for k := range d {
			x[i*d+k] = float32(centres[k] + centres[group*d+k] + r.NormFloat64())
		}
	}
	return x
}

// randomNormal returns n independent standard normal values.
func randomNormal(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// benchSizes are a prompt on SmolLM2-135M, and prompts on a model of 7B.
var benchSizes = []struct{ t, d int }{{256, 576}, {512, 4096}, {2048, 4096}}

func benchEach(b *testing.B, f func(b *testing.B, x []float32, c *Cloud)) {
	for _, s := range benchSizes {
		b.Run(fmt.Sprintf("T=%d,D=%d", s.t, s.d), func(b *testing.B) {
			x := randomState(7, s.t, s.d)
			f(b, x, NewCloud(x, s.t, s.d))
		})
	}
}

func BenchmarkNewCloud(b *testing.B) {
	benchEach(b, func(b *testing.B, x []float32, c *Cloud) {
		for b.Loop() {
			NewCloud(x, c.T, c.D)
		}
	})
}

// forgetfulStore keeps nothing.
type forgetfulStore struct{}

func (forgetfulStore) Put([]byte) (int64, error) { return 0, nil }
func (forgetfulStore) Get(int64) ([]byte, error) { return nil, errors.New("nothing is kept") }

// BenchmarkAdd is one layer of the base and an adapter on its way into a study.
func BenchmarkAdd(b *testing.B) {
	benchEach(b, func(b *testing.B, x []float32, c *Cloud) {
		x[0] = 1e5                                     // a sink: the median is taken
		s := NewStudy(forgetfulStore{}, []string{"a"}) // the store takes no time
		layer := 0
		for b.Loop() {
			layer++
			for _, variant := range []string{Base, "a"} {
				if err := s.Add(State{Key{variant, "p", fmt.Sprint(layer), SiteResid}, c.T, c.D, x}); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkSpectrum(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		var w workspace
		for b.Loop() {
			newSpectra(c, &w)
		}
	})
}

func BenchmarkTridiagonal(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		var memory []float64
		for b.Loop() {
			r := newReduction(c, memory)
			memory = r.a
			r.tridiagonal()
		}
	})
}

func BenchmarkEigenvalues(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		d, e := newReduction(c, nil).tridiagonal()
		for b.Loop() {
			eigenvalues(d, e)
		}
	})
}

func BenchmarkCosines(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		for b.Loop() {
			newCosines(c)
		}
	})
}

func BenchmarkQuantiles(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		g := newCosines(c)
		for b.Loop() {
			newDistribution(g.pairs()).members(quantileLevels, thresholds)
		}
	})
}

func BenchmarkHDBSCAN(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		g := newCosines(c)
		for b.Loop() {
			clusterLabels(g)
		}
	})
}

func BenchmarkComponents(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		g := newCosines(c)
		for b.Loop() {
			componentCounts(g, thresholds)
		}
	})
}

func BenchmarkCKA(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		for b.Loop() {
			DebiasedCKA(c, c)
		}
	})
}

func BenchmarkAMI(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{200, 512} {
		x, y := make([]int, n), make([]int, n)
		for i := range n {
			x[i], y[i] = r.IntN(25), r.IntN(30)
		}
		b.Run(fmt.Sprintf("T=%d", n), func(b *testing.B) {
			for b.Loop() {
				AMI(x, y)
			}
		})
	}
}

func BenchmarkEmergence(b *testing.B) {
	benchEach(b, func(b *testing.B, _ []float32, c *Cloud) {
		var w workspace
		for b.Loop() {
			emergence(c, &w, &w.centred[0][0])
		}
	})
}

func BenchmarkMassiveTokens(b *testing.B) {
	benchEach(b, func(b *testing.B, x []float32, c *Cloud) {
		x[5] = 1e5 // so that the median is taken
		for b.Loop() {
			MassiveTokens(x, c.T, c.D)
		}
	})
}

// BenchmarkStudy is the analysis of a run of the size of SmolLM2-135M: 32
// states of the base and three adapters, two prompts of 200 tokens, on one
// thread.
func BenchmarkStudy(b *testing.B) {
	const layers, tokens, width = 32, 200, 576
	variants := []string{Base, "a", "b", "c"}
	var states [4][]float32
	for v := range states {
		states[v] = randomState(uint64(v), tokens, width)
		states[v][0] = 1e5 // a sink: the median is taken, and the masks differ
	}
	keep := make([]int, tokens-1)
	for i := range keep {
		keep[i] = i + 1
	}
	for b.Loop() {
		s := NewStudy(newMemoryStore(), variants[1:])
		for l := range layers {
			for _, p := range []string{"p", "q"} {
				for v, variant := range variants {
					if err := s.Add(State{Key{variant, p, fmt.Sprint(l), SiteResid}, tokens, width, states[v]}); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		added := b.Elapsed()
		_, err := s.Finish(context.Background(), map[string][]int{"p": keep, "q": keep}, FinishOptions{Bootstrap: 1000, Threads: 1})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((b.Elapsed() - added).Seconds(), "finish-s")
	}
}
