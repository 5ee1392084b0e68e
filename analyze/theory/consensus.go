package theory

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// DriftTime is how long a consensus at angle from the leading eigenvector takes
// to come within delta of it, under a symmetric V~ with that gap between its
// first two eigenvalues: ln(tan angle/tan delta)/gap, exact in their plane.
func DriftTime(gap, angle, delta float64) float64 {
	return math.Log(math.Tan(angle)/math.Tan(delta)) / gap
}

// Consensus says when a cluster on the sphere, at c after V = I brought all
// tokens together, has moved to the leading eigenvector of V~: the cluster
// follows c' = (I - c c') V~ c, so c(t) = e^{tV~} c normalised.
func Consensus(adapted *mat.Dense, c []float64, delta float64) (*Bound, error) {
	if !symmetric(adapted) {
		return nil, fmt.Errorf("the adapted V is not symmetric")
	}
	values, vectors, ok := eigenSym(adapted)
	if !ok {
		return nil, fmt.Errorf("the eigenvalues of the adapted V were not found")
	}
	if len(values) < 2 {
		return nil, fmt.Errorf("the adapted V is 1 x 1 and has no second eigenvalue")
	}
	modes := inBasis(c, len(c), vectors)
	gap, along := values[0]-values[1], math.Abs(modes[0])/norm(c)
	angle := math.Acos(math.Min(1, along))
	outside := norm(modes[min(2, len(modes)):]) / norm(c)
	b := &Bound{Name: "consensus", Status: Derived,
		Statement: "T = ln(tan theta_0/tan delta)/gap in the plane of the two leading eigenvectors of V~; c(t) = normalise(e^{tV~} c) in general"}
	b.assume("the leading eigenvalue is simple", gap > 0, fmt.Sprintf("gap = %.4g", gap))
	b.assume("c is not orthogonal to the leading eigenvector", along > 1e-12, fmt.Sprintf("|<c, u_1>| = %.4g", along))
	b.assume("0 < delta < theta_0", delta > 0 && delta < angle, fmt.Sprintf("delta = %g, theta_0 = %.6g", delta, angle))
	b.add("theta_0", angle, "angle of c and the leading eigenvector")
	if outside < 1e-9 {
		b.add("T", DriftTime(gap, angle, delta), "exact: c lies in the plane")
	}
	b.add("T_general", driftTimeGeneral(values, modes, delta), "from e^{tV~} c")
	b.add("T_leading", DriftTime(gap, angle, delta), "the same formula with all of c taken to lie in the plane: an upper bound")
	return b, nil
}

// driftTimeGeneral bisects the angle of e^{tV~} c, which falls with t.
func driftTimeGeneral(values, modes []float64, delta float64) float64 {
	tan := func(t float64) float64 {
		var off float64
		for j := 1; j < len(modes); j++ {
			v := modes[j] * math.Exp(t*(values[j]-values[0]))
			off += v * v
		}
		return math.Sqrt(off) / math.Abs(modes[0])
	}
	goal := math.Tan(delta)
	if tan(0) <= goal {
		return 0
	}
	lo, hi := 0.0, 1.0
	for tan(hi) > goal {
		lo, hi = hi, 2*hi
		if hi > 1e15 {
			return math.Inf(1)
		}
	}
	for range 200 {
		if mid := (lo + hi) / 2; tan(mid) > goal {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
