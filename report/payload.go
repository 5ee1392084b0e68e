package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/layerclust/layerclust/analyze"
)

// payload is the data that the page's script draws from, as one JSON object.
// Names are replaced by their places in its lists, values are rounded to six
// digits, and histograms are cut to the bins that hold something: the whole
// record is in the tables beside the page.
type payload struct {
	Variants  []string           `json:"variants"`
	Prompts   []payloadPrompt    `json:"prompts"` // those shown one by one; AllPrompts is place -1
	Count     int                `json:"count"`   // of all prompts
	Sites     []string           `json:"sites"`
	Axes      map[string]payAxis `json:"axes"`
	Masks     []string           `json:"masks"`
	Metrics   []payloadMetric    `json:"metrics"`
	Bins      int                `json:"bins"`
	FigureCSS string             `json:"figureCSS"`
	Interval  string             `json:"interval"` // what lo and hi are
	Lines     []json.RawMessage  `json:"lines"`    // [variant, prompt, site, metric, mask, n, [value], [lo], [hi]]
	Hists     []json.RawMessage  `json:"hists"`    // of the leading site: [variant, prompt, site, mask, [[first bin, count, ...] or null a layer]]
	Pieces    []json.RawMessage  `json:"pieces"`   // [prompt, [piece]]
	Parts     []json.RawMessage  `json:"parts"`    // of the leading site: [variant, prompt, site, [[label] or null a layer]]; maskedLabel for masked
}

type payloadPrompt struct {
	ID     string            `json:"id"`
	N      int               `json:"n"`
	Masked map[string]string `json:"masked,omitempty"` // position -> reason
}

// payAxis is an axis: names of the layers, and where they stand.
type payAxis struct {
	Layers   []string  `json:"layers"`
	Position []float64 `json:"position"`
}

type payloadMetric struct {
	Name    string `json:"name"`
	Formula string `json:"formula,omitempty"`
	Note    string `json:"note,omitempty"`
}

// maskedLabel stands for a masked token among cluster labels, -1 being noise.
const maskedLabel = -2

// chunk is a part of the payload that is kept or left out as a whole.
type chunk struct {
	what  string // "variant", or what of a prompt: counted in omitted
	of    int    // the variant's or prompt's place
	add   func(p *payload)
	bytes int
}

// newPayload takes in as much as fits into budget bytes, the most wanted
// first: the means over prompts of every variant, then prompt after prompt, and
// the leading site before the others.
// The second value says in sentences what was left out.
func newPayload(t *table, budget int) ([]byte, []string) {
	p := newHead(t)
	size := len(encode(p))
	omitted := map[string]map[int]bool{}
	for _, c := range chunks(t) {
		if size+c.bytes > budget {
			if omitted[c.what] == nil {
				omitted[c.what] = map[int]bool{}
			}
			omitted[c.what][c.of] = true
			continue
		}
		size += c.bytes
		c.add(p)
	}
	return encode(p), t.omissions(omitted)
}

// omissions says what a page leaves out: the chunks that found no room in it, and
// those of prompts that are not shown one by one.
func (t *table) omissions(omitted map[string]map[int]bool) []string {
	prompts := len(t.Run.Prompts)
	hidden := prompts - len(t.detailed())
	elsewhere := hidden
	if len(t.sites) < 2 {
		elsewhere = 0
	}
	var notes []string
	for _, c := range []struct {
		what, sentence string
		of, hidden     int
	}{
		{"variant", "the means over prompts of %d of %d variants", len(t.variants), 0},
		{"variant elsewhere", "the means over prompts at other sites of %d of %d variants", len(t.variants), 0},
		{"measures", "the curves of %d of %d prompts", prompts, hidden},
		{"measures elsewhere", "the curves at other sites of %d of %d prompts", prompts, elsewhere},
		{"histograms", "the histograms of %d of %d prompts", prompts, hidden},
		{"tokens", "the tokens of %d of %d prompts", prompts, hidden},
	} {
		if n := len(omitted[c.what]) + c.hidden; n > 0 {
			notes = append(notes, fmt.Sprintf("To stay a small file, this page leaves out "+c.sentence+"; the tables beside it hold all.", n, c.of))
		}
	}
	return notes
}

// newHead is the payload without its chunks.
func newHead(t *table) *payload {
	p := &payload{
		Sites: t.sites, Axes: map[string]payAxis{}, Masks: []string{analyze.MaskDefault, analyze.MaskNone},
		Bins: analyze.HistogramBins, FigureCSS: standaloneCSS(), Interval: t.intervalName(), Prompts: []payloadPrompt{}, Count: len(t.Run.Prompts),
	}
	for _, v := range t.variants {
		p.Variants = append(p.Variants, label(v))
	}
	for _, pr := range t.detailed() {
		p.Prompts = append(p.Prompts, payloadPrompt{ID: label(pr.ID), N: pr.N})
	}
	for _, site := range t.sites {
		a := t.axes[site]
		pa := payAxis{Layers: a.layers}
		for i := range a.layers {
			pa.Position = append(pa.Position, a.position(i))
		}
		p.Axes[site] = pa
	}
	for _, name := range t.metrics {
		d, _ := analyze.Define(name) // a metric of a later version has none here
		p.Metrics = append(p.Metrics, payloadMetric{label(name), d.Formula, d.Note})
	}
	return p
}

// chunks lists all parts of the payload, the most wanted first. The first
// prompt comes before the means at other sites, so that there are tokens to see
// however many sites there are.
func chunks(t *table) []chunk {
	var out []chunk
	lead, others := t.sites[:min(1, len(t.sites))], t.sites[min(1, len(t.sites)):]
	for v := range t.variants {
		lines, hists := t.payLines(v, -1, lead), t.payHists(v, -1)
		out = append(out, chunk{"variant", v, func(p *payload) {
			p.Lines, p.Hists = append(p.Lines, lines...), append(p.Hists, hists...)
		}, size(lines) + size(hists)})
	}
	for i := range t.detailed() {
		out = append(out, t.promptChunks(i, lead)...)
		for v := range t.variants {
			if i == 0 {
				out = append(out, lineChunk("variant elsewhere", v, t.payLines(v, -1, others)))
			}
		}
	}
	for i := range t.detailed() {
		for v := range t.variants {
			out = append(out, lineChunk("measures elsewhere", i, t.payLines(v, i, others)))
		}
	}
	return out
}

// promptChunks are the parts of one prompt at the leading site.
func (t *table) promptChunks(i int, lead []string) []chunk {
	pieces, masked := t.payPieces(i)
	out := []chunk{{"tokens", i, func(p *payload) {
		p.Pieces = append(p.Pieces, pieces)
		p.Prompts[i].Masked = masked
	}, len(pieces) + len(`,,"masked":`) + len(encode(masked))}}
	for v := range t.variants {
		hists, parts := t.payHists(v, i), t.payParts(v, i)
		out = append(out,
			lineChunk("measures", i, t.payLines(v, i, lead)),
			chunk{"tokens", i, func(p *payload) { p.Parts = append(p.Parts, parts...) }, size(parts)},
			chunk{"histograms", i, func(p *payload) { p.Hists = append(p.Hists, hists...) }, size(hists)})
	}
	return out
}

func lineChunk(what string, of int, lines []json.RawMessage) chunk {
	return chunk{what, of, func(p *payload) { p.Lines = append(p.Lines, lines...) }, size(lines)}
}

// promptName is the prompt at place i, -1 being the mean over all.
func (t *table) promptName(i int) string {
	if i < 0 {
		return analyze.AllPrompts
	}
	return t.Run.Prompts[i].ID
}

// masks in the order of payload.Masks.
var masks = []string{analyze.MaskDefault, analyze.MaskNone}

// payLines encodes the lines of one variant and prompt at some of the sites.
func (t *table) payLines(variant, prompt int, of []string) []json.RawMessage {
	var out []json.RawMessage
	for _, site := range of {
		si := slices.Index(t.sites, site)
		for mi, metric := range t.metrics {
			for ki, mask := range masks {
				l := t.lines[lineKey{t.variants[variant], t.promptName(prompt), site, metric, mask}]
				if l == nil {
					continue
				}
				n := 0
				for _, m := range l.n {
					n = max(n, m)
				}
				b := fmt.Appendf(nil, "[%d,%d,%d,%d,%d,%d,", variant, prompt, si, mi, ki, n)
				b = appendFloats(b, l.value)
				if l.hasInterval() {
					b = appendFloats(append(b, ','), l.lo)
					b = appendFloats(append(b, ','), l.hi)
				}
				out = append(out, append(b, ']'))
			}
		}
	}
	return out
}

func (l *line) hasInterval() bool {
	for i := range l.lo {
		if finite(l.lo[i]) && finite(l.hi[i]) {
			return true
		}
	}
	return false
}

// leadPlace is the leading site's place in payload.Sites.
const leadPlace = 0

// payHists encodes the histograms of one variant and prompt.
func (t *table) payHists(variant, prompt int) []json.RawMessage {
	if t.lead == "" {
		return nil
	}
	var out []json.RawMessage
	for ki, mask := range masks {
		b := fmt.Appendf(nil, "[%d,%d,%d,%d,[", variant, prompt, leadPlace, ki)
		found := false
		for i, layer := range t.axes[t.lead].layers {
			if i > 0 {
				b = append(b, ',')
			}
			h := t.hists[histKey{t.variants[variant], t.promptName(prompt), t.lead, mask, layer}]
			found = found || h != nil
			b = appendCounts(b, h)
		}
		if found {
			out = append(out, append(b, "]]"...))
		}
	}
	return out
}

// payParts encodes the partitions of one variant and prompt, none or one.
func (t *table) payParts(variant, prompt int) []json.RawMessage {
	if t.lead == "" {
		return nil
	}
	b := fmt.Appendf(nil, "[%d,%d,%d,[", variant, prompt, leadPlace)
	found := false
	for i, layer := range t.axes[t.lead].layers {
		if i > 0 {
			b = append(b, ',')
		}
		p := t.parts[partKey{t.variants[variant], t.promptName(prompt), t.lead, layer}]
		found = found || p != nil
		b = appendLabels(b, p)
	}
	if !found {
		return nil
	}
	return []json.RawMessage{append(b, "]]"...)}
}

// payPieces encodes the tokens of one prompt, and which of them are masked.
func (t *table) payPieces(prompt int) (json.RawMessage, map[string]string) {
	p := &t.Run.Prompts[prompt]
	masked := map[string]string{}
	for _, m := range p.Masked {
		masked[itoa(m.Position)] = label(m.Reason)
	}
	pieces := make([]string, len(p.Pieces))
	for i, s := range p.Pieces {
		pieces[i] = clip(s, 60)
	}
	return json.RawMessage(fmt.Sprintf("[%d,%s]", prompt, encode(pieces))), masked
}

// appendFloats appends a JSON array of six-digit numbers, null for none.
func appendFloats(b []byte, values []float64) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, v, 'g', 6, 64)
	}
	return append(b, ']')
}

// appendCounts appends [first bin, count, ...] without the empty bins at both
// ends, or null.
func appendCounts(b []byte, h *analyze.Histogram) []byte {
	lo, hi := 0, 0
	if h != nil {
		hi = len(h.Counts)
		for lo < hi && h.Counts[lo] == 0 {
			lo++
		}
		for hi > lo && h.Counts[hi-1] == 0 {
			hi--
		}
	}
	if lo == hi {
		return append(b, "null"...)
	}
	b = strconv.AppendInt(append(b, '['), int64(lo), 10)
	for _, n := range h.Counts[lo:hi] {
		b = strconv.AppendInt(append(b, ','), int64(n), 10)
	}
	return append(b, ']')
}

// appendLabels appends the labels of one layer, or null.
func appendLabels(b []byte, p *analyze.Partition) []byte {
	if p == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, l := range p.Labels {
		if i > 0 {
			b = append(b, ',')
		}
		v := maskedLabel
		if l != nil {
			v = *l
		}
		b = strconv.AppendInt(b, int64(v), 10)
	}
	return append(b, ']')
}

// size is what the parts take in the encoded payload, commas counted.
func size(parts []json.RawMessage) int {
	n := 0
	for _, p := range parts {
		n += len(p) + 1
	}
	return n
}

// encode is JSON in which <, > and & are escaped, so that no text can end the
// script element that holds it.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types: text, numbers and JSON that is written above
	}
	return bytes.TrimSpace(b)
}
