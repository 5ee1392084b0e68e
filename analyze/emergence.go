package analyze

import (
	"fmt"
	"math"
)

// Measure is a named value of one state.
type Measure struct {
	Name  string
	Value float64
}

// View is one state under one mask and what it says about the clusters of its
// tokens.
type View struct {
	Measures  []Measure // in the order of Definitions; the undefined ones left out
	Histogram []int32   // (HistogramBins)
	Labels    []int     // (T) cluster of each token, or Noise

	centred *Cloud  // for comparisons
	hsic    float64 // of centred with itself
}

// thresholds on the cosine at which components and close pairs are counted.
var thresholds = []float64{0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99}

// quantileLevels are the levels of the quantiles of the cosines.
var quantileLevels = []float64{0.05, 0.25, 0.5, 0.75, 0.95}

// Names of the measures at each level and threshold.
var (
	quantileNames  = names("cosine_q%02.0f", 100, quantileLevels)
	aboveNames     = names("cosine_above_%g", 1, thresholds)
	componentNames = names("components_%g", 1, thresholds)
)

func names(format string, scale float64, values []float64) []string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf(format, scale*v))
	}
	return out
}

// consensusCosine is the cosine from which on the whole prompt may count as one
// cluster.
const consensusCosine = 0.9

// clusterOptions are the choices behind `clusters` and the partitions.
//
// HDBSCAN rather than components at a threshold, because the level at which
// tokens group changes with depth by more than the groups do: at one fixed
// cosine the early layers are all singletons and the late ones a single chain.
// Three tokens are the smallest group that is more than a repeated pair.
//
// The root must be allowed to win, or a prompt collapsed to one point would
// have no cluster at all. But if it is credited with all densities from 0 up,
// it wins in almost every state of a real model, those of unrelated tokens
// included, since in many dimensions all angles are much alike. So it counts
// only as far as tokens are joined beyond consensusCosine.
var clusterOptions = HDBSCANOptions{MinClusterSize: 3, MinSamples: 3, Root: math.Acos(consensusCosine)}

// Emergence describes one state: how alike its tokens are, how many dimensions
// they span, and which clusters they form.
func Emergence(c *Cloud) *View { return emergence(c, &workspace{}, &Cloud{}) }

// emergence is Emergence in the memory of w, and with the centred cloud in
// centred, which the view refers to.
func emergence(c *Cloud, w *workspace, centred *Cloud) *View {
	g := cosinesIn(w.cosines, c)
	w.cosines = g.all
	pairs := newDistribution(g.pairs())
	v := &View{Histogram: pairs.bins, Labels: clusterLabels(g), centred: c.centred(centred)}
	v.hsic = hsic(centred, centred)
	m := make(measures, 0, measuresOfView)
	m.cosine(pairs)
	m.spectral(c, w, centred)
	m.norms(c)
	m.clusters(g, v.Labels)
	v.Measures = m
	return v
}

// clusterLabels is HDBSCAN on the angles between tokens.
func clusterLabels(g *cosines) []int {
	return hdbscan(g.all, g.t, cosineCeiling, angle, clusterOptions)
}

// measuresOfView is how many measures a view has at most.
const measuresOfView = 40

// measures gathers the defined ones.
type measures []Measure

func (m *measures) add(name string, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		*m = append(*m, Measure{name, value})
	}
}

func (m *measures) cosine(pairs *distribution) {
	m.add("cosine_mean", pairs.mean())
	members := pairs.members(quantileLevels, thresholds)
	for i, name := range quantileNames {
		m.add(name, members.quantile(quantileLevels[i]))
	}
	for i, name := range aboveNames {
		m.add(name, members.atLeast(thresholds[i]))
	}
}

func (m *measures) spectral(c *Cloud, w *workspace, centred *Cloud) {
	raw, spread := newSpectra(c, w)
	m.add("effective_rank", raw.effectiveRank())
	m.add("participation_ratio", raw.participationRatio())
	m.add("stable_rank", 1/raw.topShare())
	m.add("spread", sum(centred.normsSquared())/sum(c.normsSquared()))
	if sum(centred.normsSquared()) == 0 {
		return // one token, or all equal: no direction is left
	}
	m.add("cosine_mean_centred", meanCosine(centred))
	m.add("effective_rank_centred", spread.effectiveRank())
	m.add("participation_ratio_centred", spread.participationRatio())
	m.add("anisotropy", spread.topShare())
}

func (m *measures) norms(c *Cloud) {
	var mean, most float64
	for _, n := range c.normsSquared() {
		n = math.Sqrt(n)
		mean += n / float64(c.T)
		most = max(most, n)
	}
	if c.T > 0 {
		m.add("norm_mean", mean)
		m.add("norm_max", most)
	}
}

func (m *measures) clusters(g *cosines, labels []int) {
	if g.t == 0 {
		return
	}
	for i, n := range componentCounts(g, thresholds) {
		m.add(componentNames[i], float64(n))
	}
	clusters, noise, largest := countClusters(labels)
	m.add("clusters", float64(clusters))
	m.add("noise_share", noise)
	m.add("largest_cluster_share", largest)
}
