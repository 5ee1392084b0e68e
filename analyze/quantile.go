package analyze

import (
	"iter"
	"math"
	"slices"
)

// distribution answers questions about the order of values on [-1, 1]. It
// counts them into cells once and then looks only into the cells that a
// question falls in: sorting all pairs of tokens would cost more than all other
// measures of the cosines together.
type distribution struct {
	runs   iter.Seq[[]float64] // the values, in stretches
	n      int
	total  float64
	bins   []int32 // (HistogramBins)
	before []int   // (cells+1) values in earlier cells
}

const cells = 4096

func cellOf(v float64) int { return min(max(int((v+1)*(cells/2)), 0), cells-1) }

func newDistribution(runs iter.Seq[[]float64]) *distribution {
	d := &distribution{runs: runs, bins: make([]int32, HistogramBins), before: make([]int, cells+1)}
	for values := range runs {
		d.n += len(values)
		d.total += sum(values)
		for _, v := range values {
			d.bins[min(int((v+1)*(HistogramBins/2)), HistogramBins-1)]++
			d.before[cellOf(v)+1]++
		}
	}
	for i := range cells {
		d.before[i+1] += d.before[i]
	}
	return d
}

// mean of the values, NaN for none.
func (d *distribution) mean() float64 { return d.total / float64(d.n) }

// members holds the values of the cells that were asked for, sorted.
type members struct {
	*distribution
	byCell map[int][]float64
}

// members goes once over the values for all questions that are to follow:
// quantiles at the given levels, shares at the given thresholds.
func (d *distribution) members(levels, taus []float64) members {
	var wanted [cells]bool
	if d.n > 0 {
		for _, p := range levels {
			low, _ := position(p, d.n)
			wanted[d.cellOfRank(low)], wanted[d.cellOfRank(low+1)] = true, true
		}
	}
	for _, tau := range taus {
		wanted[cellOf(tau)] = true
	}
	m := members{d, map[int][]float64{}}
	for values := range d.runs {
		for _, v := range values {
			if c := cellOf(v); wanted[c] {
				m.byCell[c] = append(m.byCell[c], v)
			}
		}
	}
	for _, values := range m.byCell {
		slices.Sort(values)
	}
	return m
}

// position splits the place of a level among n ordered values into the rank
// below it and the fraction of the way to the next.
func position(level float64, n int) (rank int, fraction float64) {
	h := level * float64(n-1)
	return int(h), h - math.Floor(h)
}

// cellOfRank returns the cell that holds the value of rank k from 0, or of the
// last one.
func (d *distribution) cellOfRank(k int) int {
	k = min(k, d.n-1)
	i, _ := slices.BinarySearch(d.before, k+1) // the first edge with more than k values before
	return i - 1
}

// quantile interpolates linearly between order statistics (type 7 of Hyndman and
// Fan 1996, the default of numpy and R). NaN for no values.
func (m members) quantile(level float64) float64 {
	if m.n == 0 {
		return math.NaN()
	}
	low, fraction := position(level, m.n)
	a, b := m.ranked(low), m.ranked(low+1)
	return a + fraction*(b-a)
}

// ranked returns the value of rank k from 0, or the last one.
func (m members) ranked(k int) float64 {
	k = min(k, m.n-1)
	cell := m.cellOfRank(k)
	return m.byCell[cell][k-m.before[cell]]
}

// atLeast returns the share of the values that are tau or more, NaN for no
// values.
func (m members) atLeast(tau float64) float64 {
	cell := cellOf(tau)
	below, _ := slices.BinarySearch(m.byCell[cell], tau)
	return float64(m.n-m.before[cell]-below) / float64(m.n)
}
