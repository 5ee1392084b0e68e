package analyze

import (
	"math"
	"slices"
)

// chain orders n points as Prim's algorithm reaches them from point 0, always
// the one nearest to a point reached before, ties to the lowest index. row(i),
// (n), is how near point i is to every point: greater is nearer. joins[i],
// (n-1), is the nearness at which order[i+1] was reached.
//
// Cutting the order wherever joins is below a threshold gives the
// single-linkage clusters at that threshold: all thresholds from one O(n^2)
// pass.
func chain(n int, row func(i int) []float64) (order []int, joins []float64) {
	if n == 0 {
		return nil, nil
	}
	left := make([]int, n-1)     // points not reached
	best := make([]float64, n-1) // their greatest nearness to a reached one
	for i := range left {
		left[i], best[i] = i+1, math.Inf(-1)
	}
	order = append(make([]int, 0, n), 0)
	joins = make([]float64, 0, n-1)
	for len(left) > 0 {
		near, next := row(order[len(order)-1]), 0
		best = best[:len(left)]
		for k, p := range left {
			best[k] = max(best[k], near[p])
			if best[k] > best[next] {
				next = k
			}
		}
		order, joins = append(order, left[next]), append(joins, best[next])
		left, best = slices.Delete(left, next, next+1), slices.Delete(best, next, next+1)
	}
	return order, joins
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
