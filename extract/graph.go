package extract

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
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
	// one for every variant and prompt. The matrices' places are allocated once
	// and filled again for every block.
	layer  []*blockWeights // whose weights these are, by variant
	places map[place]*tensors.Tensor
	small  []*tensors.Tensor   // all others, to be freed with the block
	inputs [][]*tensors.Tensor // of each variant, in the order of the graph
	forms  [][7]form
}

// ropeKey is what rotary tables depend on beside the head's size.
type ropeKey struct {
	rope   loader.Rope
	tokens int
}

// place is where a variant has a matrix; the base's own are variant 0's.
type place struct{ variant, projection int }

func newGraphEngine(backend string, c loader.Config, o Options) (*graphEngine, error) {
	b, err := newBackend(backend)
	if err != nil {
		return nil, err
	}
	e := &graphEngine{backend: b, config: c, bf16: o.BF16, sites: o.sites(), blocks: map[blockShape]*graph.Exec{},
		tables: map[ropeKey][2]*tensors.Tensor{}, places: map[place]*tensors.Tensor{}}
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
	for v, w := range b.weights {
		var forms [7]form
		for i, p := range w.projections {
			forms[i] = form{bias: p.bias != nil, lora: p.a != nil, gain: p.gain != nil}
		}
		inputs, err := e.inputsOf(v, w, b.weights[0])
		if err != nil {
			return err
		}
		e.inputs, e.forms = append(e.inputs, inputs), append(e.forms, forms)
	}
	return nil
}

// inputsOf lists the tensors of a variant's block in the order of the graph.
func (e *graphEngine) inputsOf(variant int, w, base *blockWeights) (list []*tensors.Tensor, err error) {
	add := func(t *tensors.Tensor, fault error) {
		list = append(list, t)
		err = errors.Join(err, fault)
	}
	for _, n := range w.norms {
		add(e.upload(n.gain, len(n.gain)))
	}
	for i, p := range w.projections {
		out, in := p.weight.shape()
		if variant > 0 && p.weight == base.projections[i].weight {
			add(e.places[place{0, i}], nil)
		} else {
			add(e.matrix(place{variant, i}, p.weight))
		}
		if p.bias != nil {
			add(e.upload(p.bias, out))
		}
		if p.a != nil {
			add(e.upload(p.a, p.rank, in))
			add(e.upload(p.b, out, p.rank))
		}
		if p.gain != nil {
			add(e.upload(p.gain, out))
		}
	}
	return list, err
}

// matrix reads a weight into its place.
func (e *graphEngine) matrix(at place, w matrix) (*tensors.Tensor, error) {
	t := e.places[at]
	if t == nil {
		out, in := w.shape()
		var err error
		if t, err = e.tensor(out, in); err != nil {
			return nil, err
		}
		e.places[at] = t
	}
	return t, writing(t, func(dst []float32) error { return readAll(w, dst) })
}

// upload makes a tensor that lives as long as the block's weights.
func (e *graphEngine) upload(x []float32, dims ...int) (*tensors.Tensor, error) {
	t, err := e.tensorOf(x, dims...)
	if err == nil {
		e.small = append(e.small, t)
	}
	return t, err
}

// unload drops the weights of a block but for the places of its matrices.
func (e *graphEngine) unload() {
	free(e.small...)
	e.layer, e.small, e.inputs, e.forms = nil, nil, nil, nil
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
	x, err := e.tensorOf(it.of(b.wave.x, d), it.tokens, d)
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
		err = errors.Join(err, reading(out[i], func(flat []float32) error {
			copy(it.of(b.wave.at(site), d), flat)
			return nil
		}))
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
		table, err := e.tensorOf(flat, t, e.config.HeadDim/2)
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
	for _, t := range e.places {
		free(t)
	}
	e.backend.Finalize()
}

// tensor makes a float32 tensor of zeros.
func (e *graphEngine) tensor(dims ...int) (*tensors.Tensor, error) {
	t, err := tensors.FromShapeForBackend(e.backend, 0, shapes.Make(dtypes.Float32, dims...))
	if err != nil {
		return nil, fmt.Errorf("a tensor of shape %v: %w", dims, err)
	}
	return t, nil
}

// tensorOf makes a float32 tensor with the values of flat.
func (e *graphEngine) tensorOf(flat []float32, dims ...int) (*tensors.Tensor, error) {
	t, err := e.tensor(dims...)
	if err != nil {
		return nil, err
	}
	return t, writing(t, func(dst []float32) error { copy(dst, flat); return nil })
}

// free gives tensors back to the backend.
func free(ts ...*tensors.Tensor) {
	for _, t := range ts {
		t.FinalizeAll() //nolint:errcheck // a tensor that is already gone is what is wanted
	}
}

// reading lends the values of a float32 tensor.
func reading(t *tensors.Tensor, use func([]float32) error) error {
	var err error
	if e := tensors.ConstFlatData(t, func(flat []float32) { err = use(flat) }); e != nil {
		return e
	}
	return err
}

// writing lends the values of a float32 tensor of graphEngine.tensor to be
// changed. On a tensor that a graph has returned it would cost two copies.
func writing(t *tensors.Tensor, use func([]float32) error) error {
	var err error
	if e := tensors.MutableFlatData(t, func(flat []float32) { err = use(flat) }); e != nil {
		return e
	}
	return err
}
