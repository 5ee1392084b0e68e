package vec

import "math"

const (
	lanes      = 64 // queries of a work item
	keysAtOnce = 64 // divides lanes' multiples: the last block of keys is the queries' own
)

// Attention is causal grouped-query attention of one prompt: each query sees the
// keys up to its own position, and with Window > 0 only the last Window of those.
// Strides are values a row.
type Attention struct {
	Tokens, Heads, KVHeads, HeadDim int
	Window                          int // 0: all before
	QStride, KVStride, OutStride    int
}

// Blocks returns the number of work items, which may run in any order and side by
// side: a key-value head and 64 queries, counted from token 0.
func (a Attention) Blocks() int {
	return a.KVHeads * ((a.Tokens + lanes - 1) / lanes)
}

// Scratch returns how many values one Run needs.
func (a Attention) Scratch() int {
	group := a.Heads / a.KVHeads
	return keysAtOnce*lanes + lanes + group*(2*a.HeadDim*lanes+2*lanes)
}

// Run does one work item: q (Tokens, QStride), k and v (Tokens, KVStride), out
// (Tokens, OutStride). The longest items have the lowest numbers, so that
// goroutines which take them in order end together. out may be q with the same
// stride: an item reads its queries first, and no other item reads them.
func (a Attention) Run(block int, out, q, k, v, scratch []float32) {
	t := a.item(block, scratch)
	for h := range t.heads {
		t.load(h, q)
	}
	for key := t.firstKey(); key < t.first+t.n; key += keysAtOnce {
		for h := range t.heads {
			t.attend(h, key, k, v)
		}
	}
	for h := range t.heads {
		t.store(h, out)
	}
}

// item is a work item.
type item struct {
	Attention
	kvHead, first, n int       // queries first..first+n-1
	heads            int       // of the group
	scores           []float32 // (keysAtOnce, lanes)
	shrink           []float32 // (lanes)
	state            []float32 // (heads, 2*HeadDim+2, lanes): Qᵀ, output, maximum, sum
}

func (a Attention) item(block int, scratch []float32) item {
	last := a.Blocks() - 1
	first := (last - block) / a.KVHeads * lanes
	cut := keysAtOnce * lanes
	return item{
		Attention: a, kvHead: block % a.KVHeads,
		first: first, n: min(lanes, a.Tokens-first), heads: a.Heads / a.KVHeads,
		scores: scratch[:cut], shrink: scratch[cut : cut+lanes],
		state: scratch[cut+lanes : a.Scratch()],
	}
}

// firstKey returns the first key of the first block that any query sees.
func (t item) firstKey() int {
	if t.Window <= 0 {
		return 0
	}
	return max(0, t.first-t.Window+1) / keysAtOnce * keysAtOnce
}

// head returns the state of one head of the group.
func (t item) head(h int) (q, o, most, sum []float32) {
	d := t.HeadDim * lanes
	s := t.state[h*(2*d+2*lanes):]
	return s[:d], s[d : 2*d], s[2*d : 2*d+lanes], s[2*d+lanes : 2*d+2*lanes]
}

// load sets the state of a head: Qᵀ, scaled, with zeros in lanes without a query.
func (t item) load(h int, q []float32) {
	qT, o, most, sum := t.head(h)
	clear(qT)
	clear(o)
	clear(sum)
	for i := range most {
		most[i] = -math.MaxFloat32
	}
	scale := float32(1 / math.Sqrt(float64(t.HeadDim)))
	column := (t.kvHead*t.heads + h) * t.HeadDim
	for i := range t.n {
		row := q[(t.first+i)*t.QStride+column:][:t.HeadDim]
		for d, x := range row {
			qT[d*lanes+i] = x * scale
		}
	}
}

// attend brings in a block of keys.
func (t item) attend(h, key int, k, v []float32) {
	qT, o, most, sum := t.head(h)
	n := min(keysAtOnce, t.first+t.n-key)
	at := key*t.KVStride + t.kvHead*t.HeadDim
	scores := t.scores[:n*lanes]
	clear(scores)
	chosen.product(scores, matrix{k[at:], n, t.HeadDim, t.KVStride, 1}, qT)
	t.mask(scores, key)
	chosen.softmax(scores, most, sum, t.shrink)
	if !ones(t.shrink) {
		chosen.mulRows(o, t.shrink)
	}
	chosen.product(o, matrix{v[at:], t.HeadDim, n, 1, t.KVStride}, scores)
}

// mask sets to -Inf the scores of keys that a query must not see: keys after it,
// and keys before its window. Row i of scores is key+i, lane j query first+j.
func (t item) mask(scores []float32, key int) {
	for i := 0; i < len(scores); i += lanes {
		row, ahead := scores[i:i+lanes], key+i/lanes-t.first
		for j := range min(max(ahead, 0), lanes) {
			row[j] = float32(math.Inf(-1))
		}
		if t.Window <= 0 {
			continue
		}
		for j := max(ahead+t.Window, 0); j < lanes; j++ {
			row[j] = float32(math.Inf(-1))
		}
	}
}

func (t item) store(h int, out []float32) {
	_, o, _, sum := t.head(h)
	for i, s := range sum {
		t.shrink[i] = 1 / s
	}
	chosen.mulRows(o, t.shrink)
	column := (t.kvHead*t.heads + h) * t.HeadDim
	for i := range t.n {
		row := out[(t.first+i)*t.OutStride+column:][:t.HeadDim]
		for d := range row {
			row[d] = o[d*lanes+i]
		}
	}
}

func ones(x []float32) bool {
	for _, v := range x {
		if v != 1 {
			return false
		}
	}
	return true
}
