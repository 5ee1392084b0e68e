package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// places say how large the updates of each module are beside its weight.
func (d *dense) places(layer int) []*denseTask {
	var list []*denseTask
	for _, module := range loader.Projections() {
		variants := d.changers(layer, module)
		if len(variants) == 0 {
			continue
		}
		out, in := d.model.Config.ProjectionShape(module)
		t := &denseTask{layer: layer, what: "place", module: module, variants: variants, reads: []string{module}, options: []any{d.flags.top},
			memory: 3 * d.size(module), work: float64(out) * float64(in) * 100 * float64(len(variants))}
		t.compute = func(variants []*loader.Adapter, found func(*loader.Adapter, []spectra.Value)) error {
			return d.place(t, variants, found)
		}
		list = append(list, t)
	}
	return list
}

func (d *dense) place(t *denseTask, variants []*loader.Adapter, found func(*loader.Adapter, []spectra.Value)) error {
	w, err := d.weights.base(t.layer, t.module)
	if err != nil {
		return err
	}
	placing, err := spectra.NewPlacing(d.solver, w)
	if err != nil {
		return err
	}
	return each(func(a *loader.Adapter) ([]spectra.Value, error) {
		c, err := d.weights.change(a, t.layer, t.module, w)
		if err != nil {
			return nil, err
		}
		return placing.Place(lastName(t.module), c, d.flags.top)
	})(variants, found)
}

// intruders look for what an update adds to the singular basis of each module
// that has one. The decomposition of the base's weight is kept.
func (d *dense) intruders(layer int) []*denseTask {
	var list []*denseTask
	for _, module := range loader.Projections() {
		variants := d.changers(layer, module)
		if len(variants) == 0 {
			continue
		}
		t := &denseTask{layer: layer, what: "intruders", module: module, variants: append([]*loader.Adapter{nil}, variants...), reads: []string{module},
			options: []any{d.flags.thresholds}, memory: 6 * d.size(module), work: d.decomposition(60, module)}
		t.compute = func(variants []*loader.Adapter, found func(*loader.Adapter, []spectra.Value)) error {
			return d.intrude(t, variants, found)
		}
		list = append(list, t)
	}
	return list
}

func (d *dense) intrude(t *denseTask, variants []*loader.Adapter, found func(*loader.Adapter, []spectra.Value)) error {
	basis, err := d.basis(t.layer, t.module)
	if err != nil {
		return err
	}
	name := lastName(t.module)
	return each(func(a *loader.Adapter) ([]spectra.Value, error) {
		if a == nil {
			return basis.Leading(name), nil
		}
		w, err := d.weights.base(t.layer, t.module)
		if err != nil {
			return nil, err
		}
		c, err := d.weights.change(a, t.layer, t.module, w)
		if err != nil {
			return nil, err
		}
		c.AddTo(w)
		return spectra.Intruders(d.solver, name, basis, w, c, d.flags.thresholds)
	})(variants, found)
}

// basis is the decomposition of a weight of the base, from the cache where it is
// there.
func (d *dense) basis(layer int, module string) (*spectra.Basis, error) {
	content, err := d.weights.content(nil, layer, module)
	if err != nil {
		return nil, err
	}
	key := digest([]any{"svd", d.solver.Name(), module, content})
	out, in := d.model.Config.ProjectionShape(module)
	if b, ok := d.cache.basis(key, out, in); ok {
		return b, nil
	}
	w, err := d.weights.base(layer, module)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	b, err := spectra.NewBasis(d.solver, w)
	if err != nil {
		return nil, fmt.Errorf("singular value decomposition: %w", err)
	}
	if worthKeeping(began) {
		d.cache.putBasis(key, b)
	}
	return b, nil
}

// lastName is q_proj of self_attn.q_proj.
func lastName(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }
