package particles

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/layerclust/layerclust/analyze/theory"
)

// Study asks how tight the predictions of the second clustering are: over
// seeds, sizes, eps and delta it sets each measured time beside what theory says
// before and during the run.
type Study struct {
	Seeds  int // 0, 1, .. of numpy
	Sizes  []Size
	Eps    []float64
	Deltas []float64
	Dt     float64
	End    float64 // no run is longer
}

// Size is a number of tokens and their dimension.
type Size struct{ N, D int }

// DefaultStudy is larger than the paper's, which is one seed.
func DefaultStudy() Study {
	return Study{Seeds: 200, Sizes: []Size{{10, 2}, {20, 2}, {40, 2}, {20, 3}, {20, 5}},
		Eps: []float64{0.002, 0.005, 0.01, 0.02, 0.05, 0.1}, Deltas: []float64{0.05, 0.1, 0.2}, Dt: 0.1, End: 1000}
}

// StudyRow is one seed, size, eps and delta. Times that do not exist are NaN,
// or infinite where no switch is predicted.
type StudyRow struct {
	Size
	Seed       int
	Eps        float64
	Delta      float64
	Clusters   int
	RStar      float64
	Times              // as the paper measures them
	PerToken   float64 // when some token first left its own cluster
	LastChange float64 // of the run
	Prediction         // of theory
	Ended      float64 // how long the run was
}

// Switched says whether the run had a second clustering after a first.
func (r StudyRow) Switched() bool { return !math.IsNaN(r.Bifurcation) }

// Predicted says whether theory, a priori, expects one within the run: a switch
// after the first clustering.
func (r StudyRow) Predicted() bool { return r.APriori+r.Escape < r.Ended && r.APriori > r.Cluster }

// Run does the whole study. Rows are in the order of sizes, seeds, eps, deltas.
func (s Study) Run(ctx context.Context) ([]StudyRow, error) {
	rows := make([][]StudyRow, len(s.Sizes)*s.Seeds)
	err := spread(len(rows), func(i int) (err error) {
		rows[i], err = s.seed(ctx, s.Sizes[i/s.Seeds], i%s.Seeds)
		return err
	})
	return slices.Concat(rows...), err
}

// seed runs every eps of one draw of tokens.
func (s Study) seed(ctx context.Context, size Size, seed int) ([]StudyRow, error) {
	b := &Bifurcation{X0: NewRandom(uint32(seed)).Uniform(-1, 1, size.N*size.D), D: size.D, Dt: s.Dt,
		Reference: 50, Integrator: Euler, Deltas: s.Deltas, Keep: 0.5}
	settled, err := b.Settle(ctx)
	if err != nil {
		return nil, err
	}
	var rows []StudyRow
	for _, eps := range s.Eps {
		b.End = s.length(settled, size.D, eps)
		found, err := b.Run(ctx, settled, eps)
		if err != nil {
			return nil, err
		}
		for k, delta := range s.Deltas {
			rows = append(rows, StudyRow{Size: size, Seed: seed, Eps: eps, Delta: delta, Clusters: len(settled.Clusters) / size.D,
				RStar: settled.RStar, Times: found.Times[k][0], PerToken: found.Times[k][2].Bifurcation,
				LastChange: found.LastChange(size.D, delta), Prediction: b.Predict(settled, found, k), Ended: b.End})
		}
	}
	return rows, nil
}

// length is a fifth and twenty time units beyond the last change that theory
// allows for, and two e-folds of the perturbation where it expects none, so that
// a switch that it does not expect is seen.
func (s Study) length(settled *Settled, d int, eps float64) float64 {
	end := 2 / eps
	if last := theory.LastChange(settled.Clusters, d, eps, slices.Min(s.Deltas)); !math.IsNaN(last) {
		end = 1.2*last + 20
	}
	return math.Ceil(math.Min(s.End, end))
}

// Quantiles are the 5, 25, 50, 75 and 95 % points of values, by linear
// interpolation; all NaN for none.
func Quantiles(values []float64) [5]float64 {
	var out [5]float64
	sorted := slices.DeleteFunc(slices.Clone(values), notFinite)
	slices.SortFunc(sorted, cmp.Compare)
	for i, p := range [5]float64{0.05, 0.25, 0.5, 0.75, 0.95} {
		if len(sorted) == 0 {
			out[i] = math.NaN()
			continue
		}
		at := p * float64(len(sorted)-1)
		k := int(at)
		out[i] = sorted[k]
		if k+1 < len(sorted) {
			out[i] += (at - float64(k)) * (sorted[k+1] - sorted[k])
		}
	}
	return out
}
