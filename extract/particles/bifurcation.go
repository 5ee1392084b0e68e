package particles

import (
	"context"
	"math"
	"slices"

	"github.com/layerclust/layerclust/analyze/theory"
)

// Bifurcation is the paper's central experiment: V = I clusters the tokens; the
// perturbed V~ = diag(1, 1-eps, .., 1-eps) does the same at first, and much later
// moves some of them on. Both times are read off one run.
type Bifurcation struct {
	X0         []float64 // (n, d)
	D          int
	Dt         float64
	Reference  float64 // how long the run with V = I is
	End        float64 // how long the perturbed one may be
	Integrator Integrator
	Deltas     []float64 // thresholds

	// Compat measures as the script does: its overflowing attention, the state
	// at int(t/dt), which can be one step early.
	Compat bool
	Whole  bool // run to End even after all is found, to time the integration

	// Keep spaces the states that are kept for LastChange; 0 keeps none.
	Keep float64
}

// Distances are the ways to say how far the tokens are from the clusters of
// V = I. The paper's is one-sided: it cannot see a cluster that all tokens
// left.
var Distances = []string{"one-sided", "hausdorff", "per-token"}

// Times are what one threshold and distance found; NaN is not found.
type Times struct{ Cluster, Bifurcation float64 }

// Found is one perturbed run.
type Found struct {
	Eps      float64
	Times    [][]Times // (deltas, Distances)
	Plateau  []float64 // (m, d), the leaders between the two clusterings; nil for none
	At       float64   // when they were taken
	FirstNaN float64   // of the compat arithmetic; NaN for none
	kept     [][]float64
	keptAt   []float64
	Stats
}

// Settled is the clustering of V = I.
type Settled struct {
	Final    []float64 // (n, d), of every token
	Clusters []float64 // (m, d), the different ones
	theory.Switch
}

// sameCluster is how near final positions of one cluster are.
const sameCluster = 1e-3

// identity is the rescaled dynamics with Q = K = I and V~.
func (b *Bifurcation) system(eps float64) *System {
	values := make([]float64, b.D)
	for i := range values {
		values[i] = 1 - eps
	}
	values[0] = 1
	s := New(Rescaled, len(b.X0)/b.D, b.D, Identity(b.D), Identity(b.D), Diagonal(values))
	s.Literal = b.Compat
	return s
}

func (b *Bifurcation) options(end float64) Options {
	return Options{Integrator: b.Integrator, T: end, Dt: b.Dt, Threads: 1}
}

// Settle runs V = I and predicts from where it ends.
func (b *Bifurcation) Settle(ctx context.Context) (*Settled, error) {
	o := b.options(b.Reference)
	o.Times = []float64{b.Reference}
	tr, err := Run(ctx, b.system(0), b.X0, o)
	if err != nil {
		return nil, err
	}
	s := &Settled{Final: tr.Last(), Clusters: Distinct(tr.Last(), b.D, sameCluster)}
	s.Switch = theory.Switching(s.Clusters, b.D)
	return s, nil
}

// Run integrates under eps and watches the distances to the clustering.
func (b *Bifurcation) Run(ctx context.Context, settled *Settled, eps float64) (*Found, error) {
	w := &watch{b: b, settled: settled, found: &Found{Eps: eps, FirstNaN: math.NaN()}, system: b.system(eps)}
	for range b.Deltas {
		w.found.Times = append(w.found.Times, make([]Times, len(Distances)))
	}
	for _, row := range w.found.Times {
		for k := range row {
			row[k] = Times{math.NaN(), math.NaN()}
		}
	}
	stats, err := observe(ctx, w.system, b.X0, b.options(b.End), w.see)
	w.found.Stats = stats
	if err == nil {
		err = w.err
	}
	return w.found, err
}

// RunAll settles V = I and runs every eps, on all processors.
func (b *Bifurcation) RunAll(ctx context.Context, eps []float64) (*Settled, []*Found, error) {
	settled, err := b.Settle(ctx)
	if err != nil {
		return nil, nil, err
	}
	found := make([]*Found, len(eps))
	err = spread(len(eps), func(i int) (err error) {
		found[i], err = b.Run(ctx, settled, eps[i])
		return err
	})
	return settled, found, err
}

// watch is the observer of a perturbed run.
type watch struct {
	b       *Bifurcation
	settled *Settled
	system  *System
	found   *Found
	last    []float64 // (n, d), the state a step ago
	err     error
}

// see takes the distances of one state.
func (w *watch) see(t float64, x []float64) bool {
	if w.b.Compat && math.IsNaN(w.found.FirstNaN) && slices.ContainsFunc(x, notFinite) {
		w.found.FirstNaN = t
	}
	state := x
	if w.b.Compat {
		l := int(math.Round(t / w.b.Dt))
		if int(t/w.b.Dt) < l {
			state = w.last
		}
		defer func() { w.last = append(w.last[:0], x...) }()
	}
	d := w.b.D
	far := [3]float64{OneSided(state, w.settled.Clusters, d), math.NaN(), math.NaN()}
	if w.b.Compat {
		far[0] = OneSided(state, w.settled.Final, d)
	} else {
		far[1], far[2] = math.Max(far[0], OneSided(w.settled.Clusters, state, d)), PerToken(state, w.settled.Final, d)
	}
	open := false
	for i, delta := range w.b.Deltas {
		for k, v := range far {
			f := &w.found.Times[i][k]
			f.note(t, v, delta)
			open = open || k == 0 && math.IsNaN(f.Bifurcation) || k == 2 && !w.b.Compat && math.IsNaN(f.Bifurcation)
		}
	}
	w.plateau(t, x)
	if f := w.found; w.b.Keep > 0 && t >= w.b.Keep*float64(len(f.kept)) {
		f.kept, f.keptAt = append(f.kept, slices.Clone(x)), append(f.keptAt, t)
	}
	return open || w.b.Whole || w.b.Keep > 0
}

// LastChange is the last kept time at which some token was farther than delta
// from where it ended, NaN where states were not kept.
func (f *Found) LastChange(d int, delta float64) float64 {
	for k := len(f.kept) - 1; k >= 0; k-- {
		if PerToken(f.kept[k], f.kept[len(f.kept)-1], d) > delta {
			return f.keptAt[k]
		}
	}
	return math.NaN()
}

// note is the script's rule: first below delta, then, later, above it.
func (f *Times) note(t, v, delta float64) {
	switch {
	case math.IsNaN(f.Cluster) && v < delta:
		f.Cluster = t
	case !math.IsNaN(f.Cluster) && math.IsNaN(f.Bifurcation) && v > delta:
		f.Bifurcation = t
	}
}

// plateau takes the leaders once the first clustering has settled: settling
// after the cluster time of the first threshold, or half way to the switch that
// V = I predicts where that comes sooner.
func (w *watch) plateau(t float64, x []float64) {
	const settling = 12 // e^-12 of the distance is left
	first := w.found.Times[0][0].Cluster
	if w.b.Compat || w.found.Plateau != nil || math.IsNaN(first) || w.found.Eps == 0 || w.err != nil {
		return
	}
	due := first + settling
	if predicted := w.settled.Time(w.found.Eps); predicted > first {
		due = math.Min(due, (first+predicted)/2)
	}
	if t < due {
		return
	}
	w.found.At = t
	w.found.Plateau, w.err = Leaders(w.system, x, t, sameCluster)
}

// Prediction is what theory says of one run.
type Prediction struct {
	APriori float64 // from the clusters of V = I
	Plateau float64 // from the leaders of the run itself
	Escape  float64 // tau of the plateau's pair
	Last    float64 // upper form for the last change, from V = I
}

// Predict sets theory beside a run, for threshold k of Deltas. Only switches that
// the threshold can see count. Infinite is no switch; the plateau's is NaN where
// the run had none before its bifurcation.
func (b *Bifurcation) Predict(settled *Settled, found *Found, k int) Prediction {
	delta, measured := b.Deltas[k], found.Times[k][0].Bifurcation
	first := theory.SwitchingBeyond(settled.Clusters, b.D, delta)
	p := Prediction{APriori: first.Time(found.Eps), Plateau: math.NaN(), Escape: first.Escape(found.Eps, delta),
		Last: theory.LastChange(settled.Clusters, b.D, found.Eps, delta)}
	if found.Plateau == nil || found.At >= measured {
		return p
	}
	s := theory.SwitchingBeyond(found.Plateau, b.D, delta)
	p.Plateau = s.Time(found.Eps)
	if s.From >= 0 {
		p.Escape = s.Escape(found.Eps, delta)
	}
	return p
}
