package spectra

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

func randomFactors(rng *rand.Rand, out, in, r int) *Factors {
	f := &Factors{Rank: r, In: in, Out: out, A: make([]float32, r*in), B: make([]float32, out*r), Scale: 2}
	for i := range f.A {
		f.A[i] = float32(rng.NormFloat64())
	}
	for i := range f.B {
		f.B[i] = float32(rng.NormFloat64())
	}
	return f
}

func BenchmarkAdapter(b *testing.B) {
	for _, vectors := range []bool{false, true} {
		b.Run(fmt.Sprintf("64x4096x4096r8/vectors=%v", vectors), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			list := make([]*Factors, 64)
			for i := range list {
				list[i] = randomFactors(rng, 4096, 4096, 8)
			}
			for b.Loop() {
				next := make(chan *Factors, len(list))
				for _, f := range list {
					next <- f
				}
				close(next)
				var group sync.WaitGroup
				for range runtime.GOMAXPROCS(0) {
					group.Go(func() {
						for f := range next {
							u, err := Decompose(f, vectors)
							if err != nil {
								b.Error(err)
							}
							u.Values("x", 0, "q_proj")
						}
					})
				}
				group.Wait()
			}
		})
	}
}
