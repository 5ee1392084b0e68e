package analyze

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// FewPrompts is the number of prompts below which a bootstrap interval is only
// indicative.
const FewPrompts = 20

// part is what was found of one variant at one place of one prompt.
func (s *Study) part(u unit, v int, f finding) *Tables {
	t := &Tables{}
	t.place(u.key(s.variants[v]), f, s.tokens[s.promptAt[u.prompt]])
	t.Metrics = append(t.Metrics, s.lossRows(s.variants[v], u)...)
	return t
}

func fewPromptsWarning(n int) string {
	if n < 2 {
		return "one prompt: no intervals are given"
	}
	return fmt.Sprintf("%d prompts: intervals over fewer than %d prompts are indicative only", n, FewPrompts)
}

// place adds the rows, histograms and partition of one variant at one place.
func (t *Tables) place(k Key, f finding, tokens int) {
	first := len(t.Metrics)
	for m, mf := range f.masks {
		for x := range f.measures(m) {
			t.Metrics = append(t.Metrics, newRow(&k, x.Name, maskNames[m], x.Value, len(mf.kept)))
		}
		t.Histograms = append(t.Histograms, Histogram{Key: &k, Mask: maskNames[m], Counts: mf.Histogram})
	}
	sortRows(t.Metrics[first:])
	labels := make([]*int, tokens) // (T)
	for i, p := range f.masks[0].kept {
		labels[p] = &f.masks[0].Labels[i]
	}
	t.Partitions = append(t.Partitions, Partition{k.Variant, k.Prompt, k.Layer, k.Site, labels})
}

func newRow(k *Key, metric, mask string, value float64, n int) Row {
	return Row{Key: k, Metric: metric, Mask: mask, Value: value, Lo: math.NaN(), Hi: math.NaN(), N: n}
}

// sortRows orders the rows of one place by metric, as Definitions has them, and
// mask.
func sortRows(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(metricRank(a.Metric), metricRank(b.Metric)),
			cmp.Compare(a.Mask, b.Mask)) // "default" < "none"
	})
}

// lossRows is the loss row of a variant at the place where it belongs.
func (s *Study) lossRows(variant string, u unit) []Row {
	l, ok := s.losses[lossKey{variant, u.prompt}]
	if !ok || l.layer != u.layer || u.site != SiteResid || math.IsNaN(l.mean) {
		return nil
	}
	var rows []Row
	k := u.key(variant)
	for _, mask := range maskNames {
		rows = append(rows, newRow(&k, metricLoss, mask, l.mean, l.n))
	}
	return rows
}

// Metrics that are not of a View.
const (
	metricLoss  = "next_token_loss"
	metricPaper = "cosine_mean_paper"
)
