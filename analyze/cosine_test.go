package analyze

import (
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// runs yields the values in stretches of three.
func runs(values []float64) iter.Seq[[]float64] { return slices.Chunk(values, 3) }

func TestHistogramEdges(t *testing.T) {
	counts := newDistribution(runs([]float64{-1, -0.98, 0, 0.98, 1})).bins
	want := map[int]int32{0: 1, 1: 1, 50: 1, 99: 2}
	for bin, n := range counts {
		if n != want[bin] {
			t.Errorf("bin %d holds %d, want %d", bin, n, want[bin])
		}
	}
}

// The distribution that looks into few cells against sorting everything.
func TestDistributionAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 2, 3, 10, 1000} {
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Round((2*r.Float64()-1)*50) / 50 // with ties, on cell edges too
		}
		d := newDistribution(runs(values))
		sorted := slices.Sorted(slices.Values(values))
		levels, taus := []float64{0, 0.05, 0.5, 0.77, 1}, []float64{-1, 0, 0.5, 0.6, 0.98, 1}
		m := d.members(levels, taus)
		for _, level := range levels {
			h := level * float64(n-1)
			low := int(h)
			want := sorted[low] + (h-float64(low))*(sorted[min(low+1, n-1)]-sorted[low])
			if q := m.quantile(level); math.Abs(q-want) > 1e-15 {
				t.Errorf("n=%d: quantile %g is %v, want %v", n, level, q, want)
			}
		}
		for _, tau := range taus {
			var count float64
			for _, v := range values {
				if v >= tau {
					count++
				}
			}
			if got := m.atLeast(tau); got != count/float64(n) {
				t.Errorf("n=%d: share at least %g is %v, want %v", n, tau, got, count/float64(n))
			}
		}
	}
	levels := []float64{0.5}
	if m := newDistribution(runs(nil)).members(levels, levels); !math.IsNaN(m.quantile(0.5)) || !math.IsNaN(m.atLeast(0.5)) || !math.IsNaN(m.mean()) {
		t.Error("no values: want NaN")
	}
}

// Components at a threshold by union of every close pair.
func TestComponentsAgainstUnions(t *testing.T) {
	c := NewCloud(randomState(21, 50, 6), 50, 6)
	g := newCosines(c)
	for i, tau := range thresholds {
		want := make([]int, 50)
		for k := range want {
			want[k] = k
		}
		for a := range 50 {
			for b := range a {
				if g.row(a)[b] >= tau {
					from, to := want[a], want[b]
					for k := range want {
						if want[k] == from {
							want[k] = to
						}
					}
				}
			}
		}
		got := Components(c, tau)
		if !slices.Equal(got, renumber(want)) {
			t.Errorf("tau %g: %v, want %v", tau, got, want)
		}
		if n := componentCounts(g, thresholds)[i]; n != slices.Max(got)+1 {
			t.Errorf("tau %g: %d components, labels have %d", tau, n, slices.Max(got)+1)
		}
	}
}

func TestCosineRowAgainstPlain(t *testing.T) {
	c := NewCloud(append(randomState(3, 20, 5), make([]float32, 10)...), 22, 5) // two zero tokens
	squares := c.normsSquared()
	inverse := inverseNorms(squares)
	for n := range 23 { // tails of every length
		for i := range 22 {
			got, want := make([]float64, n), make([]float64, n)
			cosineRow(got, c.Gram[i*22:i*22+n], squares, inverse, squares[i], inverse[i])
			cosineRowPlain(want, c.Gram[i*22:i*22+n], squares, inverse, squares[i], inverse[i])
			if !slices.Equal(got, want) {
				t.Errorf("row %d: %v, want %v", i, got, want)
			}
		}
	}
}
