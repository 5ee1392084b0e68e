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
	return newRowSizes(x, t, d, 0).massiveTokens(x, d)
}

// massiveTokens is MassiveTokens of the state x (T, D), at least one token, whose
// sizes r holds.
func (r rowSizes) massiveTokens(x []float32, d int) []MassiveToken {
	bound := math.Inf(1)
	if highest := slices.Max(r.peaks); highest > math.Float32bits(massiveMagnitude) { // else the median is not needed
		bound = max(massiveMagnitude, massiveRatio*medianMagnitude(x, 0))
	}
	ordinary := math.Sqrt(slices.Sorted(slices.Values(r.squares))[(len(r.squares)-1)/2])
	var found []MassiveToken
	for i, peak := range r.peaks {
		row := x[i*d : (i+1)*d]
		var dims []int
		if float64(math.Float32frombits(peak)) > bound {
			dims = above(row, bound)
		} else if math.Sqrt(r.squares[i]) > massiveNorm*ordinary {
			largest := func(v float32) bool { return magnitudeBits(v) == peak }
			dims = []int{slices.IndexFunc(row, largest)}
		}
		if len(dims) > 0 {
			found = append(found, MassiveToken{i, dims})
		}
	}
	return found
}

func magnitude(v float32) float64 { return math.Abs(float64(v)) }

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
