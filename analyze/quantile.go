package analyze

import (
	"math"
	"slices"
)

// distribution answers questions about the order of values on [-1, 1]. It
// counts them into cells once and then looks only into the cells that a
// question falls in: sorting all pairs of tokens would cost more than all other
// measures of the cosines together.
type distribution struct {
	values []float64
	before []int // (cells+1) values in earlier cells
}

const cells = 4096

func cellOf(v float64) int { return min(max(int((v+1)*(cells/2)), 0), cells-1) }

func newDistribution(values []float64) *distribution {
	before := make([]int, cells+1)
	for _, v := range values {
		before[cellOf(v)+1]++
	}
	for i := range cells {
		before[i+1] += before[i]
	}
	return &distribution{values, before}
}

// quantiles returns the quantiles at the given levels, interpolated linearly
// between order statistics (type 7 of Hyndman and Fan 1996, the default of
// numpy and R). NaN for no values.
func (d *distribution) quantiles(levels []float64) []float64 {
	n := len(d.values)
	out := make([]float64, len(levels))
	var asked []int // cells of the order statistics below and above each level
	for _, p := range levels {
		low, _ := position(p, n)
		asked = append(asked, d.cellOfRank(low), d.cellOfRank(low+1))
	}
	members := d.members(asked)
	for i, p := range levels {
		if n == 0 {
			out[i] = math.NaN()
			continue
		}
		low, fraction := position(p, n)
		a, b := d.ranked(low, members), d.ranked(low+1, members)
		out[i] = a + fraction*(b-a)
	}
	return out
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
	k = min(k, len(d.values)-1)
	i, _ := slices.BinarySearch(d.before, k+1) // the first edge with more than k values before
	return i - 1
}

// members returns the sorted values of the given cells.
func (d *distribution) members(asked []int) map[int][]float64 {
	wanted := make([]bool, cells+1)
	for _, c := range asked {
		wanted[c+1] = true // the cell of no values is -1
	}
	members := map[int][]float64{}
	for _, v := range d.values {
		if c := cellOf(v); wanted[c+1] {
			members[c] = append(members[c], v)
		}
	}
	for _, m := range members {
		slices.Sort(m)
	}
	return members
}

func (d *distribution) ranked(k int, members map[int][]float64) float64 {
	k = min(k, len(d.values)-1)
	cell := d.cellOfRank(k)
	return members[cell][k-d.before[cell]]
}

// atLeast returns the share of the values that are tau or more, NaN for no
// values.
func (d *distribution) atLeast(tau float64) float64 {
	cell := cellOf(tau)
	count := len(d.values) - d.before[cell+1]
	for _, v := range d.values {
		if v >= tau && cellOf(v) == cell {
			count++
		}
	}
	return float64(count) / float64(len(d.values))
}
