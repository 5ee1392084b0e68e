package analyze

import (
	"math"
	"slices"
)

// A token is massive in a state when one of its coordinates x has |x| above
// massiveMagnitude and above massiveRatio times the median magnitude of all
// coordinates of the state (Sun et al. 2024, arXiv 2402.17762), or
// when its norm is above massiveNorm times the median norm. The second rule
// finds the layers in which a sink still grows or shrinks, where its peak is a
// few hundred medians but its norm already outweighs the others.
const (
	massiveMagnitude = 100
	massiveRatio     = 1000
	massiveNorm      = 10
)

// MassiveToken is a token that is massive in one state.
type MassiveToken struct {
	Position   int
	Dimensions []int // whose coordinates meet the first rule, ascending; the largest one if only the norm is massive
}

// MassiveTokens returns the massive tokens of the state x (T, D), by position.
// The median norm is the lower one of an even number, so that one sink beside
// one ordinary token is found.
func MassiveTokens(x []float32, t, d int) []MassiveToken {
	checkShape(len(x), t, d)
	if t == 0 || d == 0 {
		return nil
	}
	peaks, norms := make([]int, t), make([]float64, t) // (T) index of the largest coordinate; |x_i|
	var highest float64
	for i := range t {
		peaks[i], norms[i] = peak(x[i*d : (i+1)*d])
		highest = max(highest, magnitude(x[i*d+peaks[i]]))
	}
	bound := math.Inf(1)
	if highest > massiveMagnitude { // else the median is not needed
		bound = max(massiveMagnitude, massiveRatio*medianMagnitude(x))
	}
	ordinary := slices.Sorted(slices.Values(norms))[(t-1)/2]
	var found []MassiveToken
	for i := range t {
		dims := above(x[i*d:(i+1)*d], bound)
		if len(dims) == 0 && norms[i] > massiveNorm*ordinary {
			dims = []int{peaks[i]}
		}
		if len(dims) > 0 {
			found = append(found, MassiveToken{i, dims})
		}
	}
	return found
}

func magnitude(v float32) float64 { return math.Abs(float64(v)) }

// peak returns the index of the coordinate of greatest magnitude, and the norm.
func peak(x []float32) (index int, norm float64) {
	for k, v := range x {
		norm += float64(v) * float64(v)
		if magnitude(v) > magnitude(x[index]) {
			index = k
		}
	}
	return index, math.Sqrt(norm)
}

// above returns the indices of the coordinates whose magnitude is above bound.
func above(x []float32, bound float64) []int {
	var dims []int
	for k, v := range x {
		if magnitude(v) > bound {
			dims = append(dims, k)
		}
	}
	return dims
}

// medianMagnitude returns the median of |x|, the mean of the middle two of an
// even number. The magnitudes are non-negative floats, whose bit patterns sort
// as they do: the median is found by counting the upper halves of the patterns,
// then sorting those that share its half.
func medianMagnitude(x []float32) float64 {
	counts := make([]int, 1<<15)
	for _, v := range x {
		counts[upperHalf(v)]++
	}
	low, high := (len(x)-1)/2, len(x)/2
	return (rankedMagnitude(x, counts, low) + rankedMagnitude(x, counts, high)) / 2
}

// rankedMagnitude returns the magnitude of rank k from 0.
func rankedMagnitude(x []float32, counts []int, k int) float64 {
	half := 0
	for k >= counts[half] {
		k -= counts[half]
		half++
	}
	var members []float64
	for _, v := range x {
		if upperHalf(v) == half {
			members = append(members, magnitude(v))
		}
	}
	slices.Sort(members)
	return members[k]
}

// upperHalf returns the upper 15 bits of the magnitude of v.
func upperHalf(v float32) int {
	return int(math.Float32bits(v) >> 16 & 0x7fff)
}
