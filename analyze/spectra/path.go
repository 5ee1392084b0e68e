package spectra

import "math"

// Path follows the update of one module over a series of checkpoints, all
// decomposed with vectors, the last of which is the final one. Its rows are of
// the variants in names, dW(t) being the update of checkpoint t:
//
//	path_cos_final      cosine of dW(t) and dW(final) as vectors of their elements
//	path_cos_previous   of dW(t) and dW(t-1)
//	path_step_norm      |dW(t) - dW(t-1)|_F
//	path_step_cos       cosine of the steps into t and out of it: 1 for a straight path
//	path_angle_left     between the leading left singular vectors of dW(t) and dW(final), radians
//	path_angle_right    the same of the right ones
//	path_phi_left       Hu et al.'s phi of their whole column spaces
//	path_phi_right      and of their row spaces
//
// What is not defined, as a cosine with an update that is zero, has no row. An
// inner product <dW(s), dW(t)> = tr(dW(s)ᵀ dW(t)) is that of matrices of the size
// of the ranks.
func Path(names []string, series []*Update, layer int, module string) []Value {
	last := len(series) - 1
	final := series[last]
	var rows []Value
	for t, u := range series {
		add := func(quantity string, v float64) {
			if !math.IsNaN(v) {
				rows = append(rows, Value{names[t], layer, module, Whole, quantity, 0, v, 0})
			}
		}
		add("path_cos_final", cosine(u, final))
		if t > 0 {
			before := series[t-1]
			add("path_cos_previous", cosine(u, before))
			add("path_step_norm", math.Sqrt(max(0, stepSquare(before, u))))
		}
		if t > 0 && t < last {
			add("path_step_cos", stepCosine(series[t-1], u, series[t+1]))
		}
		for _, o := range Overlaps(u, final, Overlap{}) {
			if o.RankA == 1 && o.RankB == 1 {
				add("path_angle_"+o.Side, o.Angles[0])
			}
			if o.RankA == u.subspace() && o.RankB == final.subspace() {
				add("path_phi_"+o.Side, o.Phi)
			}
		}
	}
	return rows
}

// inner is tr(aᵀ b) = sum_ij sigma_i tau_j (u_i . u'_j) (v_i . v'_j).
func inner(a, b *Update) float64 {
	if a == b {
		return square(a)
	}
	left, right := cross(a.U, b.U), cross(a.V, b.V) // (k, k') each
	sum := 0.0
	for i, s := range a.Sigma {
		for j, t := range b.Sigma {
			sum += s * t * left[i][j] * right[i][j]
		}
	}
	return sum
}

// square is |a|_F².
func square(a *Update) float64 {
	sum := 0.0
	for _, s := range a.Sigma {
		sum += s * s
	}
	return sum
}

// cosine of two updates; NaN where one is zero.
func cosine(a, b *Update) float64 {
	return clampCosine(inner(a, b) / (math.Sqrt(square(a)) * math.Sqrt(square(b))))
}

// stepSquare is |b - a|_F².
func stepSquare(a, b *Update) float64 { return square(b) - 2*inner(a, b) + square(a) }

// stepCosine is the cosine of b - a and c - b; NaN where one is zero.
func stepCosine(a, b, c *Update) float64 {
	product := inner(b, c) - square(b) - inner(a, c) + inner(a, b)
	return clampCosine(product / math.Sqrt(stepSquare(a, b)*stepSquare(b, c)))
}

// clampCosine takes away what rounding adds to 1, and infinity, which a division
// by zero leaves.
func clampCosine(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return max(-1, min(1, v))
}
