package theory

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// RandomAdapters is a network of L layers of step 1/L in which every layer has
// its own adapter, DV^l = eta sum_{a <= r} u_a v_a' with u, v ~ N(0, I/d).
type RandomAdapters struct {
	Layers int
	Eta    float64
	Rank   int
	Dim    int
	Deltas []*mat.Dense // (d, d) each, real updates in place of Eta and Rank; or nil
}

// The norms at which the drift is a line in q = eta/sqrt(L) and at which it is
// as large as that of two unrelated directions, with the slope between: read
// off simulations at n = d = 16, r = 4, T = 4, beta = 1 and L from 16 to 1024.
const (
	smallQ     = 0.3
	largeQ     = 1.0
	driftSlope = 1.5
)

// NormTransition says on which side of eta ~ sqrt(L) the adapters are.
func NormTransition(in RandomAdapters) (*Bound, error) {
	b := &Bound{Name: "norm-transition", Status: Condition,
		Statement: "independent adapters: eta << sqrt(L) leaves the clusters, eta >> sqrt(L) moves them; the same adapter in every layer drifts by the order of ||DV||. Constants read off simulations (derived), not from the source."}
	l, eta := in.Layers, in.Eta
	if in.Deltas != nil {
		l = len(in.Deltas)
		eta = in.equivalentEta()
		align := in.alignment()
		b.assume("the layers' updates are independent: mean |cosine| of two at most 0.1", align <= 0.1, fmt.Sprintf("%.4g", align))
		b.add("alignment", align, "mean |<DV^l, DV^m>|/(|DV^l||DV^m|)")
	}
	if l < 1 || in.Rank < 1 || in.Dim < 1 {
		return nil, fmt.Errorf("sizes L, r, d: %d, %d, %d", l, in.Rank, in.Dim)
	}
	q := eta / math.Sqrt(float64(l))
	b.assume("many layers", l >= 16, fmt.Sprintf("L = %d; simulated from 16 on", l))
	b.assume("the drift is below its saturation", q <= smallQ, fmt.Sprintf("q = %.4g, a line up to %g", q, smallQ))
	b.add("eta", eta, "")
	b.add("q", q, "eta/sqrt(L)")
	b.add("drift", math.Min(driftSlope*q, math.Sqrt2), "RMS distance to the base on the unit sphere, at n = d = 16, r = 4, T = 4, beta = 1")
	b.add("transition", math.Sqrt(float64(l)), "the eta at which the drift stops being small")
	b.add("saturated", indicator(q >= largeQ), "1 where the drift is that of unrelated directions")
	return b, nil
}

// equivalentEta is the eta whose random adapters have the same mean square
// Frobenius norm: E|DV|^2 = eta^2 r, up to terms of 1/d.
func (in RandomAdapters) equivalentEta() float64 {
	var sum float64
	for _, m := range in.Deltas {
		f := mat.Norm(m, 2) // Frobenius
		sum += f * f
	}
	return math.Sqrt(sum / float64(len(in.Deltas)*max(1, in.Rank)))
}

// alignment is the mean absolute cosine of two layers' updates.
func (in RandomAdapters) alignment() float64 {
	var sum float64
	pairs := 0
	for i, a := range in.Deltas {
		for _, c := range in.Deltas[:i] {
			var product mat.Dense
			product.MulElem(a, c)
			if scale := mat.Norm(a, 2) * mat.Norm(c, 2); scale > 0 {
				sum += math.Abs(mat.Sum(&product)) / scale
			}
			pairs++
		}
	}
	if pairs == 0 {
		return 0
	}
	return sum / float64(pairs)
}

func indicator(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
