package extract

import (
	"context"
	"fmt"

	"github.com/layerclust/layerclust/loader"
)

// Run takes every prompt through the layers of m, as the base and with each
// adapter, and gives each state to sink in the order layer, prompt, variant.
// It holds some rows of a weight and the current states, nothing else.
//
// Errors name the layer and, where a weight is at fault, the tensor. A
// cancelled ctx ends the run with ctx.Err().
func Run(ctx context.Context, m *loader.Model, adapters []*loader.Adapter, prompts []Prompt, opts Options, sink Sink) (*Trace, error) {
	r, err := newRun(ctx, m, adapters, prompts, opts, sink)
	if err != nil {
		return nil, err
	}
	defer r.close()
	first, err := r.begin()
	if err != nil {
		return nil, err
	}
	for b := first; b < r.depth; b++ {
		err := r.block(b)
		if err == nil {
			err = r.turn()
		}
		if err != nil {
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
	sites    []Site // besides Resid, in the order Attn, MLP
	sink     Sink
	engine   engine
	layers   int    // blocks in all, repeats counted
	depth    int    // blocks to run
	states   *store // by slot, each (T, D); not set where a variant still has the base's
	plan     Plan
	wave     wave
	entry    []float32          // the base's state of the current prompt before the block, for variants that leave it there
	shared   map[Site][]float32 // the base's states of the current prompt after the block, for variants that share them
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
	r := &run{ctx: ctx, model: m, variants: variants, prompts: prompts, opts: opts, sites: opts.sites(), sink: sink,
		engine: e, layers: layers, depth: depth, shared: map[Site][]float32{}}
	r.plan = newPlan(e, m.Config, len(variants), prompts, opts)
	r.wave.d = m.Config.HiddenSize
	r.progress = Progress{Layers: depth, Total: r.tokens() * int64(depth)}
	return r, nil
}

// sites are those asked for besides Resid, in the order of a block.
func (o Options) sites() []Site {
	var list []Site
	for _, site := range []Site{Attn, MLP} {
		for _, asked := range o.Sites {
			if asked == site {
				list = append(list, site)
				break
			}
		}
	}
	return list
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

// slot is where the states of a prompt under a variant lie.
func (r *run) slot(prompt, variant int) int { return prompt*len(r.variants) + variant }

// block runs block b for every prompt and variant.
func (r *run) block(b int) error {
	base, err := readBlock(r.model, b%r.model.Config.NumLayers)
	if err != nil {
		return err
	}
	job := &block{layer: base.layer, variants: r.variants}
	if job.weights, err = r.prepare(b, base); err != nil {
		return err
	}
	if b+1 < r.depth {
		r.prefetch(b + 1)
	}
	return r.waves(func(w *wave) error {
		job.wave = w
		if err := r.engine.block(r.ctx, job); err != nil {
			return err
		}
		if err := r.emitBlock(b, w, job.weights, base.path); err != nil {
			return err
		}
		return r.keep(w)
	})
}

// prefetch asks for the weights of block b to be in memory soon.
func (r *run) prefetch(b int) {
	if next, err := readBlock(r.model, b%r.model.Config.NumLayers); err == nil { // an error comes again when it is read
		next.prefetch()
	}
}

// prepare makes the weights of every variant ready for block b, and notes which
// variants leave the base here.
func (r *run) prepare(b int, base *baseBlock) ([]*blockWeights, error) {
	all := make([]*blockWeights, len(r.variants))
	for i, v := range r.variants {
		o, err := newOverlay(r.engine, v, base)
		if err != nil {
			return all, fmt.Errorf("adapter %s: %w", v.name, err)
		}
		all[i] = &o.weights
		if b < r.model.Config.NumLayers { // a repeated block is the same module again
			v.norms.add(o.norms)
		}
		v.changed = v.changed || o.differs
	}
	return all, nil
}

// waves gathers prompts and variants whose states are their own, in order, and
// calls use for each wave of them.
func (r *run) waves(use func(*wave) error) error {
	w := &r.wave
	w.reset()
	flush := func() error {
		if len(w.items) == 0 {
			return nil
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		w.allocate(r.sites)
		err := r.load(w)
		if err == nil {
			err = use(w)
		}
		w.reset()
		return err
	}
	for p, prompt := range r.prompts {
		base := -1 // the base's item, while it is in the wave
		for i, v := range r.variants {
			if i > 0 && !v.changed {
				continue
			}
			it := item{prompt: p, variant: i, tokens: len(prompt.IDs), twin: -1}
			if w.rows > 0 && w.rows+it.padded() > r.plan.Rows {
				if err := flush(); err != nil {
					return err
				}
				base = -1
			}
			if i == 0 {
				base = len(w.items)
			} else if !r.states.has(r.slot(p, i)) {
				it.twin = base
			}
			w.add(it)
		}
	}
	return flush()
}

// load fills a wave with the states of its items.
func (r *run) load(w *wave) error {
	for _, it := range w.items {
		x := it.of(w.x, w.d)
		slot := r.slot(it.prompt, it.variant)
		if !r.states.has(slot) { // it leaves the base here
			copy(x, r.entry)
			continue
		}
		if err := r.states.read(slot, x); err != nil {
			return err
		}
		if it.variant == 0 {
			r.entry = append(r.entry[:0], x...)
		}
	}
	return nil
}

// keep stores the states of a wave until the next block.
func (r *run) keep(w *wave) error {
	for _, it := range w.items {
		if err := r.states.write(r.slot(it.prompt, it.variant), it.of(w.x, w.d)); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) close() {
	if r.states != nil {
		r.states.close()
	}
	r.engine.close()
}
