package analyze

import (
	"cmp"
	"math"
	"slices"
)

// averager makes the rows of AllPrompts.
type averager struct {
	study  *Study
	places []unit // prompt left empty, in order
	values map[cell][]float64
	names  map[unit][]metricMask // at each place, by first appearance
	boot   *bootstrap
}

type metricMask struct{ metric, mask string }

// cell is a measure of a variant at a place; its values are by prompt, NaN
// where undefined.
type cell struct {
	variant int
	place   unit
	metricMask
}

func newAverager(s *Study, units []unit, found [][]finding, o FinishOptions) *averager {
	a := &averager{
		study: s, values: map[cell][]float64{}, names: map[unit][]metricMask{},
		boot: newBootstrap(o.Bootstrap, o.Seed),
	}
	for i, u := range units {
		p := s.promptAt[u.prompt]
		for v, variant := range s.variants {
			for m, mask := range maskNames {
				for _, x := range found[i][v].measures(m) {
					a.note(v, u, metricMask{x.Name, mask}, p, x.Value)
				}
			}
			for _, r := range s.lossRows(variant, u) {
				a.note(v, u, metricMask{r.Metric, r.Mask}, p, r.Value)
			}
		}
	}
	a.order()
	return a
}

func (a *averager) note(v int, u unit, mm metricMask, prompt int, value float64) {
	u.prompt = ""
	c := cell{v, u, mm}
	if a.values[c] == nil {
		a.values[c] = slices.Repeat([]float64{math.NaN()}, len(a.study.prompts))
		if _, ok := a.names[u]; !ok {
			a.places = append(a.places, u)
		}
		if !slices.Contains(a.names[u], mm) {
			a.names[u] = append(a.names[u], mm)
		}
	}
	a.values[c][prompt] = value
}

// order sorts places by layer and site, and the names at each.
func (a *averager) order() {
	slices.SortStableFunc(a.places, func(x, y unit) int {
		return cmp.Or(compareLayers(x.layer, y.layer), cmp.Compare(siteRank(x.site), siteRank(y.site)), cmp.Compare(x.site, y.site))
	})
	for _, names := range a.names {
		slices.SortStableFunc(names, func(x, y metricMask) int {
			return cmp.Or(cmp.Compare(metricRank(x.metric), metricRank(y.metric)), cmp.Compare(x.mask, y.mask))
		})
	}
}

// rows returns the means of variant v over prompts, each adapter's differences
// to the base after them.
func (a *averager) rows(v int) []Row {
	var out []Row
	for _, place := range a.places {
		k := Key{a.study.variants[v], AllPrompts, place.layer, place.site}
		var deltas []Row
		for _, mm := range a.names[place] {
			values := a.values[cell{v, place, mm}]
			out = a.appendMean(out, k, mm, values)
			if base := a.values[cell{0, place, mm}]; v > 0 && base != nil && values != nil {
				mm.metric += DeltaSuffix
				deltas = a.appendMean(deltas, k, mm, differences(values, base))
			}
		}
		out = append(out, deltas...)
	}
	return out
}

// appendMean adds the row of the mean over the prompts where the measure is
// defined, if there are any.
func (a *averager) appendMean(rows []Row, k Key, mm metricMask, values []float64) []Row {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return rows
	}
	r := newRow(k, mm.metric, mm.mask, sum(values)/float64(len(values)), len(values))
	r.Lo, r.Hi = a.boot.interval(values)
	return append(rows, r)
}

// differences returns a - b, NaN where either is undefined.
func differences(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}
