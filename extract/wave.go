package extract

import "github.com/layerclust/layerclust/internal/native"

// wave is as many texts as pass a block together: enough rows that reading the
// weights costs little beside computing with them, and no more than memory has.
// A text's rows begin at a multiple of native.RowTile, and zeros fill the gaps.
type wave struct {
	items     []item
	rows, d   int
	x         []float32 // (rows, D) the residual stream
	attn, mlp []float32 // (rows, D) what the halves of the block added; nil where it was not asked for
}

// item is one prompt under one variant.
type item struct {
	prompt, variant int
	row, tokens     int    // rows [row, row+tokens) of the wave
	twin            int    // the base's item whose input it has, or -1
	tally           *tally // of its losses, where they are asked for
}

// padded are the rows that an item takes.
func (i item) padded() int { return native.Padded(i.tokens) }

// span are its rows with the gap behind them.
func (i item) span() native.Span { return native.Span{From: i.row, To: i.row + i.padded()} }

// of are the values of an item in x, whose rows have d values: (T, d).
func (i item) of(x []float32, d int) []float32 { return x[i.row*d : (i.row+i.tokens)*d] }

// reset empties the wave.
func (w *wave) reset() { w.items, w.rows = w.items[:0], 0 }

// add takes one more item.
func (w *wave) add(i item) {
	i.row = w.rows
	w.rows += i.padded()
	w.items = append(w.items, i)
}

// allocate makes room for the items added.
func (w *wave) allocate(sites []Site) {
	w.x = resized(w.x, w.rows*w.d)
	for _, i := range w.items {
		clear(w.x[(i.row+i.tokens)*w.d : (i.row+i.padded())*w.d])
	}
	for _, site := range sites {
		if site == Attn {
			w.attn = resized(w.attn, w.rows*w.d)
		} else {
			w.mlp = resized(w.mlp, w.rows*w.d)
		}
	}
}
