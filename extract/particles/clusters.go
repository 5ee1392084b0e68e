package particles

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Components labels the tokens x (n, d) by the connected components of the
// graph that joins two within tol of each other: single linkage cut at tol.
// Labels are numbered by their first token. A token that is not finite stands
// alone.
func Components(x []float64, d int, tol float64) (labels []int, count int) {
	n := len(x) / d
	labels = slices.Repeat([]int{-1}, n)
	var stack []int
	for first := range n {
		if labels[first] >= 0 {
			continue
		}
		labels[first] = count
		stack = append(stack[:0], first)
		for len(stack) > 0 {
			i := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for j := range n {
				if labels[j] < 0 && distance(x[i*d:(i+1)*d], x[j*d:(j+1)*d]) <= tol {
					labels[j] = count
					stack = append(stack, j)
				}
			}
		}
		count++
	}
	return labels, count
}

func distance(x, y []float64) float64 { return math.Sqrt(squared(x, y)) }

// squared is the square of a distance.
func squared(x, y []float64) float64 {
	var s float64
	for k, v := range x {
		s += (v - y[k]) * (v - y[k])
	}
	return s
}

// Clusters counts the components of x (n, d) at one tolerance.
func Clusters(x []float64, d int, tol float64) int {
	_, count := Components(x, d, tol)
	return count
}

// Distinct returns one token of each component at tol, the first: (m, d).
func Distinct(x []float64, d int, tol float64) []float64 {
	labels, count := Components(x, d, tol)
	out := make([]float64, 0, count*d)
	seen := 0
	for i, l := range labels {
		if l == seen {
			out = append(out, x[i*d:(i+1)*d]...)
			seen++
		}
	}
	return out
}

// Leaders returns the tokens that no other outbids for their own attention at
// time t, up to copies within tol: (m, d). Under V = I and A'A = I they are
// stationary, and they are what the others gather at.
func Leaders(s *System, x []float64, t, tol float64) ([]float64, error) {
	h := s.Layers[0].Heads[0]
	p, err := newPropagator(h.V, s.D, false)
	if err != nil {
		return nil, err
	}
	d, k := s.D, len(h.Q)/s.D
	qm, km := make([]float64, k*d), make([]float64, k*d)
	p.apply(qm, h.Q, t)
	p.apply(km, h.K, t)
	n := len(x) / d
	q, key := make([]float64, n*k), make([]float64, n*k) // (n, k)
	mulTransposed(q, x, qm, n, d, k)
	mulTransposed(key, x, km, n, d, k)
	var own []float64
	for i := range n {
		mine := dot(q[i*k:(i+1)*k], key[i*k:(i+1)*k])
		slack := 1e-12 * math.Abs(mine)
		outbid := false
		for j := range n {
			outbid = outbid || dot(q[i*k:(i+1)*k], key[j*k:(j+1)*k]) > mine+slack
		}
		if !outbid {
			own = append(own, x[i*d:(i+1)*d]...)
		}
	}
	if own == nil {
		return nil, nil
	}
	return Distinct(own, d, tol), nil
}

// LeadingLeft returns the left eigenvector of the eigenvalue of V with the
// largest real part, of unit length and with its largest entry positive, (d).
// It fails where that eigenvalue is one of a complex pair.
func LeadingLeft(v []float64, d int) ([]float64, error) {
	var eig mat.Eigen
	if !eig.Factorize(mat.NewDense(d, d, slices.Clone(v)), mat.EigenLeft) {
		return nil, fmt.Errorf("the eigenvalues of V were not found")
	}
	values := eig.Values(nil)
	var vectors mat.CDense
	eig.LeftVectorsTo(&vectors)
	best := 0
	for i, l := range values {
		if real(l) > real(values[best]) {
			best = i
		}
	}
	if imag(values[best]) != 0 {
		return nil, fmt.Errorf("the leading eigenvalue %.4g of V is complex, so there is no leading direction", values[best])
	}
	out := make([]float64, d)
	for i := range out {
		out[i] = real(vectors.At(i, best))
	}
	scale := 1 / norm(out)
	if big := slices.MaxFunc(out, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) }); big < 0 {
		scale = -scale
	}
	for i := range out {
		out[i] *= scale
	}
	return out, nil
}

// Project returns <phi, x_i> for each token, (n).
func Project(x, phi []float64) []float64 {
	d := len(phi)
	out := make([]float64, len(x)/d)
	for i := range out {
		out[i] = dot(x[i*d:(i+1)*d], phi)
	}
	return out
}

// simpleLeading says whether one eigenvalue of V has a larger real part than all
// others.
func simpleLeading(v []float64, d int) bool {
	values, err := eigenvalues(mat.NewDense(d, d, slices.Clone(v)))
	if err != nil {
		return false
	}
	slices.SortFunc(values, func(a, b complex128) int { return cmp.Compare(real(b), real(a)) })
	return d > 1 && real(values[0])-real(values[1]) > 1e-9*(1+math.Abs(real(values[0])))
}
