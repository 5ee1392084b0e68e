package particles

import (
	"cmp"
	"math"
	"slices"
)

// Hull2 returns the tokens at the corners of the convex hull of x (n, 2),
// counter-clockwise from the leftmost, by Andrew's monotone chain. Points on an
// edge are no corners.
func Hull2(x []float64) []int {
	n := len(x) / 2
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := cmp.Compare(x[2*a], x[2*b]); c != 0 {
			return c
		}
		return cmp.Compare(x[2*a+1], x[2*b+1])
	})
	order = slices.CompactFunc(order, func(a, b int) bool { return x[2*a] == x[2*b] && x[2*a+1] == x[2*b+1] })
	if len(order) < 3 {
		return order
	}
	lower := halfHull(x, order)
	slices.Reverse(order)
	upper := halfHull(x, order)
	return append(lower[:len(lower)-1], upper[:len(upper)-1]...)
}

// halfHull keeps the left turns of the points in their order.
func halfHull(x []float64, order []int) []int {
	var out []int
	for _, p := range order {
		for len(out) > 1 && turn(x, out[len(out)-2], out[len(out)-1], p) <= 0 {
			out = out[:len(out)-1]
		}
		out = append(out, p)
	}
	return out
}

// turn is positive where a, b, c turn left.
func turn(x []float64, a, b, c int) float64 {
	return (x[2*b]-x[2*a])*(x[2*c+1]-x[2*a+1]) - (x[2*b+1]-x[2*a+1])*(x[2*c]-x[2*a])
}

// Facet is a triangle of a hull in space, its corners counter-clockwise as seen
// from outside.
type Facet [3]int

// Hull3 returns the facets of the convex hull of x (n, 3): starting from a
// tetrahedron, each point outside replaces the facets that it sees by those to
// their horizon. It returns nil where all points lie in a plane.
func Hull3(x []float64) []Facet {
	n := len(x) / 3
	start, ok := tetrahedron(x)
	if !ok {
		return nil
	}
	slack := 1e-10 * Diameter(x, 3)
	facets := tetrahedronFacets(x, start)
	for p := range n {
		if slices.Contains(start[:], p) {
			continue
		}
		facets = extend(x, facets, p, slack)
	}
	return facets
}

// tetrahedron picks four points far from lying in a plane.
func tetrahedron(x []float64) (corners [4]int, ok bool) {
	n := len(x) / 3
	if n < 4 {
		return corners, false
	}
	farthest := func(measure func(p int) float64) (int, float64) {
		best, most := 0, -1.0
		for p := range n {
			if v := measure(p); v > most {
				best, most = p, v
			}
		}
		return best, most
	}
	a := corners[0]
	var size, v float64
	corners[1], size = farthest(func(p int) float64 { return distance(at3(x, a), at3(x, p)) })
	b := corners[1]
	corners[2], v = farthest(func(p int) float64 { return norm(cross(sub3(x, a, b), sub3(x, a, p))) })
	if v <= 1e-9*size*size {
		return corners, false
	}
	normal := cross(sub3(x, a, b), sub3(x, a, corners[2]))
	corners[3], v = farthest(func(p int) float64 { return math.Abs(dot(normal, sub3(x, a, p))) })
	return corners, v > 1e-9*norm(normal)*size
}

func tetrahedronFacets(x []float64, c [4]int) []Facet {
	var out []Facet
	for skip := range 4 {
		var f Facet
		k := 0
		for i, p := range c {
			if i != skip {
				f[k] = p
				k++
			}
		}
		if above(x, f, c[skip]) > 0 {
			f[0], f[1] = f[1], f[0]
		}
		out = append(out, f)
	}
	return out
}

// extend takes point p into the hull.
func extend(x []float64, facets []Facet, p int, slack float64) []Facet {
	var kept []Facet
	open := map[[2]int]bool{} // directed edges of the facets that p sees
	var edges [][2]int
	for _, f := range facets {
		if above(x, f, p) <= slack {
			kept = append(kept, f)
			continue
		}
		for k := range 3 {
			e := [2]int{f[k], f[(k+1)%3]}
			open[e] = true
			edges = append(edges, e)
		}
	}
	for _, e := range edges {
		if !open[[2]int{e[1], e[0]}] { // the horizon: its other facet stays
			kept = append(kept, Facet{e[0], e[1], p})
		}
	}
	return kept
}

// above is how far p lies outside of a facet's plane.
func above(x []float64, f Facet, p int) float64 {
	normal := cross(sub3(x, f[0], f[1]), sub3(x, f[0], f[2]))
	return dot(normal, sub3(x, f[0], p)) / math.Max(norm(normal), math.SmallestNonzeroFloat64)
}

// Corners returns the points that any facet uses, in order.
func Corners(facets []Facet) []int {
	var out []int
	for _, f := range facets {
		out = append(out, f[:]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func at3(x []float64, p int) []float64 { return x[3*p : 3*p+3] }

// sub3 is the vector from a to b.
func sub3(x []float64, a, b int) []float64 {
	return []float64{x[3*b] - x[3*a], x[3*b+1] - x[3*a+1], x[3*b+2] - x[3*a+2]}
}

func cross(a, b []float64) []float64 {
	return []float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}
