package extract

import (
	"fmt"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// engine holds the compiled graphs and runs them.
type engine struct {
	backend compute.Backend
	config  loader.Config
	bf16    bool
	sites   []Site                  // besides Resid, in the order Attn, MLP
	finish  map[float64]*graph.Exec // the final norm by its epsilon
	loss    *graph.Exec             // a chunk of the head

	mu     sync.Mutex // guards what follows: blocks run on several goroutines
	blocks map[blockShape]*graph.Exec
	tables map[ropeKey][2]*tensors.Tensor // RoPE cosines and sines
}

// ropeKey is what rotary tables depend on beside the head's size.
type ropeKey struct {
	rope   loader.Rope
	tokens int
}

// Provider names the engine for run.json. Without SIMD the Go backend still
// gives the same results, 9 to 40 times slower.
func Provider() string {
	if simd {
		return "gomlx go backend, f32, simd"
	}
	return "gomlx go backend, f32, no simd"
}

// SIMD says whether the binary was built with vector instructions.
func SIMD() bool { return simd }

func newEngine(c loader.Config, opts Options) (*engine, error) {
	backend, err := newBackend(opts.Backend)
	if err != nil {
		return nil, err
	}
	e := &engine{backend: backend, config: c, bf16: opts.BF16, blocks: map[blockShape]*graph.Exec{},
		tables: map[ropeKey][2]*tensors.Tensor{}, finish: map[float64]*graph.Exec{}}
	for _, site := range []Site{Attn, MLP} {
		for _, asked := range opts.Sites {
			if asked == site {
				e.sites = append(e.sites, site)
				break
			}
		}
	}
	if e.loss, err = graph.NewExec(backend, e.lossGraph); err != nil {
		return nil, err
	}
	e.loss.SetMaxCache(-1) // one compilation for each prompt length, however many
	return e, nil
}

// lossGraph is lossParts of x, a chunk of the head, targets and, where there is
// one, the head's bias.
func (e *engine) lossGraph(nodes []*graph.Node) []*graph.Node {
	x := nodes[0]
	if e.bf16 {
		x = roundBF16(x)
	}
	var bias *graph.Node
	if len(nodes) > 3 {
		bias = nodes[3]
	}
	return lossParts(x, nodes[1], nodes[2], bias)
}

// finalNorm applies the norm after the last block to x (T, D).
func (e *engine) finalNorm(x, gain *tensors.Tensor, eps float64) (*tensors.Tensor, error) {
	exec, ok := e.finish[eps]
	if !ok {
		var err error
		if exec, err = graph.NewExec(e.backend, func(x, gain *graph.Node) *graph.Node { return rmsNorm(x, gain, eps) }); err != nil {
			return nil, err
		}
		exec.SetMaxCache(-1)
		e.finish[eps] = exec
	}
	out, err := exec.Call(x, gain)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// runBlock runs block layer on x (T, D) with a variant's weights, and returns
// the residual stream after it, then the sites asked for, all (T, D).
func (e *engine) runBlock(x *tensors.Tensor, w *blockWeights, c loader.Config, layer int) ([]*tensors.Tensor, error) {
	t := x.Shape().Dimensions[0]
	tables, err := e.rope(c.Rope, t)
	if err != nil {
		return nil, err
	}
	shape := blockShape{forms: w.forms(), eps: c.RMSNormEps}
	if window := c.Window(layer); window < t {
		shape.window = window
	}
	exec, err := e.blockExec(shape)
	if err != nil {
		return nil, err
	}
	args := []any{x, tables[0], tables[1]}
	for _, t := range w.inputs() {
		args = append(args, t)
	}
	return exec.Call(args...)
}

// blockExec gives the compiled block of a shape.
func (e *engine) blockExec(shape blockShape) (*graph.Exec, error) {
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
func (e *engine) blockGraph(shape blockShape) func([]*graph.Node) []*graph.Node {
	return func(nodes []*graph.Node) []*graph.Node {
		out, attn, mlp := block{config: e.config, shape: shape, bf16: e.bf16}.build(nodes)
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
func (e *engine) rope(r loader.Rope, t int) ([2]*tensors.Tensor, error) {
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

// tensor makes a float32 tensor of zeros.
func (e *engine) tensor(dims ...int) (*tensors.Tensor, error) {
	t, err := tensors.FromShapeForBackend(e.backend, 0, shapes.Make(dtypes.Float32, dims...))
	if err != nil {
		return nil, fmt.Errorf("a tensor of shape %v: %w", dims, err)
	}
	return t, nil
}

// tensorOf makes a float32 tensor with the values of flat.
func (e *engine) tensorOf(flat []float32, dims ...int) (*tensors.Tensor, error) {
	t, err := e.tensor(dims...)
	if err != nil {
		return nil, err
	}
	return t, writing(t, func(dst []float32) error { copy(dst, flat); return nil })
}

func (e *engine) close() {
	for _, x := range e.blocks {
		x.Finalize()
	}
	for _, x := range e.finish {
		x.Finalize()
	}
	e.loss.Finalize()
	for _, t := range e.tables {
		free(t[:])
	}
	e.backend.Finalize()
}
