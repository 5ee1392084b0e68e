package spectra

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/layerclust/layerclust/internal/native"
)

// benchmarkSizes are sides of square matrices; 4096 is that of a 7B model's V.
var benchmarkSizes = []int{1024, 2048, 4096}

// eachDense runs a benchmark for each solver, number of threads of a call, number
// of matrices at once, and size. scripts/spectra_bench.py picks from these by name.
func eachDense(b *testing.B, f func(s Solver, a []float64, n int) error) {
	type way struct {
		name    string
		solver  Solver
		threads int
		atOnce  int
	}
	ways := []way{{"gonum", Gonum{}, 1, 1}}
	if l, err := native.OpenLAPACK(); err == nil {
		ways = append(ways, way{"native", l, 1, 1}, way{"native", l, 1, 2}, way{"native", l, 2, 1})
		defer l.SetThreads(l.Threads())
	}
	for _, w := range ways {
		for _, n := range benchmarkSizes {
			b.Run(fmt.Sprintf("%s/threads=%d/at-once=%d/n=%d", w.name, w.threads, w.atOnce, n), func(b *testing.B) {
				if l, ok := w.solver.(*native.LAPACK); ok {
					l.SetThreads(w.threads)
				}
				a := benchmarkMatrix(n)
				b.ResetTimer()
				for range b.N {
					var group sync.WaitGroup
					for range w.atOnce {
						group.Go(func() {
							if err := f(w.solver, slices.Clone(a), n); err != nil {
								b.Error(err)
							}
						})
					}
					group.Wait()
				}
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N*w.atOnce), "s/matrix")
			})
		}
	}
}

// benchmarkMatrix has independent normal entries of variance 1/n, as numpy's side
// of the comparison does; V of a trained model looks much like it.
func benchmarkMatrix(n int) []float64 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	a := make([]float64, n*n)
	for i := range a {
		a[i] = r.NormFloat64() / math.Sqrt(float64(n))
	}
	return a
}

func BenchmarkEigenvalues(b *testing.B) {
	eachDense(b, func(s Solver, a []float64, n int) error {
		_, err := s.Eigenvalues(a, n)
		return err
	})
}

func BenchmarkSingularValues(b *testing.B) {
	eachDense(b, func(s Solver, a []float64, n int) error {
		_, err := s.SingularValues(a, n, n)
		return err
	})
}

func BenchmarkSVD(b *testing.B) {
	eachDense(b, func(s Solver, a []float64, n int) error {
		_, _, _, err := s.SVD(a, n, n)
		return err
	})
}

func BenchmarkLeadingEigenvalues(b *testing.B) {
	eachDense(b, func(s Solver, a []float64, n int) error {
		_, err := LeadingEigenvalues(s, DenseMap(s, a, n, n), 10, Krylov{})
		return err
	})
}

func BenchmarkLeadingSVD(b *testing.B) {
	eachDense(b, func(s Solver, a []float64, n int) error {
		_, _, _, err := LeadingSVD(s, DenseMap(s, a, n, n), 10, Krylov{})
		return err
	})
}
