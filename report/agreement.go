package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/layerclust/layerclust/analyze"
)

// agreementMetric compares the partitions of an adapter and the base. Noise is
// one label among others to it, so two partitions that are all noise agree
// perfectly, with nothing in them that could agree: such layers are not shown.
const agreementMetric = "ami_base"

// agreement is a variant's agreement with the base over depth, NaN where either
// of them has no cluster. skipped counts those layers, L-raw apart.
func (t *table) agreement(variant, prompt string) (l *line, skipped int) {
	raw := t.line(variant, prompt, agreementMetric)
	if raw == nil {
		return nil, 0
	}
	a := t.axes[t.lead]
	empty := func(of string, i int) bool {
		n := t.line(of, prompt, "clusters")
		return n != nil && n.value[i] == 0
	}
	kept := *raw
	kept.value = slices.Clone(raw.value) // (layers of the axis)
	kept.lo, kept.hi = slices.Clone(raw.lo), slices.Clone(raw.hi)
	for i := range kept.value {
		if !finite(kept.value[i]) || !empty(analyze.Base, i) && !empty(variant, i) {
			continue
		}
		kept.value[i], kept.lo[i], kept.hi[i] = math.NaN(), math.NaN(), math.NaN()
		skipped += b2i(!a.isRaw(i))
	}
	return &kept, skipped
}

// shownLine is line, for agreement without the layers where it means nothing.
func (t *table) shownLine(variant, prompt, metric string) *line {
	if metric == agreementMetric {
		l, _ := t.agreement(variant, prompt)
		return l
	}
	return t.line(variant, prompt, metric)
}

// uncompared says whether agreement leaves out a layer of any adapter.
func (t *table) uncompared() bool {
	return slices.ContainsFunc(t.variants[1:], func(v string) bool {
		_, skipped := t.agreement(v, t.overview())
		return skipped > 0
	})
}

// sayClusters gives the number of clusters where the base has most and fewest.
func sayClusters(t *table, a *axis) string {
	l := t.line(analyze.Base, t.overview(), "clusters")
	low := a.extreme(l, -1)
	high := a.extreme(l, 1)
	switch {
	case low < 0:
		return ""
	case l.value[high] == 0:
		return "In the base every token is noise at every layer, at the settings of this run: there are no clusters to compare."
	case l.value[low] == l.value[high]:
		return fmt.Sprintf("The base's tokens form %s at every layer%s.", clusterCount(l, low), t.mostNoise(a, l.value[low]))
	}
	return fmt.Sprintf("The number of clusters in the base is largest %s (%s%s) and smallest %s (%s%s).",
		a.place(high), l.said(high), t.noiseAt(high), a.place(low), l.said(low), t.noiseAt(low))
}

// fewClusters is the number below which a partition is mostly a statement on
// noise: its share is then said beside it.
const fewClusters = 2

// noiseAt says how many tokens of the base are in no cluster at a place of few
// clusters.
func (t *table) noiseAt(at int) string {
	n := t.line(analyze.Base, t.overview(), "clusters").value[at]
	noise := t.line(analyze.Base, t.overview(), "noise_share")
	switch {
	case n == 0:
		return ": every token is noise"
	case n >= fewClusters || noise == nil || !finite(noise.value[at]):
		return ""
	}
	return "; share of noise " + noise.said(at)
}

// mostNoise says how many tokens of the base are in no cluster at most, where
// all layers have the same n clusters and few of them.
func (t *table) mostNoise(a *axis, n float64) string {
	noise := t.line(analyze.Base, t.overview(), "noise_share")
	at := a.extreme(noise, 1)
	if n >= fewClusters || at < 0 {
		return ""
	}
	return fmt.Sprintf("; the share of noise is up to %s %s", noise.said(at), a.place(at))
}

// sayAgreement names where the partition of an adapted model agrees least with
// the base's, among the layers where both have clusters.
func sayAgreement(t *table, a *axis) string {
	peaks := adapterPeaks(t, a, agreementMetric, -1)
	skipping := t.uncompared()
	if len(peaks) == 0 {
		if skipping {
			return "At no layer do both base and adapter have clusters: there are no partitions to compare."
		}
		return ""
	}
	if peaks[0].value == 1 {
		where := "at every layer"
		if skipping {
			where += " where both have clusters"
		}
		return fmt.Sprintf("The partition of %s is the base's own %s (AMI 1).", joinNames(variantsOf(peaks)), where)
	}
	peaks = slices.DeleteFunc(peaks, func(p peak) bool { return p.value == 1 })
	s := fmt.Sprintf("The clusters agree least with the base's, as adjusted mutual information (1 = same partition), at %s.",
		listPeaks(a, peaks, "more for the other%s"))
	if skipping {
		s += " Layers where base or adapter has no cluster are passed over."
	}
	return s
}
