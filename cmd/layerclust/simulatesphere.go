package main

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/layerclust/layerclust/analyze/theory"
	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/report"
)

// The depths and norms of the norm transition.
var (
	transitionLayers = []int{16, 64, 256, 1024}
	transitionQ      = []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10}
)

// normTransition gives every layer a random adapter of its own, and, beside it,
// the same adapter to all.
func (f *simulateFlags) normTransition(ctx context.Context) (*simulated, error) {
	e := particles.PaperTransition()
	e.Seeds = orDefault(f.seeds, e.Seeds)
	header := []string{"adapters", "L", "eta_over_sqrtL", "eta", "rms_drift_mean", "rms_drift_std", "final_mean_cosine", "seeds"}
	chart := report.Chart{File: "norm-transition.svg", Title: "Drift from the base after L layers with random adapters", XLabel: "eta / sqrt(L)", YLabel: "RMS drift on the unit sphere", LogX: true, LogY: true,
		Caption: "Independent adapters fall on one curve in eta/sqrt(L), a line up to 0.3; the same adapter in every layer (tied) drifts by its own norm, the more layers the more."}
	var rows [][]string
	for _, tied := range []bool{false, true} {
		e.Tied = tied
		name := "independent"
		if tied {
			name = "tied"
		}
		for i, layers := range transitionLayers {
			line := report.XYSeries{Name: fmt.Sprintf("%s, L = %d", name, layers), Color: 1 + i, Dash: 2 * truth(tied), Mark: report.Dot}
			for _, q := range transitionQ {
				d, err := e.Run(ctx, layers, q)
				if err != nil {
					return nil, err
				}
				line.X, line.Y = append(line.X, q), append(line.Y, d.Mean)
				rows = append(rows, []string{name, fmt.Sprint(layers), exact(q), exact(d.Eta), exact(d.Mean), exact(d.Std), exact(d.MeanCosine), fmt.Sprint(e.Seeds)})
			}
			chart.Series = append(chart.Series, line)
		}
	}
	out := &simulated{page: report.Simulation{Title: "The norm at which random adapters move the clusters",
		Lead:     fmt.Sprintf("%d tokens in %d dimensions, adapters of rank %d, %d seeds", e.N, e.D, e.Rank, e.Seeds),
		Findings: []string{transitionFinding(rows)}, Charts: []report.Chart{chart},
		Tables: []report.SimTable{{ID: "drift", Title: "Drift", Header: header, Rows: shortened(rows)}},
		Facts: [][2]string{{"layer", "x <- normalise(x + h (P x)(V + W)'), h = T/L, T = 4, beta = 1, Q = K = V = I"},
			{"adapter", "W = eta sum over the rank of u v', u and v normal with covariance I/d"}, {"seeds", "numpy's legacy generator, 100, 101, .."}},
	}}
	return out, out.addCSV("results.csv", header, rows)
}

// transitionFinding is the slope of the straight part, over all depths.
func transitionFinding(rows [][]string) string {
	lo, hi := math.Inf(1), 0.0
	for _, r := range rows {
		var q, drift float64
		if r[0] != "independent" {
			continue
		}
		fmt.Sscan(r[2], &q)     //nolint:errcheck // written above
		fmt.Sscan(r[4], &drift) //nolint:errcheck // written above
		if q <= 0.3 {
			lo, hi = math.Min(lo, drift/q), math.Max(hi, drift/q)
		}
	}
	return fmt.Sprintf("Up to eta/sqrt(L) = 0.3 the drift of independent adapters is %.2f to %.2f times eta/sqrt(L), at every depth from 16 to 1024; two unrelated unit vectors are 1.41 apart.", lo, hi)
}

// consensusDrift compares the formula of the drift with runs of the particles.
func (f *simulateFlags) consensusDrift(ctx context.Context) (*simulated, error) {
	header := []string{"eps", "theta0", "delta_angle", "T_star", "T_measured"}
	chart := report.Chart{File: "consensus.svg", Title: "Drift of a consensus to the leading direction", XLabel: "eps", YLabel: "time until the angle is delta", LogX: true, LogY: true,
		Caption: "Lines: ln(tan theta_0/tan delta)/eps. Dots: particles on the sphere, adaptive integration."}
	var rows [][]string
	var worst float64
	color := 0
	for _, theta := range []float64{0.3, 1, 1.4} {
		for _, delta := range []float64{0.01, 0.1} {
			color++
			line := report.XYSeries{Name: fmt.Sprintf("theta_0 = %g, delta = %g", theta, delta), Color: color, Mark: report.Dot}
			for _, eps := range []float64{0.02, 0.05, 0.1, 0.2} {
				want := theory.DriftTime(eps, theta, delta)
				got, err := measuredDrift(ctx, eps, theta, delta, want)
				if err != nil {
					return nil, err
				}
				worst = math.Max(worst, math.Abs(got-want))
				line.X, line.Y = append(line.X, eps), append(line.Y, got)
				rows = append(rows, []string{exact(eps), exact(theta), exact(delta), exact(want), exact(got)})
			}
			chart.Series = append(chart.Series, line)
		}
	}
	out := &simulated{page: report.Simulation{Title: "A consensus drifts to the leading direction",
		Lead:     "Tokens on the circle, all in one place, under V = diag(1, 1 - eps)",
		Findings: []string{fmt.Sprintf("The measured time differs from ln(tan theta_0/tan delta)/eps by at most %.2g.", worst)},
		Charts:   []report.Chart{chart}, Tables: []report.SimTable{{ID: "drift", Title: "Times", Header: header, Rows: shortened(rows)}},
		Facts: [][2]string{{"dynamics", "sphere_softmax, 3 tokens, beta = 1, Q = K = I"}, {"formula", "derived, exact in the plane"}},
	}}
	return out, out.addCSV("results.csv", header, rows)
}

// measuredDrift runs three particles around the predicted time and finds where
// their angle passes delta: ln tan of it is a line in time.
func measuredDrift(ctx context.Context, eps, theta, delta, around float64) (float64, error) {
	v := particles.Diagonal([]float64{1, 1 - eps})
	s := particles.New(particles.SphereSoftmax, 3, 2, particles.Identity(2), particles.Identity(2), v)
	c := mat.NewDense(3, 2, nil)
	for i := range 3 {
		c.SetRow(i, []float64{math.Cos(theta), math.Sin(theta)})
	}
	times := []float64{0.9 * around, 1.1 * around}
	tr, err := particles.Run(ctx, s, c.RawMatrix().Data, particles.Options{T: times[1], Dt: times[1] / 100, Times: times})
	if err != nil {
		return 0, err
	}
	height := func(k int) float64 { return math.Log(tr.X[k][1] / tr.X[k][0]) }
	at := (math.Log(math.Tan(delta)) - height(0)) / (height(1) - height(0))
	return times[0] + at*(times[1]-times[0]), nil
}
