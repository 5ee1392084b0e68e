package particles

import (
	"context"
	"math"
)

// NormTransition is the experiment of random adapters: a network of L layers on
// the sphere, Q = K = V = I, every layer of which gets an update of its own,
// W = eta sum_{a <= r} u_a v_a' with u, v ~ N(0, I/d).
type NormTransition struct {
	N, D, Rank int
	T, Beta    float64
	Seeds      int
	Tied       bool // the same update in every layer, the worst case
}

// PaperTransition has the sizes of the reference.
func PaperTransition() NormTransition {
	return NormTransition{N: 16, D: 16, Rank: 4, T: 4, Beta: 1, Seeds: 6}
}

// Drift is one depth and norm, over seeds.
type Drift struct {
	Layers     int
	Q, Eta     float64 // q = eta/sqrt(L)
	Mean, Std  float64 // of the root mean square distance of the tokens to the base's
	MeanCosine float64 // of the adapted tokens at the end, the diagonal included
}

// Run simulates one depth and q, seeds 100, 101 and so on of numpy.
func (e NormTransition) Run(ctx context.Context, layers int, q float64) (Drift, error) {
	out := Drift{Layers: layers, Q: q, Eta: q * math.Sqrt(float64(layers))}
	drifts := make([]float64, e.Seeds)
	cosines := make([]float64, e.Seeds)
	err := spread(e.Seeds, func(i int) error {
		drifts[i], cosines[i] = e.once(NewRandom(uint32(100+i)), layers, out.Eta)
		return ctx.Err()
	})
	for i := range drifts {
		out.Mean += drifts[i] / float64(e.Seeds)
		out.MeanCosine += cosines[i] / float64(e.Seeds)
	}
	for _, v := range drifts {
		out.Std += (v - out.Mean) * (v - out.Mean) / float64(e.Seeds)
	}
	out.Std = math.Sqrt(out.Std)
	return out, err
}

// once runs base and adapted side by side and returns their distance.
func (e NormTransition) once(r *Random, layers int, eta float64) (drift, cosine float64) {
	n, d := e.N, e.D
	base := r.Normal(n * d)
	normalised(base, base, d, 1)
	adapted := append([]float64(nil), base...)
	step := e.T / float64(layers)
	v := make([]float64, d*d)
	var u, w []float64
	scratch := make([]float64, 2*n*d)
	for l := range layers {
		if l == 0 || !e.Tied {
			u, w = r.Normal(e.Rank*d), r.Normal(e.Rank*d) // (r, d) each
		}
		copy(v, Identity(d))
		for a := range e.Rank {
			for i := range d {
				for j := range d {
					v[i*d+j] += eta * u[a*d+i] * w[a*d+j] / float64(d)
				}
			}
		}
		e.layer(base, Identity(d), step, scratch)
		e.layer(adapted, v, step, scratch)
	}
	for i := 0; i < n*d; i += d {
		gap := distance(base[i:i+d], adapted[i:i+d])
		drift += gap * gap / float64(n)
	}
	cosine, _ = MeanCosine(adapted, d)
	return math.Sqrt(drift), cosine
}

// layer is x <- normalise(x + h (P x) V'), Q = K = I, in place.
func (e NormTransition) layer(x, v []float64, h float64, scratch []float64) {
	n, d := e.N, e.D
	mean, moved := scratch[:n*d], scratch[n*d:]
	scores := make([]float64, n)
	how := weighing{growth: 1}
	for i := range n {
		for j := range scores {
			scores[j] = e.Beta * dot(x[i*d:(i+1)*d], x[j*d:(j+1)*d])
		}
		averageRow(mean[i*d:(i+1)*d], scores, x, how.weigh(scores))
	}
	mulTransposed(moved, mean, v, n, d, d)
	for i, u := range moved {
		x[i] += h * u
	}
	normalised(x, x, d, 1)
}
