package extract

import (
	"fmt"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
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
	sites   []Site      // besides Resid, in the order Attn, MLP
	finish  *graph.Exec // the final norm
	loss    *graph.Exec // a chunk of the head

	mu     sync.Mutex // guards what follows: blocks run on several goroutines
	blocks map[blockShape]*graph.Exec
	tables map[int][2]*tensors.Tensor // RoPE cosines and sines by prompt length
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
	// Operations one after another, each on all cores: the default runs a chain of products on one core.
	backend, err := gobackend.New("ops_sequential")
	if err != nil {
		return nil, err
	}
	e := &engine{backend: backend, config: c, bf16: opts.BF16,
		blocks: map[blockShape]*graph.Exec{}, tables: map[int][2]*tensors.Tensor{}}
	for _, site := range []Site{Attn, MLP} {
		for _, asked := range opts.Sites {
			if asked == site {
				e.sites = append(e.sites, site)
				break
			}
		}
	}
	if e.finish, err = graph.NewExec(backend, func(x, gain *graph.Node) *graph.Node {
		return rmsNorm(x, gain, c.RMSNormEps)
	}); err != nil {
		return nil, err
	}
	if e.loss, err = graph.NewExec(backend, func(x, head, targets *graph.Node) []*graph.Node {
		if e.bf16 {
			x = roundBF16(x)
		}
		return lossParts(x, head, targets)
	}); err != nil {
		return nil, err
	}
	e.finish.SetMaxCache(-1) // one compilation for each prompt length, however many
	e.loss.SetMaxCache(-1)
	return e, nil
}

// runBlock runs one block on x (T, D) and returns the residual stream after
// it, then the sites asked for, all (T, D).
func (e *engine) runBlock(x *tensors.Tensor, w *slots, u updates) ([]*tensors.Tensor, error) {
	t := x.Shape().Dimensions[0]
	tables, err := e.rope(t)
	if err != nil {
		return nil, err
	}
	exec, err := e.blockExec(u.shape())
	if err != nil {
		return nil, err
	}
	args := []any{x, tables[0], tables[1], w.attnNorm.tensor, w.mlpNorm.tensor}
	for i, s := range w.projections {
		args = append(args, s.weight.tensor)
		if s.bias != nil {
			args = append(args, s.bias.tensor)
		}
		for _, t := range u[i].tensors() {
			args = append(args, t)
		}
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
func (e *engine) rope(t int) ([2]*tensors.Tensor, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if tables, ok := e.tables[t]; ok {
		return tables, nil
	}
	cos, sin := ropeTables(e.config.Rope, e.config.HeadDim, t)
	var tables [2]*tensors.Tensor
	for i, flat := range [][]float32{cos, sin} {
		table, err := e.tensorOf(flat, t, e.config.HeadDim/2)
		if err != nil {
			return tables, err
		}
		tables[i] = table
	}
	e.tables[t] = tables
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
	e.finish.Finalize()
	e.loss.Finalize()
	for _, t := range e.tables {
		free(t[:])
	}
	e.backend.Finalize()
}
