package extract

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// Run takes every prompt through the layers of m, as the base and with each
// adapter, and gives each state to sink in the order layer, prompt, variant.
// It holds the weights of one block and the current states, nothing else.
//
// Errors name the layer and, where a weight is at fault, the tensor. A
// cancelled ctx ends the run between two blocks' runs with ctx.Err().
func Run(ctx context.Context, m *loader.Model, adapters []*loader.Adapter, prompts []Prompt, opts Options, sink Sink) (*Trace, error) {
	r, err := newRun(ctx, m, adapters, prompts, opts, sink)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.embed(); err != nil {
		return nil, err
	}
	for b := range r.depth {
		if err := r.block(b); err != nil {
			return nil, fmt.Errorf("layer %d: %w", b, err)
		}
	}
	trace := &Trace{Layers: r.layers}
	if r.depth == r.layers {
		if trace.Loss, err = r.head(); err != nil {
			return nil, fmt.Errorf("after the last layer: %w", err)
		}
	}
	trace.Applied = r.applied()
	return trace, nil
}

// run is the state of one Run.
type run struct {
	ctx      context.Context
	model    *loader.Model
	variants []*variant // the base first
	prompts  []Prompt
	opts     Options
	sink     Sink
	engine   *engine
	workers  int // graphs that run at a time
	weights  *slots
	layers   int                 // blocks in all, repeats counted
	depth    int                 // blocks to run
	resid    [][]*tensors.Tensor // (prompts, variants) each (T, D); a variant that is still the base has the base's tensor itself
	progress Progress
}

func newRun(ctx context.Context, m *loader.Model, adapters []*loader.Adapter, prompts []Prompt, opts Options, sink Sink) (*run, error) {
	layers := m.Config.NumLayers * max(1, opts.RepeatDepth)
	depth := layers
	if opts.LastLayer >= 0 && opts.LastLayer < layers {
		depth = opts.LastLayer
	}
	variants := newVariants(m, adapters)
	for _, p := range prompts {
		for _, v := range variants {
			if err := checkIDs(p, v); err != nil {
				return nil, err
			}
		}
	}
	e, err := newEngine(m.Config, opts)
	if err != nil {
		return nil, err
	}
	w, err := newSlots(e, m)
	if err != nil {
		return nil, err
	}
	r := &run{ctx: ctx, model: m, variants: variants, prompts: prompts, opts: opts, sink: sink,
		engine: e, workers: runtime.GOMAXPROCS(0), weights: w, layers: layers, depth: depth,
		resid: make([][]*tensors.Tensor, len(prompts))}
	r.progress = Progress{Layers: depth, Total: r.tokens() * int64(depth)}
	return r, nil
}

// checkIDs refuses an empty prompt and ids that a variant's embedding does not
// have.
func checkIDs(p Prompt, v *variant) error {
	if len(p.IDs) == 0 {
		return loader.InputErrorf("prompt %q is empty", p.ID)
	}
	for i, id := range p.IDs {
		if id < 0 || int(id) >= v.config.VocabSize {
			return loader.InputErrorf("prompt %q: token %d has id %d, outside the vocabulary of %d (%s)", p.ID, i, id, v.config.VocabSize, v.name)
		}
	}
	return nil
}

// tokens counts the tokens of one block over all prompts and variants.
func (r *run) tokens() int64 {
	n := 0
	for _, p := range r.prompts {
		n += len(p.IDs)
	}
	return int64(n * len(r.variants))
}

// block runs block b for every prompt and variant.
func (r *run) block(b int) error {
	source := b % r.model.Config.NumLayers
	if err := r.weights.fill(source); err != nil {
		return err
	}
	overlays, err := r.prepare(b)
	defer func() {
		for _, o := range overlays {
			free(o.temporary)
		}
	}()
	if err != nil {
		return err
	}
	tasks := r.tasks()
	next := make([]*tensors.Tensor, len(r.variants)) // of the prompt being consumed
	var shared []*tensors.Tensor                     // the base's outputs, which unchanged variants share
	return inOrder(len(tasks), r.workers,
		func(i int) ([]*tensors.Tensor, error) {
			t := tasks[i]
			if err := r.ctx.Err(); err != nil {
				return nil, err
			}
			return r.engine.runBlock(r.resid[t.prompt][t.variant], &overlays[t.variant].weights, r.variants[t.variant].config, source)
		},
		func(i int, out []*tensors.Tensor) error {
			t := tasks[i]
			if t.variant == 0 {
				shared = out
			}
			err := r.emitTask(b, t, out, shared, next)
			if t.variant > 0 {
				free(out[1:])
			}
			if err != nil || !t.last {
				return err
			}
			free(shared[1:])
			freeDistinct(r.resid[t.prompt])
			copy(r.resid[t.prompt], next)
			r.told(b, t.prompt)
			return nil
		}, free)
}

// task is one prompt under one variant whose states are its own.
type task struct {
	prompt, variant int
	until           int  // the variants after it up to this one share the base's states
	last            bool // of its prompt
}

// tasks lists what has to be computed for a block, in the order of emission.
func (r *run) tasks() []task {
	var list []task
	for p := range r.prompts {
		for i, v := range r.variants {
			if i == 0 || v.changed {
				list = append(list, task{prompt: p, variant: i})
			}
			list[len(list)-1].until = i + 1
		}
		list[len(list)-1].last = true
	}
	return list
}

// emitTask gives out a task's states, then the base's again for the variants
// that share them, and notes the residual stream of each in next.
func (r *run) emitTask(b int, t task, out, shared, next []*tensors.Tensor) error {
	next[t.variant] = out[0]
	if err := r.emitBlock(b, t.prompt, t.variant, out); err != nil {
		return err
	}
	for v := t.variant + 1; v < t.until; v++ {
		next[v] = shared[0]
		if err := r.emitBlock(b, t.prompt, v, shared); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the weights of every variant ready for block b, and notes which
// variants leave the base here.
func (r *run) prepare(b int) ([]*overlay, error) {
	var all []*overlay
	for _, v := range r.variants {
		o, err := r.engine.overlay(v, r.weights)
		all = append(all, o)
		if err != nil {
			return all, fmt.Errorf("adapter %s: %w", v.name, err)
		}
		if b < r.model.Config.NumLayers { // a repeated block is the same module again
			v.norms.add(o.norms)
		}
		v.changed = v.changed || o.differs
	}
	return all, nil
}

// emitBlock gives out the states of block b: attention and MLP where asked
// for, then the residual stream after the block.
func (r *run) emitBlock(b, p, v int, out []*tensors.Tensor) error {
	for i, site := range r.engine.sites {
		if err := r.emit(States{Layer: b, Site: site, Variant: v, Prompt: p}, out[1+i]); err != nil {
			return err
		}
	}
	return r.emit(States{Layer: b + 1, Raw: b+1 == r.layers, Site: Resid, Variant: v, Prompt: p}, out[0])
}

// emit gives one state to the sink, after making sure that it is finite.
func (r *run) emit(s States, x *tensors.Tensor) error {
	s.T, s.D = len(r.prompts[s.Prompt].IDs), r.model.Config.HiddenSize
	return reading(x, func(flat []float32) error {
		if t := firstNotFinite(flat, s.D); t >= 0 {
			return r.blame(s, t)
		}
		s.X = flat
		return r.sink(s)
	})
}

// blame finds the tensor behind a state that is not finite at token t.
func (r *run) blame(s States, t int) error {
	where := fmt.Sprintf("prompt %q, %s: the %s state of token %d is not finite", r.prompts[s.Prompt].ID, r.variants[s.Variant].name, s.Site, t)
	if name := r.weights.notFinite(); name != "" {
		return loader.InputErrorf("%s: tensor %s holds NaN or Inf", where, name)
	}
	if s.Layer == 0 {
		return loader.InputErrorf("%s: tensor %s holds NaN or Inf in row %d", where, loader.EmbedTensor, r.prompts[s.Prompt].IDs[t])
	}
	return fmt.Errorf("%s: it overflows float32", where)
}

// firstNotFinite is the first row of x (T, d) that holds NaN or Inf, or -1.
func firstNotFinite(x []float32, d int) int {
	for t := 0; t < len(x)/d; t++ {
		var bad float32 // 0 * v is 0 for every finite v and NaN for the others
		for _, v := range x[t*d : (t+1)*d] {
			bad += 0 * v
		}
		if bad != 0 {
			return t
		}
	}
	return -1
}

func (r *run) told(b, p int) {
	if r.opts.Progress == nil {
		return
	}
	n := int64(len(r.prompts[p].IDs) * len(r.variants))
	r.progress.Layer = b
	if p == len(r.prompts)-1 {
		r.progress.Layer = b + 1
	}
	r.progress.Done += n
	r.progress.Tokens += n
	r.opts.Progress(r.progress)
}

// applied sums up what each adapter changed.
func (r *run) applied() []Applied {
	out := make([]Applied, len(r.variants)-1)
	for i := range out {
		out[i] = r.variants[i+1].norms.applied()
	}
	return out
}

func (r *run) close() {
	for _, states := range r.resid {
		freeDistinct(states)
	}
	for _, v := range r.variants {
		for _, t := range v.places {
			free([]*tensors.Tensor{t})
		}
	}
	r.weights.free()
	r.engine.close()
}

// free gives tensors back to the backend.
func free(ts []*tensors.Tensor) {
	for _, t := range ts {
		t.FinalizeAll() //nolint:errcheck // a tensor that is already gone is what is wanted
	}
}

// freeDistinct frees tensors of which some may be the same.
func freeDistinct(ts []*tensors.Tensor) {
	for i, t := range ts {
		if t != nil && !slices.Contains(ts[:i], t) {
			free([]*tensors.Tensor{t})
		}
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

// writing lends the values of a float32 tensor of engine.tensor to be changed.
// On a tensor that a graph has returned it would cost two copies.
func writing(t *tensors.Tensor, use func([]float32) error) error {
	var err error
	if e := tensors.MutableFlatData(t, func(flat []float32) { err = use(flat) }); e != nil {
		return e
	}
	return err
}
