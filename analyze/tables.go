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

// tables lays out what was found, variant by variant.
func (s *Study) tables(units []unit, found [][]finding, o FinishOptions) *Tables {
	means := newAverager(s, units, found, o)
	averages := make([][]Row, len(s.variants))
	share(len(s.variants), o.Threads, func(next func() (int, bool)) {
		for v, ok := next(); ok; v, ok = next() {
			averages[v] = means.rows(v)
		}
	})
	t := s.newTables(units, found, averages)
	for v, variant := range s.variants {
		for i, u := range units {
			t.place(u.key(variant), found[i][v], s.tokens[u.prompt])
			t.Metrics = append(t.Metrics, s.lossRows(variant, u)...)
			found[i][v] = finding{} // so that no more than the tables grows with the prompts
		}
		t.Metrics = append(t.Metrics, averages[v]...)
	}
	if n := len(s.prompts); o.Bootstrap > 0 && n < FewPrompts {
		t.Warnings = append(t.Warnings, fewPromptsWarning(n))
	}
	return t.Tables
}

func fewPromptsWarning(n int) string {
	if n < 2 {
		return "one prompt: no intervals are given"
	}
	return fmt.Sprintf("%d prompts: intervals over fewer than %d prompts are indicative only", n, FewPrompts)
}

// newTables returns empty tables with room for all of their rows: growing them step by
// step would take twice the memory in the end.
func (s *Study) newTables(units []unit, found [][]finding, averages [][]Row) *tableMaker {
	rows, places := 0, len(units)*len(s.variants)
	for _, more := range averages {
		rows += len(more)
	}
	for i, u := range units {
		for v, variant := range s.variants {
			rows += found[i][v].count() + len(s.lossRows(variant, u))
		}
	}
	return &tableMaker{
		Tables: &Tables{
			Metrics:    make([]Row, 0, rows),
			Histograms: make([]Histogram, 0, len(maskNames)*places),
			Partitions: make([]Partition, 0, places),
		},
	}
}

// tableMaker fills tables of a known size.
type tableMaker struct {
	*Tables
	labels []int // labels[i] is i-1
}

// label returns a pointer to a number, one for all tokens of that label: there
// are far more tokens than labels.
func (t *tableMaker) label(l int) *int {
	for i := len(t.labels); i <= l-Noise; i++ {
		t.labels = append(t.labels, Noise+i)
	}
	return &t.labels[l-Noise]
}

// place adds the rows, histograms and partition of one variant at one place.
func (t *tableMaker) place(k Key, f finding, tokens int) {
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
		labels[p] = t.label(f.masks[0].Labels[i])
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
