package report

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// weights is a spectra.Result indexed for drawing.
type weights struct {
	*spectra.Result
	info       *SpectraInfo
	variants   []string // base first where it has values, then adapters as given
	layers     []int    // ascending
	modules    []string // in the order of a block
	quantities []string // in the order of their first value
	series     map[spectrumKey]*spectrum
	heads      map[headsKey][]int // heads that have a quantity, ascending
	lists      map[string]bool    // quantities with more than one value somewhere
	hasBase    bool
	families   []family
}

// spectrumKey names the values of one matrix or head.
type spectrumKey struct {
	variant  string
	layer    int
	module   string
	head     int
	quantity string
}

// headsKey is spectrumKey for all heads of a layer.
type headsKey struct {
	variant  string
	layer    int
	module   string
	quantity string
}

// spectrum is the values of one quantity of one matrix, by Index.
type spectrum struct {
	index  []int
	re, im []float64
}

// first is the leading value's real part, NaN where there is none.
func (s *spectrum) first() float64 {
	if s == nil || len(s.re) == 0 {
		return math.NaN()
	}
	return s.re[0]
}

// modulus is the leading value's modulus, NaN where there is none.
func (s *spectrum) modulus() float64 {
	if s == nil || len(s.re) == 0 {
		return math.NaN()
	}
	return math.Hypot(s.re[0], s.im[0])
}

// moduleOrder is how the modules of a block follow one another.
var moduleOrder = []string{"embed_tokens", "q_proj", "k_proj", "v_proj", "o_proj", "attn", "gate_proj", "up_proj", "down_proj", "lm_head"}

// newWeights indexes a Result in one pass. Rows of a variant that spectra.json
// does not know are left out: there is no place to draw them.
func newWeights(info *SpectraInfo, r *spectra.Result) *weights {
	w := &weights{Result: r, info: info, series: map[spectrumKey]*spectrum{}, heads: map[headsKey][]int{}, lists: map[string]bool{}}
	known := map[string]bool{spectra.Base: true}
	for _, a := range info.Adapters {
		known[a.Name] = true
	}
	w.fill(known)
	if w.hasBase {
		w.variants = append(w.variants, spectra.Base)
	}
	for _, a := range info.Adapters {
		w.variants = append(w.variants, a.Name)
	}
	w.families = familiesOf(w.variants)
	slices.Sort(w.layers)
	slices.SortStableFunc(w.modules, func(a, b string) int { return cmp.Compare(modulePlace(a), modulePlace(b)) })
	for _, heads := range w.heads {
		slices.Sort(heads)
	}
	return w
}

// fill gathers the rows into series. The rows of one series follow one another
// in what the command writes; any other order is put right in the end.
func (w *weights) fill(known map[string]bool) {
	var last spectrumKey
	var s *spectrum
	layers, modules, quantities := map[int]bool{}, map[string]bool{}, map[string]bool{}
	for i := range w.Values {
		v := &w.Values[i]
		key := spectrumKey{v.Variant, v.Layer, v.Module, v.Head, v.Quantity}
		if s == nil || key != last {
			if !known[v.Variant] {
				continue
			}
			last, s = key, w.series[key]
			if s == nil {
				s = &spectrum{}
				w.series[key] = s
				w.hasBase = w.hasBase || v.Variant == spectra.Base
				w.layers = noted(w.layers, layers, v.Layer)
				w.modules = noted(w.modules, modules, v.Module)
				w.quantities = noted(w.quantities, quantities, v.Quantity)
				if v.Head != spectra.Whole {
					k := headsKey{v.Variant, v.Layer, v.Module, v.Quantity}
					w.heads[k] = append(w.heads[k], v.Head)
				}
			}
		}
		s.index, s.re, s.im = append(s.index, v.Index), append(s.re, v.Re), append(s.im, v.Im)
	}
	for key, s := range w.series {
		s.sort()
		w.lists[key.quantity] = w.lists[key.quantity] || len(s.re) > 1
	}
}

// noted appends what was not there before.
func noted[T comparable](list []T, seen map[T]bool, x T) []T {
	if seen[x] {
		return list
	}
	seen[x] = true
	return append(list, x)
}

// sort puts values into the order of Index.
func (s *spectrum) sort() {
	if slices.IsSorted(s.index) {
		return
	}
	order := make([]int, len(s.index))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.index[a], s.index[b]) })
	t := spectrum{}
	for _, i := range order {
		t.index, t.re, t.im = append(t.index, s.index[i]), append(t.re, s.re[i]), append(t.im, s.im[i])
	}
	*s = t
}

// modulePlace is where a module stands in a block, and after all of them for one
// that is not known.
func modulePlace(m string) int {
	if i := slices.Index(moduleOrder, m); i >= 0 {
		return i
	}
	return len(moduleOrder)
}

// of is the values of a whole matrix.
func (w *weights) of(variant string, layer int, module, quantity string) *spectrum {
	return w.series[spectrumKey{variant, layer, module, spectra.Whole, quantity}]
}

// has says whether any matrix or head has a quantity.
func (w *weights) has(quantity string) bool { return slices.Contains(w.quantities, quantity) }

// isEigen says whether the values of a quantity are complex.
func isEigen(quantity string) bool {
	return strings.HasSuffix(quantity, "_eig") || strings.HasSuffix(quantity, "_leading")
}

// adapters are the variants that are not the base.
func (w *weights) adapters() []string {
	if w.hasBase {
		return w.variants[1:]
	}
	return w.variants
}

// layerName is a layer as an axis has it.
func layerName(layer int) string {
	if layer == spectra.NoBlock {
		return "none"
	}
	return itoa(layer)
}

// color is the place of a variant in the palette: the base is ink, and those that
// stand for all come first, since there are few of them.
func (w *weights) color(variant string) int {
	if variant == spectra.Base {
		return 0
	}
	finals := w.finals()
	if i := slices.Index(finals, variant); i >= 0 {
		return 1 + i
	}
	rest := slices.DeleteFunc(slices.Clone(w.adapters()), func(v string) bool { return slices.Contains(finals, v) })
	return 1 + len(finals) + slices.Index(rest, variant)
}
