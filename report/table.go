package report

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// table is a Result indexed for drawing: rows gathered into series over depth,
// histograms and partitions found by their keys.
type table struct {
	*analyze.Result
	variants []string         // base first, then adapters as given
	prompts  []string         // AllPrompts first where it has rows, then as given
	sites    []string         // with rows, in the order of sites
	lead     string           // the first of sites, that headlines and figures are of; "" for none
	metrics  []string         // in the order of their first row
	axes     map[string]*axis // by site
	lines    map[lineKey]*line
	hists    map[histKey]*analyze.Histogram
	parts    map[partKey]*analyze.Partition
}

type lineKey struct{ variant, prompt, site, metric, mask string }
type histKey struct{ variant, prompt, site, mask, layer string }
type partKey struct{ variant, prompt, site, layer string }

// axis is the depth axis of one site.
type axis struct {
	site   string
	layers []string       // ascending; "L-raw" last
	index  map[string]int // layer -> its place in layers
	last   int            // the number of the last layer that is on the line
	none   []float64      // (layers) NaN, the interval of every line that has none
}

// line is one metric over depth; NaN where a layer has no row.
type line struct {
	value, lo, hi []float64 // (layers of the axis)
	n             []int     // (layers of the axis)
	intervals     bool      // lo and hi are the line's own; else the axis's none
}

// newTable indexes a Result. Rows whose keys run.json does not know are left
// out: there is no place to draw them.
func newTable(r *analyze.Result) *table {
	t := &table{
		Result: r, variants: []string{analyze.Base}, axes: map[string]*axis{},
		lines: map[lineKey]*line{}, hists: map[histKey]*analyze.Histogram{}, parts: map[partKey]*analyze.Partition{},
	}
	for _, a := range r.Run.Adapters {
		t.variants = append(t.variants, a.Name)
	}
	t.makeAxes()
	hasAll := t.fill()
	if hasAll {
		t.prompts = append(t.prompts, analyze.AllPrompts)
	}
	for _, p := range t.detailed() {
		t.prompts = append(t.prompts, p.ID)
	}
	for i := range r.Histograms {
		h := &r.Histograms[i]
		t.hists[histKey{h.Variant, h.Prompt, h.Site, h.Mask, h.Layer}] = h
	}
	for i := range r.Partitions {
		p := &r.Partitions[i]
		t.parts[partKey{p.Variant, p.Prompt, p.Site, p.Layer}] = p
	}
	return t
}

// detailed are the prompts that are shown one by one.
func (t *table) detailed() []analyze.PromptInfo { return detailed(&t.Run) }

func detailed(run *analyze.RunInfo) []analyze.PromptInfo {
	if n := run.Detailed; n > 0 && n < len(run.Prompts) {
		return run.Prompts[:n]
	}
	return run.Prompts
}

// makeAxes collects the layers of every site, in depth order.
func (t *table) makeAxes() {
	layers := map[string]map[string]bool{}
	note := func(site, layer string) {
		if _, _, ok := parseLayer(layer); !ok || !slices.Contains(sites, site) {
			return
		}
		if layers[site] == nil {
			layers[site] = map[string]bool{}
		}
		layers[site][layer] = true
	}
	for i := range t.Metrics {
		note(t.Metrics[i].Site, t.Metrics[i].Layer)
	}
	for i := range t.Histograms {
		note(t.Histograms[i].Site, t.Histograms[i].Layer)
	}
	for i := range t.Partitions {
		note(t.Partitions[i].Site, t.Partitions[i].Layer)
	}
	for _, site := range sites {
		if layers[site] != nil {
			t.sites = append(t.sites, site)
			t.axes[site] = newAxis(site, layers[site])
		}
	}
	if len(t.sites) > 0 {
		t.lead = t.sites[0]
	}
}

func newAxis(site string, layers map[string]bool) *axis {
	a := &axis{site: site, index: map[string]int{}}
	for l := range layers {
		a.layers = append(a.layers, l)
	}
	slices.SortFunc(a.layers, func(x, y string) int {
		nx, rx, _ := parseLayer(x)
		ny, ry, _ := parseLayer(y)
		if rx != ry {
			return cmp.Compare(b2i(rx), b2i(ry))
		}
		return cmp.Compare(nx, ny)
	})
	a.none = slices.Repeat([]float64{math.NaN()}, len(a.layers))
	for i, l := range a.layers {
		a.index[l] = i
		if n, raw, _ := parseLayer(l); !raw {
			a.last = max(a.last, n)
		}
	}
	return a
}

// fill gathers the rows into lines, and says whether any is over all prompts.
func (t *table) fill() (hasAll bool) {
	known := map[string]bool{}
	for i := range t.Metrics {
		m := &t.Metrics[i]
		a := t.axes[m.Site]
		if a == nil || !slices.Contains(t.variants, m.Variant) {
			continue
		}
		at, ok := a.index[m.Layer]
		if !ok {
			continue
		}
		if !known[m.Metric] {
			known[m.Metric] = true
			t.metrics = append(t.metrics, m.Metric)
		}
		hasAll = hasAll || m.Prompt == analyze.AllPrompts
		key := lineKey{m.Variant, m.Prompt, m.Site, m.Metric, m.Mask}
		l := t.lines[key]
		if l == nil {
			l = newLine(a)
			t.lines[key] = l
		}
		l.set(at, m)
	}
	return hasAll
}

func newLine(a *axis) *line {
	return &line{value: slices.Clone(a.none), lo: a.none, hi: a.none, n: make([]int, len(a.layers))}
}

// set puts a row at a place of the line. Only means over prompts have intervals,
// and there are far more lines of single prompts.
func (l *line) set(at int, m *analyze.Row) {
	l.value[at], l.n[at] = m.Value, m.N
	if !l.intervals && (!math.IsNaN(m.Lo) || !math.IsNaN(m.Hi)) {
		l.lo, l.hi, l.intervals = slices.Clone(l.lo), slices.Clone(l.hi), true
	}
	if l.intervals {
		l.lo[at], l.hi[at] = m.Lo, m.Hi
	}
}

// line returns a series of the leading site, under the default mask or, for
// what has none there, without a mask; nil where there is neither.
func (t *table) line(variant, prompt, metric string) *line {
	for _, mask := range masks {
		if l := t.lines[lineKey{variant, prompt, t.lead, metric, mask}]; l != nil {
			return l
		}
	}
	return nil
}

// overview is the prompt whose rows stand for the run: the mean over prompts,
// or the first prompt where no such rows are.
func (t *table) overview() string {
	if len(t.prompts) == 0 {
		return analyze.AllPrompts
	}
	return t.prompts[0]
}

// extreme returns the place of the largest value of l among the layers that
// are on the line, or of the smallest for sign -1; -1 where no value is finite.
// Of equal values the shallowest layer is taken.
func (a *axis) extreme(l *line, sign float64) int {
	best := -1
	if l == nil {
		return best
	}
	for i, v := range l.value {
		if !finite(v) || a.isRaw(i) {
			continue
		}
		if best < 0 || sign*v > sign*l.value[best] {
			best = i
		}
	}
	return best
}

// isRaw says whether place i is the last block before the final norm, which is
// no step of the depth axis but another view of its last one.
func (a *axis) isRaw(i int) bool { return strings.HasSuffix(a.layers[i], "-raw") }

// number is the layer number at place i.
func (a *axis) number(i int) int {
	n, _, _ := parseLayer(a.layers[i])
	return n
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
