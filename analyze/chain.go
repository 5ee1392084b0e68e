package analyze

import (
	"math"
	"slices"
)

// chain orders n points as Prim's algorithm reaches them from point 0, always
// the one nearest to a point reached before, ties to the lowest index. near
// (n, n) says how near two points are, greater is nearer; the pair counts as no
// nearer than the limit, (n), of either. joins[i], (n-1), is the nearness at which
// order[i+1] was reached.
//
// Cutting the order wherever joins is below a threshold gives the
// single-linkage clusters at that threshold: all thresholds from one O(n^2)
// pass.
func chain(near []float64, n int, limits []float64) (order []int, joins []float64) {
	if n == 0 {
		return nil, nil
	}
	left := slices.Clone(limits)                      // -Inf for a point reached: nothing is near it any more
	best := slices.Repeat([]float64{math.Inf(-1)}, n) // greatest nearness to a reached point
	reached := make([]bool, n)
	order, joins = make([]int, 1, n), make([]float64, 0, n-1)
	for at := 0; len(order) < n; {
		reached[at], left[at], best[at] = true, math.Inf(-1), math.Inf(-1)
		nearest := draw(best, left, near[at*n:(at+1)*n], limits[at])
		for at = 0; reached[at] || best[at] != nearest; at++ {
		}
		order, joins = append(order, at), append(joins, nearest)
	}
	return order, joins
}

// drawPlain raises best to how near a point of the given limit is to each of the
// others, whose limits are left, and returns the greatest. It is the portable form
// of draw and its oracle.
func drawPlain(best, left, near []float64, limit float64) float64 {
	nearest := math.Inf(-1)
	for j, v := range near {
		best[j] = max(best[j], min(limit, left[j], v))
		nearest = max(nearest, best[j])
	}
	return nearest
}

// renumber replaces the labels from 0 up by numbers in the order of their
// first token, in place. Negative labels stay.
func renumber(labels []int) []int {
	number := map[int]int{}
	for i, l := range labels {
		if l < 0 {
			continue
		}
		n, ok := number[l]
		if !ok {
			n = len(number)
			number[l] = n
		}
		labels[i] = n
	}
	return labels
}
