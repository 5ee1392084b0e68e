package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// packedLists are the spectra of all matrices as far as there is room.
type packedLists struct {
	blocks []json.RawMessage
	notes  []string
}

// block names what is packed together: a matrix, or the heads of a layer.
type block struct {
	q, v, m, l int
	heads      []int
	list       []*spectrum
}

// packLists packs the spectra with as many values of each as fit into budget.
func (w *weights) packLists(budget int) packedLists {
	blocks := w.blocks()
	most, total := 1<<30, 0
	for _, limit := range []int{1 << 30, 2048, 1024, 512, 256, 128, 64, 32} {
		most, total = limit, 0
		for i := range blocks {
			total += blocks[i].bytes(w, most)
		}
		if total <= budget {
			break
		}
	}
	var out packedLists
	thinned, largest := 0, 0
	for i := range blocks {
		b := &blocks[i]
		text, p := b.pack(w, most)
		out.blocks = append(out.blocks, text)
		for k := range p.n {
			half := p.n[k]
			if p.b == 1 && isEigen(w.quantities[b.q]) {
				half = 0 // of pairs only one is packed, so compare with the points
				re, _, _ := b.list[k].upper()
				half = len(re)
			}
			thinned += b2i(p.kept[k] < half)
			largest = max(largest, p.n[k])
		}
	}
	if thinned > 0 {
		out.notes = append(out.notes, fmt.Sprintf("To stay a small file, this page draws a part of the values of %d matrices or heads, of up to %d values each: "+
			"the outermost, and of the rest every so many; %s holds all.", thinned, largest, spectraFile))
	}
	return out
}

// blocks lists all spectra, the most wanted first: of the updates, then of the
// base and of the adapters that stand for all, then of the rest.
func (w *weights) blocks() []block {
	var out []block
	rank := map[string]int{}
	for _, v := range w.finals() {
		rank[v] = 1
	}
	for _, pass := range []int{0, 1, 2} {
		for qi, q := range w.quantities {
			if !isList(q) {
				continue
			}
			for vi, v := range w.variants {
				wanted := 2
				switch {
				case strings.HasPrefix(q, "lora"):
					wanted = 0
				case v == spectra.Base || rank[v] == 1:
					wanted = 1
				}
				if wanted == pass {
					out = append(out, w.blocksOf(qi, vi)...)
				}
			}
		}
	}
	return out
}

// blocksOf are the spectra of one quantity of one variant.
func (w *weights) blocksOf(qi, vi int) []block {
	var out []block
	q, v := w.quantities[qi], w.variants[vi]
	for mi, m := range w.modules {
		for li, layer := range w.layers {
			if s := w.of(v, layer, m, q); s != nil {
				out = append(out, block{qi, vi, mi, li, []int{spectra.Whole}, []*spectrum{s}})
			}
			heads := w.heads[headsKey{v, layer, m, q}]
			if len(heads) == 0 {
				continue
			}
			b := block{qi, vi, mi, li, heads, nil}
			for _, h := range heads {
				b.list = append(b.list, w.series[spectrumKey{v, layer, m, h, q}])
			}
			out = append(out, b)
		}
	}
	return out
}

// each is how many values each head of a block may keep.
func (b *block) each(most int) int { return max(8, most/len(b.heads)) }

// bytes is about what a block takes.
func (b *block) bytes(w *weights, most int) int {
	n := 60
	for _, s := range b.list {
		values, width := len(s.re), 2
		if isEigen(w.quantities[b.q]) {
			values, width = values/2+values/16+1, 4 // nearly all are of pairs
		}
		n += min(values, b.each(most))*width*4/3 + 12
	}
	return n
}

func (b *block) pack(w *weights, most int) (json.RawMessage, packed) {
	pack := packSingular
	if isEigen(w.quantities[b.q]) {
		pack = packEigen
	}
	p := pack(b.list, b.each(most))
	text := fmt.Appendf(nil, "[%d,%d,%d,%d,%s,%s,%s,", b.q, b.v, b.m, b.l, encode(b.heads), encode(p.n), encode(p.kept))
	text = fmt.Appendf(text, "%.9g,%.9g,%q]", p.a, p.b, p.data)
	return text, p
}
