package theory

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Switch is the first change that a perturbation makes to a clustering that
// V = I has settled: the cluster From comes to prefer the cluster To.
type Switch struct {
	RStar    float64 // e^{-2 eps T}
	From, To int     // clusters; -1 where none ever switches
	Scaled   float64 // eps T, infinite where none switches
	Distance float64 // |C_To - C_From|
}

// Switching predicts that change for V~ = I - eps diag(0, 1, .., 1) from the
// clusters C (m, d) and A'A = I. The exponent of the attention is
// e^{2t} <z_i, D(t) z_j> with D = diag(1, r, .., r) and r = e^{-2 eps t}, and
// e^{2t} makes the softmax an argmax: cluster k stays until r has fallen to
// p_k (p_l - p_k)/(q_k.(q_k - q_l)) for some l, p being the first coordinate
// and q the rest, where numerator and denominator are positive.
func Switching(clusters []float64, d int) Switch { return SwitchingBeyond(clusters, d, 0) }

// SwitchingBeyond is Switching for changes that move a cluster farther than
// delta: a threshold of delta does not see the others.
func SwitchingBeyond(clusters []float64, d int, delta float64) Switch {
	s := Switch{From: -1, To: -1, Scaled: math.Inf(1)}
	m := len(clusters) / d
	for k := range m {
		for l := range m {
			ck, cl := clusters[k*d:(k+1)*d], clusters[l*d:(l+1)*d]
			if r, far := ratio(ck, cl), gapBetween(ck, cl); r > s.RStar && far > delta {
				s = Switch{RStar: r, From: k, To: l, Scaled: -math.Log(r) / 2, Distance: far}
			}
		}
	}
	return s
}

// ratio is the r at which cluster k comes to prefer cluster l, 0 for never.
func ratio(ck, cl []float64) float64 {
	top := ck[0] * (cl[0] - ck[0])
	bottom := dot(ck[1:], ck[1:]) - dot(ck[1:], cl[1:])
	if top <= 0 || bottom <= 0 || top >= bottom {
		return 0
	}
	return top / bottom
}

func gapBetween(a, b []float64) float64 {
	diff := make([]float64, len(a))
	for i := range diff {
		diff[i] = b[i] - a[i]
	}
	return norm(diff)
}

// SwitchingGeneral is Switching for V~ = I - eps M with M symmetric:
// eps T = inf{s : max_kl <C_k, e^{-2sM}(C_l - C_k)> > 0}, found on a grid and
// refined by bisection. The grid reaches until every mode has decayed, or grown,
// by e^60.
func SwitchingGeneral(clusters []float64, d int, m mat.Matrix) (Switch, error) {
	values, vectors, ok := eigenSym(m)
	if !ok {
		return Switch{}, fmt.Errorf("the eigenvalues of M were not found")
	}
	first := Switch{From: -1, To: -1, Scaled: math.Inf(1)}
	modes := inBasis(clusters, d, vectors) // (m, d)
	n := len(modes) / d
	for k := range n {
		ck := modes[k*d : (k+1)*d]
		for l := range n {
			if k == l {
				continue
			}
			cl := modes[l*d : (l+1)*d]
			pull := func(s float64) float64 {
				var sum float64
				for j, v := range values {
					sum += math.Exp(-2*s*(v-values[len(values)-1])) * ck[j] * (cl[j] - ck[j])
				}
				return sum
			}
			if s := firstPositive(pull, slowest(values)); s < first.Scaled {
				first = Switch{RStar: math.Exp(-2 * s), From: k, To: l, Scaled: s, Distance: gapBetween(ck, cl)}
			}
		}
	}
	return first, nil
}

// inBasis are the coordinates of points (m, d) along the columns of vectors.
func inBasis(points []float64, d int, vectors *mat.Dense) []float64 {
	m := len(points) / d
	var out mat.Dense
	out.Mul(mat.NewDense(m, d, append([]float64(nil), points...)), vectors)
	return out.RawMatrix().Data
}

// slowest is the s by which the closest pair of different modes has parted by
// e^60.
func slowest(values []float64) float64 {
	const parted = 60
	least := math.Inf(1)
	for i := 1; i < len(values); i++ {
		if gap := values[i-1] - values[i]; gap > 1e-9*math.Abs(values[0]-values[len(values)-1]) {
			least = math.Min(least, gap)
		}
	}
	return parted / (2 * least)
}

// firstPositive is the first s above 0 at which f turns positive, infinite for
// none. A cluster that is outbid from the start has switched at 0.
func firstPositive(f func(float64) float64, end float64) float64 {
	if math.IsInf(end, 0) {
		return math.Inf(1)
	}
	const pieces = 6000
	last := 0.0
	for i := 1; i <= pieces; i++ {
		// finer near 0, where most clusters switch
		s := end * math.Pow(float64(i)/pieces, 3)
		if f(s) > 0 {
			for range 80 {
				if mid := (last + s) / 2; f(mid) > 0 {
					s = mid
				} else {
					last = mid
				}
			}
			return s
		}
		last = s
	}
	return math.Inf(1)
}

// Escape is how long a cluster takes, after its switch, to get delta away from
// where it was: ln(1/(1 - delta/|C_l - C_k|))/(1 - eps). Infinite where the
// whole way is shorter than delta.
func (s Switch) Escape(eps, delta float64) float64 {
	if !(delta < s.Distance) {
		return math.Inf(1)
	}
	return -math.Log1p(-delta/s.Distance) / (1 - eps)
}

// Time is the time of the switch under a perturbation eps.
func (s Switch) Time(eps float64) float64 { return s.Scaled / eps }

// LastChange bounds the time by which all changes are over: ln(1/r_min)/(2 eps)
// + (m/(1 - eps)) ln(diameter/delta), up to the time t_c that the first
// clustering took. r_min is the least over the clusters that are not extremal in
// the first coordinate of the largest r at which they switch. The count of
// successive merges is heuristic. NaN where every cluster is extremal: then
// nothing changes.
func LastChange(clusters []float64, d int, eps, delta float64) float64 {
	m := len(clusters) / d
	least, widest := math.Inf(1), 0.0
	for k := range m {
		ck := clusters[k*d : (k+1)*d]
		best := 0.0
		for l := range m {
			cl := clusters[l*d : (l+1)*d]
			widest, best = math.Max(widest, gapBetween(ck, cl)), math.Max(best, ratio(ck, cl))
		}
		if best > 0 {
			least = math.Min(least, best)
		}
	}
	if math.IsInf(least, 1) {
		return math.NaN()
	}
	return -math.Log(least)/(2*eps) + float64(m)/(1-eps)*math.Log(widest/delta)
}

// SecondClusterInput is what the prediction is made from.
type SecondClusterInput struct {
	Clusters   []float64 // (m, d), where V = I has settled
	D          int
	Eps, Delta float64
	Settled    float64    // t_c, the time the first clustering took
	M          mat.Matrix // V~ = I - eps M; nil for diag(0, 1, .., 1)
}

// SecondCluster predicts when the second clustering begins, a priori from the
// clusters of V = I.
func SecondCluster(in SecondClusterInput) (*Bound, error) {
	s := Switching(in.Clusters, in.D)
	form := "V~ = diag(1, 1 - eps, .., 1 - eps)"
	if in.M != nil {
		var err error
		if s, err = SwitchingGeneral(in.Clusters, in.D, in.M); err != nil {
			return nil, err
		}
		form = "V~ = I - eps M"
	}
	b := &Bound{Name: "second-cluster", Status: Derived,
		Statement: "T = ln(1/r*)/(2 eps) + O(t_c), so eps T -> ln(1/r*)/2 as eps -> 0; V = I, A'A = I, " + form + ". Upper form: plus tau and a multiple of t_c."}
	t := s.Time(in.Eps)
	b.assume("0 < eps < 1", in.Eps > 0 && in.Eps < 1, fmt.Sprintf("eps = %g", in.Eps))
	b.assume("some cluster is not extremal in the leading coordinate", s.From >= 0, fmt.Sprintf("r* = %.6g", s.RStar))
	b.assume("the first clustering is over before the switch", in.Settled < t, fmt.Sprintf("t_c = %.4g, switch at %.4g", in.Settled, t))
	b.assume("the clusters are farther apart than delta", s.From < 0 || s.Distance > in.Delta, fmt.Sprintf("distance %.4g, delta %g", s.Distance, in.Delta))
	b.add("r_star", s.RStar, "")
	b.add("eps_T", s.Scaled, "")
	b.add("switch", t, "ln(1/r*)/(2 eps)")
	b.add("escape", s.Escape(in.Eps, in.Delta), "tau, until delta away")
	b.add("bifurcation", t+s.Escape(in.Eps, in.Delta), "switch + escape")
	if in.M == nil {
		b.add("last_change", LastChange(in.Clusters, in.D, in.Eps, in.Delta), "up to O(t_c); the number of merges in it is heuristic")
	}
	b.add("from", float64(s.From), "cluster that switches")
	b.add("to", float64(s.To), "cluster that it joins")
	return b, nil
}
