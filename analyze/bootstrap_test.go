package analyze

import (
	"math"
	"slices"
	"testing"
)

// The tails against sorting all means.
func TestIntervalAgainstSorting(t *testing.T) {
	values := []float64{0.3, -1, 2, 0.7, 0.1, 4, -0.2}
	for _, draws := range []int{1, 2, 39, 40, 41, 1000} {
		b := newBootstrap(draws, 5)
		lo, hi := b.interval(values)
		var means []float64
		for d := range draws {
			var s float64
			for _, i := range b.resamples(len(values))[d*7 : (d+1)*7] {
				s += values[i]
			}
			means = append(means, s/7)
		}
		slices.Sort(means)
		at := func(p float64) float64 {
			h := p * float64(draws-1)
			k := int(h)
			return means[k] + (h-float64(k))*(means[min(k+1, draws-1)]-means[k])
		}
		if math.Abs(lo-at(0.025)) > 1e-14 || math.Abs(hi-at(0.975)) > 1e-12 {
			t.Errorf("%d draws: %v to %v, want %v to %v", draws, lo, hi, at(0.025), at(0.975))
		}
	}
}

func TestIntervalOfNormalMeans(t *testing.T) {
	// 200 values of a symmetric spread: the interval is close to 1.96 standard
	// errors on either side of the mean.
	var values []float64
	var squares float64
	for i := range 200 {
		v := math.Sin(float64(i)*7.1) * 3
		values = append(values, v)
		squares += v * v
	}
	m := sum(values) / float64(len(values))
	half := 1.96 * math.Sqrt(squares/200-m*m) / math.Sqrt(200)
	lo, hi := newBootstrap(20000, 1).interval(values)
	// 20000 draws place the ends to about 2 % of a standard error.
	if math.Abs(lo-(m-half)) > 0.1*half || math.Abs(hi-(m+half)) > 0.1*half {
		t.Errorf("%v to %v, want about %v to %v", lo, hi, m-half, m+half)
	}
}

func TestIntervalDependsOnSeedOnly(t *testing.T) {
	values := []float64{1, 2, 4, 8, 16}
	lo, hi := newBootstrap(100, 3).interval(values)
	lo2, hi2 := newBootstrap(100, 3).interval(values)
	lo3, hi3 := newBootstrap(100, 4).interval(values)
	if lo != lo2 || hi != hi2 {
		t.Error("the same seed gave another interval")
	}
	if lo == lo3 && hi == hi3 {
		t.Error("another seed gave the same interval")
	}
}

func TestNoInterval(t *testing.T) {
	for _, c := range []struct {
		values []float64
		draws  int
	}{{nil, 100}, {[]float64{1}, 100}, {[]float64{1, 2}, 0}} {
		if lo, hi := newBootstrap(c.draws, 1).interval(c.values); !math.IsNaN(lo) || !math.IsNaN(hi) {
			t.Errorf("%v, %d draws: %v to %v, want none", c.values, c.draws, lo, hi)
		}
	}
}
