package spectra

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// tie is the difference up to which two remainders of ranks, or two correlations of
// them, count as equal: they are of order 1, and far apart or the same up to
// rounding.
const tie = 1e-9

// rankTie is the same for values, as a share of the largest: increments are
// differences of what may be larger than they are.
const rankTie = 1e-12

// ranks are the places of values in ascending order, from 1; values that tie share
// the mean of theirs.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	most := 0.0
	for i, v := range x {
		order[i], most = i, max(most, math.Abs(v))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for lo := 0; lo < len(x); {
		hi := lo + 1
		for hi < len(x) && x[order[hi]]-x[order[hi-1]] <= rankTie*most {
			hi++
		}
		for _, i := range order[lo:hi] {
			out[i] = float64(lo+hi+1) / 2
		}
		lo = hi
	}
	return out
}

// pearson is the correlation of two series; NaN where one of them is constant.
func pearson(x, y []float64) float64 {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	var xx, yy, xy float64
	for i := range x {
		a, b := x[i]-mx, y[i]-my
		xx, yy, xy = xx+a*a, yy+b*b, xy+a*b
	}
	if xx <= tie || yy <= tie {
		return math.NaN()
	}
	return xy / math.Sqrt(xx*yy)
}

// trendDegree is the degree of the polynomial in depth: a line or a parabola
// leaves so much of a smooth series that the shifts of it are not like it (see the
// tests).
const trendDegree = 3

// trend is an orthonormal basis of what depth explains of a series of n blocks
// without the first and the last one: (trendDegree+1, n-2).
type trend [][]float64

func newTrend(n int) trend {
	t := make(trend, trendDegree+1)
	for d := range t {
		t[d] = make([]float64, n-2)
		for i := range t[d] {
			depth := 2*float64(i)/float64(n-3) - 1
			t[d][i] = math.Pow(depth, float64(d))
		}
		for range 2 { // once more for what rounding left
			for _, q := range t[:d] {
				takeOut(t[d], q)
			}
		}
		floats.Scale(1/floats.Norm(t[d], 2), t[d])
	}
	return t
}

// rest is what the trend leaves of a series (n); what rounding leaves of nothing
// is 0.
func (t trend) rest(x []float64) []float64 {
	out := slices.Clone(x)
	last := len(out) - 1
	out[0], out[last] = 0, 0
	for _, q := range t {
		takeOut(out[1:last], q)
	}
	for i, v := range out {
		if math.Abs(v) < tie {
			out[i] = 0
		}
	}
	return out
}

// takeOut takes from x its component along the unit vector q.
func takeOut(x, q []float64) { floats.AddScaled(x, -floats.Dot(x, q), q) }
