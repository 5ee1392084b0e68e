package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// spectraPayload is the data that the script of a page of spectra draws from.
// Names are replaced by their places in its lists, values are rounded to five
// digits or packed (see packed): the whole record is in the tables beside the
// page.
type spectraPayload struct {
	FigureCSS  string            `json:"figureCSS"`
	Variants   []string          `json:"variants"`
	Colors     []int             `json:"colors"` // (variants), 0 is the base
	Finals     []int             `json:"finals"` // variants that stand for all: see finals
	Layers     []int             `json:"layers"`
	Modules    []string          `json:"modules"`
	Quantities []payloadMetric   `json:"quantities"`
	Families   []payloadFamily   `json:"families"`
	Thresholds []float64         `json:"thresholds"`
	Hidden     int               `json:"hidden"` // of the model, 0 without one
	Law        *payloadLaw       `json:"law"`
	Norms      []json.RawMessage `json:"norms"`    // [variant, module, [|V|_F or null a layer]]
	Grids      []json.RawMessage `json:"grids"`    // [quantity, variant, module, [value or null a layer]]: leading values of whole matrices
	Heads      []json.RawMessage `json:"heads"`    // [quantity, variant, module, layer, [head], [value]]: leading values of heads
	Sweeps     []json.RawMessage `json:"sweeps"`   // [quantity, variant, module, layer, [value], [index]]: short lists, as of intruders over thresholds
	Lists      []json.RawMessage `json:"lists"`    // [quantity, variant, module, layer, [head], [n], [kept], a, b, packed]
	Overlaps   []json.RawMessage `json:"overlaps"` // [1 between layers, module, 1 right, 1 whole, layer or adapter, random, [x, y, phi, x, y, ...]]
	Joins      []json.RawMessage `json:"joins"`    // [adapter, covariate, target, mask, [rho, p, shifts, p of the extreme, p after Holm], [[layer, x, y, x rest, y rest]]]
}

type payloadFamily struct {
	Name     string `json:"name"`
	Variants []int  `json:"variants"`
	Steps    []int  `json:"steps"`
}

// spectraChunk is a part of the payload that is kept or left out as a whole.
type spectraChunk struct {
	what  string
	to    *[]json.RawMessage
	parts []json.RawMessage
}

// newSpectraPayload takes in as much as fits into budget bytes, and says in
// sentences what it leaves out.
func newSpectraPayload(w *weights, budget int) ([]byte, []string) {
	p := w.payloadHead()
	left := budget - len(encode(p))
	omitted := map[string]int{}
	take := func(c spectraChunk) {
		if n := size(c.parts); n <= left {
			left -= n
			*c.to = append(*c.to, c.parts...)
			return
		}
		omitted[c.what] += len(c.parts)
	}
	for _, c := range w.smallChunks(p) {
		take(c)
	}
	lists := w.packLists(left)
	for _, l := range lists.blocks {
		take(spectraChunk{"spectra of matrices", &p.Lists, []json.RawMessage{l}})
	}
	return encode(p), append(omittedSpectra(omitted), lists.notes...)
}

func omittedSpectra(omitted map[string]int) []string {
	var notes []string
	for _, what := range sortedKeys(omitted) {
		notes = append(notes, fmt.Sprintf("To stay a small file, this page leaves out %d %s; the tables beside it hold all.", omitted[what], what))
	}
	return notes
}

func (w *weights) payloadHead() *spectraPayload {
	p := &spectraPayload{FigureCSS: standaloneCSS(), Layers: w.layers, Modules: labels(w.modules), Variants: labels(w.variants),
		Thresholds: w.info.Thresholds, Quantities: []payloadMetric{}, Families: []payloadFamily{}, Colors: []int{}, Finals: []int{}}
	p.Law = w.law()
	if w.info.Model != nil {
		p.Hidden = w.info.Model.Hidden
	}
	for _, q := range w.quantities {
		d := spectraDefinition(q)
		p.Quantities = append(p.Quantities, payloadMetric{label(q), d.Formula, d.Note})
	}
	for _, v := range w.variants {
		p.Colors = append(p.Colors, w.color(v))
	}
	for _, v := range w.finals() {
		p.Finals = append(p.Finals, slices.Index(w.variants, v))
	}
	for _, f := range w.families {
		places := payloadFamily{Name: label(f.Name), Steps: f.Steps}
		for _, v := range f.Variants {
			places.Variants = append(places.Variants, slices.Index(w.variants, v))
		}
		p.Families = append(p.Families, places)
	}
	return p
}

func labels(names []string) []string {
	out := make([]string, len(names))
	for i, s := range names {
		out[i] = label(s)
	}
	return out
}

// smallChunks are all parts but the lists of values, the most wanted first.
func (w *weights) smallChunks(p *spectraPayload) []spectraChunk {
	grids, sweeps := w.payGrids()
	out := []spectraChunk{
		{"series of leading values", &p.Grids, grids},
		{"norms", &p.Norms, w.payNorms()},
		{"joins", &p.Joins, w.payJoins()},
		{"sweeps over thresholds", &p.Sweeps, sweeps},
	}
	for _, h := range w.payHeads() {
		out = append(out, spectraChunk{"layers of heads", &p.Heads, []json.RawMessage{h}})
	}
	for _, o := range w.payOverlaps() {
		out = append(out, spectraChunk{"comparisons of subspaces", &p.Overlaps, []json.RawMessage{o}})
	}
	return out
}

// isList says whether a quantity is a spectrum rather than a number or a sweep.
func isList(quantity string) bool {
	return isEigen(quantity) && !strings.HasSuffix(quantity, "_leading") || isSingular(quantity)
}

// isSingular says whether the values of a quantity are singular values.
func isSingular(quantity string) bool {
	return strings.HasSuffix(quantity, "_sv") || strings.Contains(quantity, "_sv_") || strings.Contains(quantity, "_sv@")
}

// payGrids are the leading values of whole matrices over the layers, and short
// lists that are no spectrum.
func (w *weights) payGrids() (grids, sweeps []json.RawMessage) {
	for qi, q := range w.quantities {
		for vi, v := range w.variants {
			for mi, m := range w.modules {
				values, found := make([]float64, len(w.layers)), false
				for li, layer := range w.layers {
					s := w.of(v, layer, m, q)
					values[li] = leadingOf(s, q)
					found = found || s != nil
					if s != nil && w.lists[q] && !isList(q) {
						b := append(appendDigits(fmt.Appendf(nil, "[%d,%d,%d,%d,", qi, vi, mi, li), s.re), ',')
						sweeps = append(sweeps, append(append(b, encode(s.index)...), ']'))
					}
				}
				if found {
					grids = append(grids, append(appendDigits(fmt.Appendf(nil, "[%d,%d,%d,", qi, vi, mi), values), ']'))
				}
			}
		}
	}
	return grids, sweeps
}

// leadingOf is the value that stands for a series: a modulus for eigenvalues.
func leadingOf(s *spectrum, quantity string) float64 {
	if isEigen(quantity) {
		return s.modulus()
	}
	return s.first()
}

// payHeads are the leading values of the heads of a layer.
func (w *weights) payHeads() []json.RawMessage {
	var out []json.RawMessage
	for qi, q := range w.quantities {
		for vi, v := range w.variants {
			for mi, m := range w.modules {
				for li, layer := range w.layers {
					heads := w.heads[headsKey{v, layer, m, q}]
					if len(heads) == 0 {
						continue
					}
					values := make([]float64, len(heads))
					for i, h := range heads {
						values[i] = leadingOf(w.series[spectrumKey{v, layer, m, h, q}], q)
					}
					b := fmt.Appendf(nil, "[%d,%d,%d,%d,%s,", qi, vi, mi, li, encode(heads))
					out = append(out, append(appendDigits(b, values), ']'))
				}
			}
		}
	}
	return out
}

func (w *weights) payJoins() []json.RawMessage {
	var out []json.RawMessage
	for i := range w.Joins {
		j := &w.Joins[i]
		b := fmt.Appendf(nil, "[%s,%s,%s,%s,", encode(label(j.Adapter)), encode(label(j.Covariate)), encode(label(j.Target)), encode(label(j.Mask)))
		b = appendDigits(b, []float64{j.Rho, j.P, float64(j.Shifts), j.PMax, j.PHolm})
		b = append(b, ",["...)
		for k, p := range j.Points {
			if k > 0 {
				b = append(b, ',')
			}
			b = appendDigits(b, []float64{float64(p.Layer), p.X, p.Y, p.XRest, p.YRest})
		}
		out = append(out, append(b, "]]"...))
	}
	return out
}

// overlapGroup is what overlaps have in common that stand in one matrix.
type overlapGroup struct {
	layers bool // between two layers of one adapter, else between two adapters in one layer
	module int
	right  bool // row spaces
	whole  bool // whole subspaces, else leading directions
	of     int  // the layer, or the adapter's place
	random float64
}

// payOverlaps groups overlaps by the matrix that they stand in.
func (w *weights) payOverlaps() []json.RawMessage {
	places, modules := map[string]int{}, map[string]int{}
	for i, v := range w.variants {
		places[v] = i
	}
	for i, m := range w.modules {
		modules[m] = i
	}
	var order []overlapGroup
	groups := map[overlapGroup][]byte{}
	for i := range w.Overlaps {
		o := &w.Overlaps[i]
		a, okA := places[o.A]
		b, okB := places[o.B]
		m, okM := modules[o.Module]
		if !okA || !okB || !okM || !finite(o.Phi) {
			continue
		}
		g := overlapGroup{module: m, right: o.Side == spectra.Right, whole: o.RankA > 1 || o.RankB > 1, of: o.LayerA, random: clean(o.Random)}
		x, y := a, b
		if a == b {
			g.layers, g.of, x, y = true, a, o.LayerA, o.LayerB
		} else if o.LayerA != o.LayerB {
			continue
		}
		text, seen := groups[g]
		if !seen {
			order = append(order, g)
		} else {
			text = append(text, ',')
		}
		groups[g] = fmt.Appendf(text, "%d,%d,%.4g", x, y, o.Phi)
	}
	var out []json.RawMessage
	for _, g := range order {
		out = append(out, fmt.Appendf(nil, "[%d,%d,%d,%d,%d,%.4g,[%s]]", b2i(g.layers), g.module, b2i(g.right), b2i(g.whole), g.of, g.random, groups[g]))
	}
	return out
}

// appendDigits appends a JSON array of numbers of five digits, null for none.
func appendDigits(b []byte, values []float64) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		if !finite(v) {
			b = append(b, "null"...)
			continue
		}
		b = fmt.Appendf(b, "%.5g", v)
	}
	return append(b, ']')
}
