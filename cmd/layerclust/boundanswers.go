package main

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/layerclust/layerclust/analyze/theory"
	"github.com/layerclust/layerclust/extract/particles"
)

// shortTimeBound sets the bound beside two runs from the same start.
func shortTimeBound(ctx context.Context, data []byte) ([]*theory.Bound, error) {
	in, err := readBoundInput(data)
	if err != nil {
		return nil, err
	}
	delta, err := in.delta()
	if err != nil {
		return nil, err
	}
	s, err := particles.ReadFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if err := checkShortTime(s); err != nil {
		return nil, err
	}
	const few = 10
	if len(s.Options.Times) > few {
		s.Options.Times = nil
		for k := 1; k <= few; k++ {
			s.Options.Times = append(s.Options.Times, s.Options.T*float64(k)/few)
		}
	}
	runs, err := runBoth(ctx, s)
	if err != nil {
		return nil, err
	}
	st := particles.ShortTimeOf(s.System, s.Adapted, s.X0)
	b := st.Bound(s.Options.Times, delta)
	for k, t := range runs[0].Times {
		if k < len(runs[1].Times) {
			moved := particles.PerToken(runs[0].X[k], runs[1].X[k], s.System.D)
			b.Values = append(b.Values, theory.Value{Name: fmt.Sprintf("measured(t=%.6g)", t), Value: theory.Number(moved),
				Note: fmt.Sprintf("%s of the bound", brief(moved/st.At(t)))})
		}
	}
	return []*theory.Bound{b}, nil
}

// checkShortTime refuses systems that the short-time bound says nothing about.
func checkShortTime(s *particles.Setup) error {
	switch {
	case s.Adapted == nil:
		return fmt.Errorf("missing lora: the bound compares two systems")
	case s.System.Dynamics != particles.Raw && s.System.Dynamics != particles.SphereSoftmax:
		return fmt.Errorf("dynamics: the bound is about raw and sphere_softmax, not %s", s.System.Dynamics)
	case len(s.System.Layers) > 1 || len(s.System.Layers[0].Heads) > 1 || len(s.Adapted.Layers) > 1 || len(s.Adapted.Layers[0].Heads) > 1:
		return fmt.Errorf("the bound is about one head that does not change")
	}
	return nil
}

func spectralBound(_ context.Context, data []byte) ([]*theory.Bound, error) {
	in, err := readBoundInput(data)
	if err != nil {
		return nil, err
	}
	v, err := square("V", in.V, 0)
	if err != nil {
		return nil, err
	}
	d, _ := v.Dims()
	adapted, err := square("lora.V", in.LoRA.V, d)
	if err != nil {
		return nil, err
	}
	var x0 *mat.Dense
	if in.X0 != nil {
		if x0, err = denseRows("x0", in.X0, d); err != nil {
			return nil, err
		}
	}
	return theory.Spectral(v, adapted, x0)
}

// secondClusterBound predicts from clusters given, or from those that the tokens
// settle in; then it also runs the perturbed system.
func secondClusterBound(ctx context.Context, data []byte) ([]*theory.Bound, error) {
	in, err := readBoundInput(data)
	if err != nil {
		return nil, err
	}
	delta, err := in.delta()
	if err != nil {
		return nil, err
	}
	q := theory.SecondClusterInput{Eps: in.Eps, Delta: delta, Settled: in.Settled, D: in.D}
	if !(in.Eps > 0 && in.Eps < 1) {
		return nil, fmt.Errorf("eps: %g is not between 0 and 1", in.Eps)
	}
	if in.Clusters == nil {
		return in.settledBound(ctx, q)
	}
	points, err := denseRows("clusters", in.Clusters, 0)
	if err != nil {
		return nil, err
	}
	q.Clusters = points.RawMatrix().Data
	_, q.D = points.Dims()
	return in.predict(q)
}

// predict adds M where it is given.
func (in *boundInput) predict(q theory.SecondClusterInput) ([]*theory.Bound, error) {
	if in.M != nil {
		m, err := square("M", in.M, q.D)
		if err != nil {
			return nil, err
		}
		q.M = m
	}
	b, err := theory.SecondCluster(q)
	return []*theory.Bound{b}, err
}

// settledBound lets the tokens settle under V = I first.
func (in *boundInput) settledBound(ctx context.Context, q theory.SecondClusterInput) ([]*theory.Bound, error) {
	n, d := orDefault(in.N, 20), orDefault(in.D, 2)
	if in.X0 == nil && (n > 2000 || d > 64 || d < 2) {
		return nil, fmt.Errorf("n, d: %d x %d is not within 2000 x 2 to 64", n, d)
	}
	x0 := particles.NewRandom(in.Seed).Uniform(-1, 1, n*d)
	if in.X0 != nil {
		rows, err := denseRows("x0", in.X0, 0)
		if err != nil {
			return nil, err
		}
		_, d = rows.Dims()
		x0 = rows.RawMatrix().Data
	}
	const reference = 50
	b := &particles.Bifurcation{X0: x0, D: d, Dt: 0.1, Reference: reference, Integrator: particles.Euler, Deltas: []float64{q.Delta}}
	settled, err := b.Settle(ctx)
	if err != nil {
		return nil, err
	}
	b.End = math.Min(2000, 1.2*settled.Time(q.Eps)+20) // infinite where no switch is predicted
	found, err := b.Run(ctx, settled, q.Eps)
	if err != nil {
		return nil, err
	}
	t := found.Times[0][0]
	q.Clusters, q.D, q.Settled = settled.Clusters, d, t.Cluster
	bounds, err := in.predict(q)
	if err != nil || in.M != nil {
		return bounds, err
	}
	p := b.Predict(settled, found, 0)
	bounds[0].Values = append(bounds[0].Values,
		theory.Value{Name: "plateau", Value: theory.Number(p.Plateau + p.Escape), Note: "switch + escape, from the leaders of the perturbed run"},
		theory.Value{Name: "measured", Value: theory.Number(t.Bifurcation), Note: fmt.Sprintf("Euler, dt = 0.1, to T = %.4g; - is none seen", b.End)})
	return bounds, nil
}

func consensusBound(_ context.Context, data []byte) ([]*theory.Bound, error) {
	in, err := readBoundInput(data)
	if err != nil {
		return nil, err
	}
	delta, err := in.delta()
	if err != nil {
		return nil, err
	}
	v, err := square("lora.V", in.LoRA.V, 0)
	if err != nil {
		return nil, err
	}
	if d, _ := v.Dims(); len(in.C) != d {
		return nil, fmt.Errorf("c: %d numbers where V has %d rows", len(in.C), d)
	}
	if mat.Norm(mat.NewVecDense(len(in.C), in.C), 2) == 0 {
		return nil, fmt.Errorf("c: it is zero, which is no point of the sphere")
	}
	b, err := theory.Consensus(v, in.C, delta)
	return []*theory.Bound{b}, err
}

func normTransitionBound(_ context.Context, data []byte) ([]*theory.Bound, error) {
	in, err := readBoundInput(data)
	if err != nil {
		return nil, err
	}
	a := theory.RandomAdapters{Layers: in.L, Eta: in.Eta, Rank: in.Rank, Dim: in.D}
	for i, rows := range in.Deltas {
		m, err := square(fmt.Sprintf("deltas[%d]", i), rows, a.Dim)
		if err != nil {
			return nil, err
		}
		a.Dim, _ = m.Dims()
		a.Deltas = append(a.Deltas, m)
	}
	b, err := theory.NormTransition(a)
	return []*theory.Bound{b}, err
}

// square is a d x d matrix of a file; of any size where d is 0.
func square(name string, rows [][]float64, d int) (*mat.Dense, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("missing %s", name)
	}
	if d == 0 {
		d = len(rows)
	}
	if len(rows) != d {
		return nil, fmt.Errorf("%s: %d rows, not %d", name, len(rows), d)
	}
	return denseRows(name, rows, d)
}

// denseRows is rows of d numbers each; of as many as the first where d is 0.
func denseRows(name string, rows [][]float64, d int) (*mat.Dense, error) {
	if d == 0 && len(rows) > 0 {
		d = len(rows[0])
	}
	if len(rows) == 0 || d == 0 {
		return nil, fmt.Errorf("%s: it is empty", name)
	}
	m := mat.NewDense(len(rows), d, nil)
	for i, row := range rows {
		if len(row) != d {
			return nil, fmt.Errorf("%s[%d]: %d numbers where %d are meant", name, i, len(row), d)
		}
		m.SetRow(i, row)
	}
	return m, nil
}
