package analyze

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// averager makes the rows of AllPrompts. The values of single prompts wait in
// the study's store, since those of many prompts are more than memory should
// hold; they are read back one place at a time.
type averager struct {
	study   *Study
	boot    *bootstrap
	threads int
	names   []metricMask // by first appearance
	number  map[metricMask]int
	at      *index // of places and prompts: where the values lie
	buffer  []byte
}

type metricMask struct{ metric, mask string }

func newAverager(s *Study, o FinishOptions) *averager {
	return &averager{study: s, boot: newBootstrap(o.Bootstrap, o.Seed), threads: o.Threads, number: map[metricMask]int{}, at: newIndex(1)}
}

// note takes in what was found at one place of one prompt: for each variant
// the number of its values as uint32, then each as its name's number in uint32
// and the float64, all little-endian.
func (a *averager) note(u unit, found []finding) error {
	a.buffer = a.buffer[:0]
	for v, f := range found {
		begin := len(a.buffer)
		a.buffer = binary.LittleEndian.AppendUint32(a.buffer, 0)
		n := 0
		add := func(mm metricMask, value float64) {
			a.buffer = binary.LittleEndian.AppendUint32(a.buffer, uint32(a.numberOf(mm)))
			a.buffer = binary.LittleEndian.AppendUint64(a.buffer, math.Float64bits(value))
			n++
		}
		for m, mask := range maskNames {
			for x := range f.measures(m) {
				add(metricMask{x.Name, mask}, x.Value)
			}
		}
		for _, r := range a.study.lossRows(a.study.variants[v], u) {
			add(metricMask{r.Metric, r.Mask}, r.Value)
		}
		binary.LittleEndian.PutUint32(a.buffer[begin:], uint32(n))
	}
	at, err := a.study.store.Put(a.buffer)
	if err != nil {
		return fmt.Errorf("prompt %s, layer %s, site %s: store: %w", u.prompt, u.layer, u.site, err)
	}
	a.at.set(place{u.layer, u.site}, 0, a.study.promptAt[u.prompt], at)
	return nil
}

func (a *averager) numberOf(mm metricMask) int {
	n, ok := a.number[mm]
	if !ok {
		n = len(a.names)
		a.number[mm] = n
		a.names = append(a.names, mm)
	}
	return n
}

// each gives out the means over prompts, each adapter's differences to the base
// after them at every place.
func (a *averager) each(ctx context.Context, each func(variant int, part *Tables) error) error {
	rows := make([][]Row, len(a.study.variants))
	for _, p := range sortedPlaces(a.at.places) {
		values, err := a.values(p)
		if err != nil {
			return err
		}
		for v := range rows {
			more, err := a.rows(ctx, p, v, values)
			if err != nil {
				return err
			}
			rows[v] = append(rows[v], more...)
		}
	}
	for v := range rows {
		if err := each(v, &Tables{Metrics: rows[v]}); err != nil {
			return err
		}
	}
	return nil
}

// values reads back what was noted at a place: by variant and name's number, a
// value for each prompt, NaN where undefined; nil where it is so for all.
func (a *averager) values(p place) ([][][]float64, error) {
	all := make([][][]float64, len(a.study.variants)) // (variants, names, prompts)
	for v := range all {
		all[v] = make([][]float64, len(a.names))
	}
	for prompt, id := range a.study.prompts {
		at, ok := a.at.get(p, 0, prompt)
		if !ok {
			continue
		}
		b, err := a.study.store.Get(at)
		if err != nil {
			return nil, fmt.Errorf("prompt %s, layer %s, site %s: store: %w", id, p.Layer, p.Site, err)
		}
		for v := range all {
			n := binary.LittleEndian.Uint32(b)
			b = b[4:]
			for range n {
				row := &all[v][binary.LittleEndian.Uint32(b)]
				if *row == nil {
					*row = slices.Repeat([]float64{math.NaN()}, len(a.study.prompts))
				}
				(*row)[prompt] = math.Float64frombits(binary.LittleEndian.Uint64(b[4:]))
				b = b[12:]
			}
		}
	}
	return all, nil
}

// rows returns the means of variant v at a place, and its differences to the
// base.
func (a *averager) rows(ctx context.Context, p place, v int, values [][][]float64) ([]Row, error) {
	type mean struct {
		mm     metricMask
		values []float64 // (prompts)
	}
	var means, deltas []mean
	for _, n := range a.sortedNames() {
		own := values[v][n]
		if own == nil {
			continue
		}
		mm := a.names[n]
		means = append(means, mean{mm, own})
		if base := values[0][n]; v > 0 && base != nil {
			mm.metric += DeltaSuffix
			deltas = append(deltas, mean{mm, differences(own, base)})
		}
	}
	means = append(means, deltas...)
	k := Key{a.study.variants[v], AllPrompts, p.Layer, p.Site}
	rows := make([][]Row, len(means))
	err := parallel(ctx, len(means), a.threads, func(_ *workspace, i int) error {
		rows[i] = a.meanRow(k, means[i].mm, means[i].values)
		return nil
	})
	return slices.Concat(rows...), err
}

// sortedNames are the numbers of the names in the order of the tables.
func (a *averager) sortedNames() []int {
	order := make([]int, len(a.names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		x, y := a.names[i], a.names[j]
		return cmp.Or(cmp.Compare(metricRank(x.metric), metricRank(y.metric)), cmp.Compare(x.mask, y.mask))
	})
	return order
}

// meanRow is the row of the mean over the prompts where the measure is defined,
// if there are any.
func (a *averager) meanRow(k Key, mm metricMask, values []float64) []Row {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return nil
	}
	r := newRow(&k, mm.metric, mm.mask, sum(values)/float64(len(values)), len(values))
	r.Lo, r.Hi = a.boot.interval(values)
	return []Row{r}
}

// differences returns a - b, NaN where either is undefined.
func differences(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}
