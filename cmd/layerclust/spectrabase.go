package main

import (
	"context"
	"runtime/debug"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// dense finds what is of the base's weights: the maps of attention with each
// adapter and without, and where updates lie.
type dense struct {
	*spectraJob
	flags   *spectraFlags
	solver  spectra.Solver
	weights *spectraWeights
	cache   *spectraCache
}

// denseTask is one piece of that work: something of one layer, for the variants
// that have weights of their own there.
type denseTask struct {
	layer    int
	what     string            // v, ov, qk ...
	module   string            // or "", of attention as a whole
	variants []*loader.Adapter // nil is the base
	reads    []string          // modules whose weights decide the result
	norms    []loader.Norm     // and norms, where gains are folded
	options  []any             // and what else does
	memory   int64             // bytes that it needs
	work     float64           // how long it takes beside others
	// compute hands the values of each of some variants to found.
	compute func(variants []*loader.Adapter, found func(*loader.Adapter, []spectra.Value)) error
}

// base adds what is of the base's weights.
func (f *spectraFlags) base(ctx context.Context, job *spectraJob) error {
	if job.model == nil {
		return nil
	}
	d := &dense{spectraJob: job, flags: f, weights: &spectraWeights{model: job.model}, cache: openSpectraCache(f.fresh)}
	if err := d.openSolver(); err != nil {
		return err
	}
	// What is garbage is then collected before the limit is passed.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(ownMemory + denseMemory))
	values, err := d.run(ctx, d.tasks())
	d.cache.close()
	if err != nil {
		return err
	}
	job.result.Values = append(job.result.Values, values...)
	d.describeDense()
	return nil
}

func (d *dense) openSolver() error {
	solver, warning, err := openSolver(d.flags.lapack)
	if err != nil {
		return err
	}
	if warning != "" {
		d.warn("dense matrices by gonum, which is slower: %s", warning)
	}
	d.solver, d.info.Provider = solver, solver.Name()
	return nil
}

// tasks lists everything, layer by layer.
func (d *dense) tasks() []*denseTask {
	var list []*denseTask
	for _, layer := range d.blocks.indices() {
		if d.flags.wants("lora") {
			list = append(list, d.places(layer)...)
		}
		for _, task := range []struct {
			group string
			of    func(layer int) *denseTask
		}{{"v", d.v}, {"ov", d.ov}, {"qk", d.qk}, {"qk_layer", d.qkLayer}} {
			if d.flags.wants(task.group) {
				t := task.of(layer)
				list = append(list, d.apart(t)...)
			}
		}
		if d.flags.wants("intruders") {
			list = append(list, d.intruders(layer)...)
		}
	}
	return list
}

// apart makes a task for each variant: the base, and every adapter that changes
// something that decides the result.
func (d *dense) apart(t *denseTask) []*denseTask {
	list := []*denseTask{}
	for _, a := range append([]*loader.Adapter{nil}, d.adapters...) {
		changes := a == nil
		for _, module := range t.reads {
			changes = changes || d.weights.changed(a, t.layer, module)
		}
		for _, norm := range t.norms {
			changes = changes || d.weights.changesNorm(a, t.layer, norm)
		}
		if changes {
			one := *t
			one.variants = []*loader.Adapter{a}
			list = append(list, &one)
		}
	}
	return list
}

// each makes compute of what is found for one variant.
func each(of func(a *loader.Adapter) ([]spectra.Value, error)) func([]*loader.Adapter, func(*loader.Adapter, []spectra.Value)) error {
	return func(variants []*loader.Adapter, found func(*loader.Adapter, []spectra.Value)) error {
		for _, a := range variants {
			values, err := of(a)
			if err != nil {
				return err
			}
			found(a, values)
		}
		return nil
	}
}

// changers are the adapters that change a module.
func (d *dense) changers(layer int, module string) []*loader.Adapter {
	var list []*loader.Adapter
	for _, a := range d.adapters {
		if d.weights.changed(a, layer, module) {
			list = append(list, a)
		}
	}
	return list
}

// key is a digest of everything that decides what a task finds for a variant.
func (d *dense) key(t *denseTask, a *loader.Adapter) (string, error) {
	parts := []any{d.cache.program, t.what, t.module, d.solver.Name(), t.options, d.flags.normGain}
	for _, module := range t.reads {
		content, err := d.weights.content(a, t.layer, module)
		if err != nil {
			return "", err
		}
		parts = append(parts, content)
	}
	for _, norm := range t.norms {
		gain, err := d.weights.gain(a, t.layer, norm)
		if err != nil {
			return "", err
		}
		parts = append(parts, gain)
	}
	if t.what == "qk" && a != nil {
		parts = append(parts, a.ModelConfig(d.model.Config).Rope)
	}
	return digest(parts), nil
}

// size is the bytes of a weight in float64.
func (d *dense) size(module string) int64 {
	out, in := d.model.Config.ProjectionShape(module)
	return 8 * int64(out) * int64(in)
}

// decomposition is what one of a weight takes, in operations, times a factor.
func (d *dense) decomposition(factor float64, module string) float64 {
	out, in := d.model.Config.ProjectionShape(module)
	return cubes(factor, out, in)
}

// cubes is factor times the larger side times the square of the smaller: what a
// decomposition takes, in operations.
func cubes(factor float64, out, in int) float64 {
	k := float64(min(out, in))
	return factor * float64(max(out, in)) * k * k
}
