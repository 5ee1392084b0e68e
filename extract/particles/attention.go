package particles

import "math"

// weighing turns a row of scores into weights.
type weighing struct {
	kind    weighingKind
	growth  float64 // c of e^{-c gap}: 1, or e^{2 mu t} of the rescaled dynamics
	logGrow float64 // its logarithm, for where it is infinite
	count   float64 // n, by which the un-normalised attention divides
}

type weighingKind int

const (
	softmax weighingKind = iota
	unnormalised
)

// rescaledWeighing weighs scores that were taken with e^{t(V - mu I)}.
func rescaledWeighing(mu, t float64) weighing {
	return weighing{growth: math.Exp(2 * mu * t), logGrow: 2 * mu * t}
}

// weigh replaces scores by weights and returns what their sum must be divided
// by. The largest score has weight 1, as has every score that ties with it.
func (w weighing) weigh(s []float64) (total float64) {
	if w.kind == unnormalised {
		for j, v := range s {
			s[j] = math.Exp(v)
		}
		return w.count
	}
	top := math.Inf(-1)
	for _, v := range s {
		if v > top {
			top = v
		}
	}
	const nothing = 745.2 // e^{-nothing} is 0 in float64
	steep := w.growth > math.MaxFloat64
	for j, v := range s {
		gap := top - v
		switch {
		case !steep:
			gap *= w.growth
		case gap > 1e-300: // times more than 1.8e308: far beyond nothing
			gap = math.Inf(1)
		case gap != 0:
			gap = math.Exp(w.logGrow + math.Log(gap))
		}
		switch {
		case gap == 0:
			s[j] = 1
		case gap > nothing:
			s[j] = 0
			continue
		default: // NaN too, so that it is seen
			s[j] = math.Exp(-gap)
		}
		total += s[j]
	}
	return total
}

// averageRow writes sum_j s_j w_j / total to out, (v), for w (m, v).
func averageRow(out, s, w []float64, total float64) {
	clear(out)
	v := len(out)
	for j, p := range s {
		if p == 0 {
			continue
		}
		row := w[j*v : j*v+v]
		for k, x := range row {
			out[k] += p * x
		}
	}
	for k := range out {
		out[k] /= total
	}
}

// literalRow fills the weights (n) of token i as the paper's script computes
// them. differences (n, n, k) holds K e^{tV}(z_k - z_j) at (j, k), query is
// Q e^{tV} z_i, and scores (n) its products with K e^{tV} z_k. Where an
// exponential overflows the weight is 0, where two infinities meet it is NaN.
//
// The scores only tell which exponentials are 0 beyond any rounding; the others
// are taken from the differences, as the script takes them.
func literalRow(weights, scores, query, differences []float64) {
	const zero, rounding = -800, 1e-12
	n, d := len(weights), len(query)
	for j := range weights {
		var sum float64
		row, own := differences[j*n*d:(j+1)*n*d], scores[j]
		limit := own + zero - rounding*math.Abs(own)
		for k, s := range scores {
			if s+rounding*math.Abs(s) < limit {
				continue
			}
			sum += math.Exp(dot(query, row[k*d:k*d+d]))
		}
		weights[j] = 1 / sum
	}
}
