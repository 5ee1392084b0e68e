package vec

import "math"

const (
	lanes = 64 // queries beside each other
	step  = 64 // keys at a time
)

// Attention is causal grouped-query attention of one prompt: each query sees the
// keys up to its own position, and with Window > 0 only the last Window of those.
// Strides are values a row.
type Attention struct {
	Tokens, Heads, KVHeads, HeadDim int
	Window                          int // 0: all before
	QStride, KVStride, OutStride    int
}

// queries returns how many queries a work item has. Heads of a group share what is
// read of K and V; a head without a group reads it once for twice the queries.
func (a Attention) queries() int {
	if a.Heads > a.KVHeads {
		return lanes
	}
	return 2 * lanes
}

// Blocks returns the number of work items, which may run in any order and side by
// side: a key-value head and some queries, counted from token 0.
func (a Attention) Blocks() int {
	return a.KVHeads * ((a.Tokens + a.queries() - 1) / a.queries())
}

// Scratch returns how many values one Run needs.
func (a Attention) Scratch() int {
	return step*lanes + lanes + step*a.HeadDim + a.panels()*a.panelSize()
}

// Run does one work item: q (Tokens, QStride), k and v (Tokens, KVStride), out
// (Tokens, OutStride). The longest items have the lowest numbers, so that
// goroutines which take them in order end together. out may be q with the same
// stride: an item reads its queries first, and no other item reads them. All values
// must be finite, or a weight of 0 does not keep a later token's away.
func (a Attention) Run(block int, out, q, k, v, scratch []float32) {
	t := a.item(block, scratch)
	for i := range a.panels() {
		t.load(t.panel(i), q)
	}
	for key := t.firstKey(); key < min(t.first+a.queries(), a.Tokens); key += step {
		t.loadValues(key, v)
		for i := range a.panels() {
			t.attend(t.panel(i), key, k)
		}
	}
	for i := range a.panels() {
		t.store(t.panel(i), out)
	}
}

// item is a work item: queries from first on of the heads of a key-value head.
type item struct {
	Attention
	kvHead, first int
	scores        []float32 // (step, lanes), of one panel
	shrink        []float32 // (lanes)
	values        []float32 // (step, HeadDim), a block of v
	state         []float32 // (panels, panelSize)
}

// panel is one head's n <= lanes queries from first on.
type panel struct {
	column, first, n int
	q, out           []float32 // (HeadDim, lanes), both transposed
	most, sum        []float32 // (lanes), of the softmax so far
}

func (a Attention) panels() int    { return a.Heads / a.KVHeads * a.queries() / lanes }
func (a Attention) panelSize() int { return (2*a.HeadDim + 2) * lanes }

func (a Attention) item(block int, scratch []float32) item {
	last := a.Blocks() - 1
	t := item{Attention: a, kvHead: block % a.KVHeads, first: (last - block) / a.KVHeads * a.queries()}
	t.scores, scratch = scratch[:step*lanes], scratch[step*lanes:]
	t.shrink, scratch = scratch[:lanes], scratch[lanes:]
	t.values, scratch = scratch[:step*a.HeadDim], scratch[step*a.HeadDim:]
	t.state = scratch[:a.panels()*a.panelSize()]
	return t
}

func (t item) panel(i int) panel {
	group := t.Heads / t.KVHeads
	first := t.first + i/group*lanes
	s, d := t.state[i*t.panelSize():], t.HeadDim*lanes
	return panel{
		column: (t.kvHead*group + i%group) * t.HeadDim,
		first:  first, n: max(0, min(lanes, t.Tokens-first)),
		q: s[:d], out: s[d : 2*d], most: s[2*d : 2*d+lanes], sum: s[2*d+lanes : 2*d+2*lanes],
	}
}

// firstKey returns the first key of the first block that any query sees.
func (t item) firstKey() int {
	if t.Window <= 0 {
		return 0
	}
	return max(0, t.first-t.Window+1) / step * step
}

// load fills a panel with scaled queries, and zeros in lanes without one.
func (t item) load(p panel, q []float32) {
	if p.n == 0 {
		return
	}
	clear(p.out)
	clear(p.sum)
	for i := range p.most {
		p.most[i] = -math.MaxFloat32
	}
	if p.n < lanes {
		clear(p.q)
	}
	scale := float32(1 / math.Sqrt(float64(t.HeadDim)))
	chosen.transpose(p.q, lanes, matrix{q[p.first*t.QStride+p.column:], p.n, t.HeadDim, t.QStride, 1}, scale)
}

// loadValues copies a block of v, whose rows would evict each other from the cache:
// in place they are often a power of two apart.
func (t item) loadValues(key int, v []float32) {
	at := key*t.KVStride + t.kvHead*t.HeadDim
	for i := range min(step, t.Tokens-key) {
		copy(t.values[i*t.HeadDim:(i+1)*t.HeadDim], v[at+i*t.KVStride:])
	}
}

// attend brings in a block of keys.
func (t item) attend(p panel, key int, k []float32) {
	n := min(step, p.first+p.n-key)
	if p.n == 0 || n <= 0 {
		return
	}
	scores := t.scores[:n*lanes]
	clear(scores)
	k = k[key*t.KVStride+t.kvHead*t.HeadDim:]
	chosen.product(scores, matrix{k, n, t.HeadDim, t.KVStride, 1}, p.q)
	t.mask(scores, key-p.first)
	chosen.softmax(scores, p.most, p.sum, t.shrink)
	if !ones(t.shrink) {
		chosen.mulRows(p.out, t.shrink)
	}
	chosen.product(p.out, matrix{t.values, t.HeadDim, n, 1, t.HeadDim}, scores)
}

// mask sets to -Inf the scores of keys that a query must not see: keys after it,
// and keys before its window. Row i of scores is key ahead+i, counted from the
// query of lane 0.
func (t item) mask(scores []float32, ahead int) {
	for ; len(scores) > 0; scores = scores[lanes:] {
		for j := range min(max(ahead, 0), lanes) {
			scores[j] = float32(math.Inf(-1))
		}
		if t.Window > 0 {
			for j := max(ahead+t.Window, 0); j < lanes; j++ {
				scores[j] = float32(math.Inf(-1))
			}
		}
		ahead++
	}
}

func (t item) store(p panel, out []float32) {
	if p.n == 0 {
		return
	}
	for i, s := range p.sum {
		t.shrink[i] = 1 / s
	}
	chosen.mulRows(p.out, t.shrink)
	chosen.transpose(out[p.first*t.OutStride+p.column:], t.OutStride, matrix{p.out, t.HeadDim, p.n, lanes, 1}, 1)
}

func ones(x []float32) bool {
	for _, v := range x {
		if v != 1 {
			return false
		}
	}
	return true
}
