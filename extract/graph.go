package extract

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/layerclust/layerclust/loader"
)

// graphEngine holds the compiled graphs and runs them.
type graphEngine struct {
	backend compute.Backend
	config  loader.Config
	bf16    bool
	sites   []Site // besides Resid, in the order Attn, MLP
	scorer  *graph.Exec

	mu     sync.Mutex // guards what follows: blocks run on several goroutines
	blocks map[blockShape]*graph.Exec
	tables map[ropeKey][2]*tensors.Tensor // RoPE cosines and sines

	// The weights of one block as float32 tensors. Converting them on the way in
	// costs one pass over the weights, where converting in the graph would cost
	// one for every variant and prompt.
	layer   []*blockWeights     // whose weights these are, by variant
	weights []*tensors.Tensor   // all of them
	host    []float32           // a matrix on its way
	inputs  [][]*tensors.Tensor // of each variant, in the order of the graph
	forms   [][7]form
}

// ropeKey is what rotary tables depend on beside the head's size.
type ropeKey struct {
	rope   loader.Rope
	tokens int
}

func newGraphEngine(backend string, c loader.Config, o Options) (*graphEngine, error) {
	b, err := newBackend(backend)
	if err != nil {
		return nil, err
	}
	e := &graphEngine{backend: b, config: c, bf16: o.BF16, sites: o.sites(), blocks: map[blockShape]*graph.Exec{},
		tables: map[ropeKey][2]*tensors.Tensor{}}
	if e.scorer, err = graph.NewExec(b, e.scoreGraph); err != nil {
		return nil, err
	}
	e.scorer.SetMaxCache(-1) // one compilation for each prompt length, however many
	return e, nil
}

func (e *graphEngine) product(x []float32, rows int, w matrix) ([]float32, error) {
	out, in := w.shape()
	values := make([]float32, out*in)
	if err := readAll(w, values); err != nil {
		return nil, err
	}
	dst := make([]float32, rows*out)
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(x, rows, in), general(values, out, in), 0, general(dst, rows, out))
	return dst, nil
}

func (e *graphEngine) block(ctx context.Context, b *block) error {
	if err := e.load(b); err != nil {
		return err
	}
	return parallel(len(b.wave.items), runtime.GOMAXPROCS(0), func(_, i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return e.runItem(b, b.wave.items[i])
	})
}

// load makes tensors of the weights of a block, once for all its waves.
func (e *graphEngine) load(b *block) error {
	if len(e.layer) > 0 && e.layer[0] == b.weights[0] {
		return nil
	}
	e.unload()
	e.layer = b.weights
	made := map[matrix]*tensors.Tensor{}
	for _, w := range b.weights {
		var forms [7]form
		for i, p := range w.projections {
			forms[i] = form{bias: p.bias != nil, lora: p.a != nil, gain: p.gain != nil}
		}
		inputs, err := e.inputsOf(w, made)
		if err != nil {
			return err
		}
		e.inputs, e.forms = append(e.inputs, inputs), append(e.forms, forms)
	}
	return nil
}

// inputsOf lists the tensors of a variant's block in the order of the graph. made
// holds the matrices that another variant has as well.
func (e *graphEngine) inputsOf(w *blockWeights, made map[matrix]*tensors.Tensor) (list []*tensors.Tensor, err error) {
	add := func(x []float32, dims ...int) {
		t, fault := e.upload(x, dims...)
		list = append(list, t)
		err = errors.Join(err, fault)
	}
	for _, n := range w.norms {
		add(n.gain, len(n.gain))
	}
	for _, p := range w.projections {
		out, in := p.weight.shape()
		if made[p.weight] == nil {
			e.host = resized(e.host, out*in)
			if err := readAll(p.weight, e.host); err != nil {
				return nil, err
			}
			t, err := e.upload(e.host, out, in)
			if err != nil {
				return nil, err
			}
			made[p.weight] = t
		}
		list = append(list, made[p.weight])
		if p.bias != nil {
			add(p.bias, out)
		}
		if p.a != nil {
			add(p.a, p.rank, in)
			add(p.b, out, p.rank)
		}
		if p.gain != nil {
			add(p.gain, out)
		}
	}
	return list, err
}

// upload makes a tensor that lives as long as the block's weights.
func (e *graphEngine) upload(x []float32, dims ...int) (*tensors.Tensor, error) {
	t, err := upload(e.backend, x, dims...)
	if err == nil {
		e.weights = append(e.weights, t)
	}
	return t, err
}

// unload drops the weights of a block.
func (e *graphEngine) unload() {
	free(e.weights...)
	e.layer, e.weights, e.inputs, e.forms = nil, nil, nil, nil
}

// runItem runs a block on one item.
func (e *graphEngine) runItem(b *block, it item) error {
	c, d := b.variants[it.variant].config, b.wave.d
	tables, err := e.rope(c.Rope, it.tokens)
	if err != nil {
		return err
	}
	shape := blockShape{forms: e.forms[it.variant], eps: c.RMSNormEps}
	if window := c.Window(b.layer); window < it.tokens {
		shape.window = window
	}
	exec, err := e.blockExec(shape)
	if err != nil {
		return err
	}
	x, err := upload(e.backend, it.of(b.wave.x, d), it.tokens, d)
	if err != nil {
		return err
	}
	defer free(x)
	args := []any{x, tables[0], tables[1]}
	for _, t := range e.inputs[it.variant] {
		args = append(args, t)
	}
	out, err := exec.Call(args...)
	if err != nil {
		return err
	}
	defer free(out...)
	for i, site := range append([]Site{Resid}, e.sites...) {
		err = errors.Join(err, download(e.backend, out[i], it.of(b.wave.at(site), d)))
	}
	return err
}

// blockExec gives the compiled block of a shape.
func (e *graphEngine) blockExec(shape blockShape) (*graph.Exec, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if exec, ok := e.blocks[shape]; ok {
		return exec, nil
	}
	exec, err := graph.NewExec(e.backend, e.blockGraph(shape))
	if err != nil {
		return nil, err
	}
	exec.SetMaxCache(-1)
	e.blocks[shape] = exec
	return exec, nil
}

// blockGraph is the graph function of one block shape.
func (e *graphEngine) blockGraph(shape blockShape) func([]*graph.Node) []*graph.Node {
	return func(nodes []*graph.Node) []*graph.Node {
		out, attn, mlp := blockGraph{config: e.config, shape: shape, bf16: e.bf16}.build(nodes)
		results := []*graph.Node{out}
		for _, site := range e.sites {
			if site == Attn {
				results = append(results, attn)
			} else {
				results = append(results, mlp)
			}
		}
		return results
	}
}

// rope gives the rotary tables for prompts of t tokens.
func (e *graphEngine) rope(r loader.Rope, t int) ([2]*tensors.Tensor, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := ropeKey{r, t}
	if tables, ok := e.tables[key]; ok {
		return tables, nil
	}
	cos, sin := ropeTables(r, e.config.HeadDim, t)
	var tables [2]*tensors.Tensor
	for i, flat := range [][]float32{cos, sin} {
		table, err := upload(e.backend, flat, t, e.config.HeadDim/2)
		if err != nil {
			return tables, err
		}
		tables[i] = table
	}
	e.tables[key] = tables
	return tables, nil
}

func (e *graphEngine) close() {
	for _, x := range e.blocks {
		x.Finalize()
	}
	e.scorer.Finalize()
	for _, t := range e.tables {
		free(t[:]...)
	}
	e.unload()
	e.backend.Finalize()
}

// free gives tensors back to the backend.
func free(ts ...*tensors.Tensor) {
	for _, t := range ts {
		t.FinalizeAll() //nolint:errcheck // a tensor that is already gone is what is wanted
	}
}
