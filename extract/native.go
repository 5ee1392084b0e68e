package extract

import (
	"context"
	"runtime"

	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/internal/vec"
	"github.com/layerclust/layerclust/loader"
)

// nativeEngine runs blocks with the kernels of internal/native for the products
// and of internal/vec for what lies between them. A weight is never whole in
// memory: each worker reads some of its rows, multiplies them with the rows of
// all texts, and goes on with the outputs while they are in the processor's
// cache. Of the states between two products one copy is held, of the MLP's wide
// ones the packed copy alone.
type nativeEngine struct {
	kernel *native.Kernel
	config loader.Config
	bf16   bool

	workers []*worker
	tables  map[ropeKey][2][]float32 // RoPE cosines and sines, (T, headDim/2), by tablesOf
	normed  *native.Rows             // (rows, D) after a norm
	mixed   *native.Rows             // (rows, heads * headDim) out of attention
	inner   *native.Rows             // (rows, I) silu(gate) * up
	q, k, v []float32                // (rows, heads * headDim), twice (rows, kv heads * headDim)
}

// worker is what one goroutine computes in.
type worker struct {
	block   *native.Block
	raw     []byte       // rows of a weight as the file has them
	out     [2][]float32 // (rows, stride) of up to two projections
	scratch []float32
}

func newNativeEngine(k *native.Kernel, c loader.Config, o Options) *nativeEngine {
	e := &nativeEngine{kernel: k, config: c, bf16: o.BF16, tables: map[ropeKey][2][]float32{}}
	for range runtime.GOMAXPROCS(0) {
		e.workers = append(e.workers, &worker{block: k.NewBlock()})
	}
	return e
}

func (e *nativeEngine) close() {}

// parallel is work(worker, i) for all i on all workers.
func (e *nativeEngine) parallel(n int, work func(w *worker, i int) error) error {
	return parallel(n, len(e.workers), func(w, i int) error { return work(e.workers[w], i) })
}

// rows makes room for activations, in the same memory where it is enough.
func (e *nativeEngine) rows(r **native.Rows, rows, cols int) *native.Rows {
	if *r == nil || !(*r).Fits(rows, cols) {
		*r = e.kernel.NewRows(rows, cols, e.bf16)
	}
	return *r
}

func (e *nativeEngine) product(x []float32, rows int, m matrix) ([]float32, error) {
	out, in := m.shape()
	padded := make([]float32, native.Padded(rows)*in)
	copy(padded, x)
	packed := e.kernel.NewRows(native.Padded(rows), in, false)
	packed.Set(0, native.Padded(rows), 0, in, padded, in)
	dst := make([]float32, rows*out)
	step := e.kernel.BlockRows(out, nativeType(m.dtype()))
	err := e.parallel((out+step-1)/step, func(w *worker, i int) error {
		lo, hi := i*step, min((i+1)*step, out)
		got, err := w.multiply(m, lo, hi, packed, []native.Span{{To: native.Padded(rows)}}, 0, native.Padded(rows))
		if err != nil {
			return err
		}
		for r := range rows {
			copy(dst[r*out+lo:r*out+hi], got[r*native.Stride(hi-lo):])
		}
		return nil
	})
	return dst, err
}

// multiply gives the product of rows [lo, hi) of m with the rows of x in spans,
// (rows, Stride(hi-lo)), in the i-th place for outputs.
func (w *worker) multiply(m matrix, lo, hi int, x *native.Rows, spans []native.Span, i, rows int) ([]float32, error) {
	w.out[i] = resized(w.out[i], rows*native.Stride(hi-lo))
	if err := w.load(m, lo, hi); err != nil {
		return nil, err
	}
	w.block.Multiply(w.out[i], x, spans, false)
	return w.out[i], nil
}

// load gives rows [lo, hi) of m to the worker's block, as they lie in the file
// where it is mapped.
func (w *worker) load(m matrix, lo, hi int) error {
	_, in := m.shape()
	raw, err := m.lend(lo, hi)
	if err == nil && raw == nil {
		w.raw = resized(w.raw, (hi-lo)*rowBytes(m))
		raw = w.raw
		err = m.read(lo, hi, raw)
	}
	if err != nil {
		return err
	}
	w.block.Load(raw, nativeType(m.dtype()), hi-lo, in)
	return nil
}

func nativeType(t loader.DType) native.DType {
	switch t {
	case loader.BF16:
		return native.BF16
	case loader.F16:
		return native.F16
	}
	return native.F32
}

func (e *nativeEngine) block(ctx context.Context, b *block) error {
	p := e.newPass(ctx, b)
	if err := p.attention(); err != nil {
		return err
	}
	return p.mlp()
}

// pass is one block on one wave.
type pass struct {
	*nativeEngine
	*block
	ctx    context.Context
	w      *wave
	shares []bool // whether what an item is computed from is still its twin's
}

func (e *nativeEngine) newPass(ctx context.Context, b *block) *pass {
	if len(e.tables) > maxTables {
		clear(e.tables)
	}
	p := &pass{nativeEngine: e, block: b, ctx: ctx, w: b.wave, shares: make([]bool, len(b.wave.items))}
	for i, it := range p.w.items {
		c := b.variants[it.variant].config
		p.shares[i] = it.twin >= 0 && c.Rope == e.config.Rope && c.RMSNormEps == e.config.RMSNormEps && c.Window(b.layer) == e.config.Window(b.layer)
		e.makeTables(c.Rope, it.tokens)
	}
	return p
}

// maxTables bounds the rotary tables that are kept: where they depend on a
// prompt's length, thousands of prompts would have thousands.
const maxTables = 64

// tablesOf names the rotary tables of a prompt of t tokens. But for the dynamic
// type, those of a longer prompt begin with the same rows.
func tablesOf(r loader.Rope, t int) ropeKey {
	if r.Type == "dynamic" {
		return ropeKey{r, t}
	}
	return ropeKey{rope: r}
}

// makeTables makes the rotary tables for a prompt of t tokens, unless they are
// there.
func (e *nativeEngine) makeTables(r loader.Rope, t int) {
	key := tablesOf(r, t)
	if len(e.tables[key][0]) < t*e.config.HeadDim/2 {
		cos, sin := ropeTables(r, e.config.HeadDim, t)
		e.tables[key] = [2][]float32{cos, sin}
	}
}

// unless ends the sharing of the items whose weights differ.
func (p *pass) unless(differs func(w *blockWeights) bool) {
	for i, it := range p.w.items {
		p.shares[i] = p.shares[i] && !differs(p.weights[it.variant])
	}
}

// attention adds the first half of the block to the residual stream.
func (p *pass) attention() error {
	p.unless(func(w *blockWeights) bool { return w.norms[attnNorm].own })
	if err := p.norm(attnNorm); err != nil {
		return err
	}
	c := p.config
	wide, narrow := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	p.q, p.k, p.v = resized(p.q, p.w.rows*wide), resized(p.k, p.w.rows*narrow), resized(p.v, p.w.rows*narrow)
	into := map[int][]float32{wq: p.q, wk: p.k, wv: p.v}
	err := p.linear(p.normed, [][]int{{wq}, {wk}, {wv}}, func(_ *worker, which, lo, hi int, out [2][]float32) {
		n, _ := p.weights[0].projections[which].weight.shape()
		p.copyOut(into[which], n, lo, hi, out[0])
	})
	if err != nil {
		return err
	}
	p.unless((*blockWeights).changesAttention)
	if err := p.turn(); err != nil {
		return err
	}
	if err := p.mix(); err != nil {
		return err
	}
	if err := p.pack(p.rows(&p.nativeEngine.mixed, p.w.rows, wide), p.q, wide); err != nil {
		return err
	}
	return p.linear(p.mixed, [][]int{{wo}}, func(_ *worker, _, lo, hi int, out [2][]float32) { p.addOut(p.w.attn, lo, hi, out[0]) })
}

// mlp adds the second half.
func (p *pass) mlp() error {
	p.unless(func(w *blockWeights) bool { return w.projections[wo].own || w.norms[mlpNorm].own })
	if err := p.norm(mlpNorm); err != nil {
		return err
	}
	size, _ := p.weights[0].projections[gate].weight.shape()
	inner := p.rows(&p.inner, p.w.rows, size)
	err := p.linear(p.normed, [][]int{{gate, up}}, func(_ *worker, _, lo, hi int, out [2][]float32) {
		vec.SiLUMul(out[0], out[1])
		inner.Set(0, p.w.rows, lo, hi-lo, out[0], native.Stride(hi-lo))
	})
	if err != nil {
		return err
	}
	p.unless(func(w *blockWeights) bool { return w.projections[gate].own || w.projections[up].own })
	return p.linear(inner, [][]int{{down}}, func(_ *worker, _, lo, hi int, out [2][]float32) { p.addOut(p.w.mlp, lo, hi, out[0]) })
}

// copyOut puts columns [lo, hi) where they belong in dst (rows, n).
func (p *pass) copyOut(dst []float32, n, lo, hi int, out []float32) {
	stride := native.Stride(hi - lo)
	for r := range p.w.rows {
		copy(dst[r*n+lo:r*n+hi], out[r*stride:])
	}
}

// addOut adds columns [lo, hi) to the residual stream, and keeps them in site
// where it is asked for.
func (p *pass) addOut(site []float32, lo, hi int, out []float32) {
	d, stride := p.w.d, native.Stride(hi-lo)
	for r := range p.w.rows {
		row := out[r*stride:][:hi-lo]
		vec.Add(p.w.x[r*d+lo:r*d+hi], row)
		if site != nil {
			copy(site[r*d+lo:], row)
		}
	}
}

// pieceRows is how many rows of a text one worker takes at a time between two
// products.
const pieceRows = 4 * native.RowTile

// pieces calls work for pieces of every item: rows [lo, hi) of the wave, whole
// tiles.
func (p *pass) pieces(work func(w *worker, it item, lo, hi int) error) error {
	type piece struct{ item, lo, hi int }
	var list []piece
	for i, it := range p.w.items {
		for lo := it.row; lo < it.span().To; lo += pieceRows {
			list = append(list, piece{i, lo, min(lo+pieceRows, it.span().To)})
		}
	}
	return p.parallel(len(list), func(w *worker, i int) error {
		return work(w, p.w.items[list[i].item], list[i].lo, list[i].hi)
	})
}

// norm packs the residual stream after a norm.
func (p *pass) norm(which int) error {
	d := p.w.d
	dst := p.rows(&p.normed, p.w.rows, d)
	return p.pieces(func(w *worker, it item, lo, hi int) error {
		w.scratch = resized(w.scratch, (hi-lo)*d)
		gain := p.weights[it.variant].norms[which].gain
		vec.RMSNorm(w.scratch, p.w.x[lo*d:hi*d], gain, d, p.variants[it.variant].config.RMSNormEps)
		dst.Set(lo, hi-lo, 0, d, w.scratch, d)
		return nil
	})
}

// pack packs x (rows, n).
func (p *pass) pack(dst *native.Rows, x []float32, n int) error {
	return p.pieces(func(_ *worker, _ item, lo, hi int) error {
		dst.Set(lo, hi-lo, 0, n, x[lo*n:hi*n], n)
		return nil
	})
}

// turn gives queries and keys their norms and positions.
func (p *pass) turn() error {
	c := p.config
	wide, narrow, half := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim, c.HeadDim/2
	return p.pieces(func(_ *worker, it item, lo, hi int) error {
		hi = min(hi, it.row+it.tokens)
		q, k, v := p.q[lo*wide:hi*wide], p.k[lo*narrow:hi*narrow], p.v[lo*narrow:hi*narrow]
		own := p.variants[it.variant].config
		if norms := p.weights[it.variant].norms[queryNorm:]; len(norms) > 0 {
			vec.RMSNorm(q, q, norms[0].gain, c.HeadDim, own.RMSNormEps)
			vec.RMSNorm(k, k, norms[1].gain, c.HeadDim, own.RMSNormEps)
		}
		tables := p.tables[tablesOf(own.Rope, it.tokens)]
		from, to := (lo-it.row)*half, (hi-it.row)*half
		vec.Rope(q, hi-lo, wide, c.NumHeads, c.HeadDim, tables[0][from:to], tables[1][from:to])
		vec.Rope(k, hi-lo, narrow, c.NumKVHeads, c.HeadDim, tables[0][from:to], tables[1][from:to])
		if p.bf16 {
			vec.RoundBF16(q)
			vec.RoundBF16(k)
			vec.RoundBF16(v)
		}
		return nil
	})
}

// mix replaces the queries by what attention makes of them.
func (p *pass) mix() error {
	c := p.config
	wide, narrow := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	type job struct{ item, block int }
	var jobs []job
	shapes := make([]vec.Attention, len(p.w.items))
	for i, it := range p.w.items {
		if p.shares[i] {
			continue
		}
		a := vec.Attention{Tokens: it.tokens, Heads: c.NumHeads, KVHeads: c.NumKVHeads, HeadDim: c.HeadDim,
			QStride: wide, KVStride: narrow, OutStride: wide}
		if window := p.variants[it.variant].config.Window(p.layer); window < it.tokens {
			a.Window = window
		}
		shapes[i] = a
		for b := range a.Blocks() {
			jobs = append(jobs, job{i, b})
		}
	}
	err := p.parallel(len(jobs), func(w *worker, i int) error {
		it, a := p.w.items[jobs[i].item], shapes[jobs[i].item]
		w.scratch = resized(w.scratch, a.Scratch())
		q := it.of(p.q, wide)
		a.Run(jobs[i].block, q, q, it.of(p.k, narrow), it.of(p.v, narrow), w.scratch)
		return p.ctx.Err()
	})
	for i, it := range p.w.items {
		if p.shares[i] {
			copy(it.of(p.q, wide), p.w.items[it.twin].of(p.q, wide))
		}
	}
	return err
}
