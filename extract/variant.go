package extract

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// variant is the base, or the base with an adapter.
type variant struct {
	name    string
	adapter *loader.Adapter // nil for the base
	config  loader.Config   // what it is run with
	changed bool            // whether its states may differ from the base's by now
	norms   changeNorms

	// places hold the tensors that it has instead of the base's, allocated once
	// like the base's own slots and filled again for every block.
	places map[string]*tensors.Tensor
}

func newVariants(m *loader.Model, adapters []*loader.Adapter) []*variant {
	all := []*variant{{name: "base", config: m.Config}}
	for _, a := range adapters {
		all = append(all, &variant{name: a.Name, adapter: a, config: a.ModelConfig(m.Config), places: map[string]*tensors.Tensor{}})
	}
	return all
}

// changeNorms sums squared Frobenius norms over modules.
type changeNorms struct {
	modules        int
	change, weight float64 // Σ|W'-W|², Σ|W|²
	max            float64 // largest |W'-W| / |W| of a module
}

// add adds the norms of other modules.
func (n *changeNorms) add(m changeNorms) {
	n.modules += m.modules
	n.change += m.change
	n.weight += m.weight
	n.max = max(n.max, m.max)
}

// asModule makes one module of the norms of its parameters.
func (n changeNorms) asModule() changeNorms {
	n.modules, n.max = 1, 0
	if n.weight > 0 {
		n.max = math.Sqrt(n.change / n.weight)
	}
	return n
}

func (n changeNorms) applied() Applied {
	a := Applied{Modules: n.modules, RelativeMax: n.max}
	if n.weight > 0 {
		a.RelativeNorm = math.Sqrt(n.change / n.weight)
	}
	return a
}

// overlay is a variant's weights of one block while they are put together.
type overlay struct {
	*variant
	engine    *engine
	base      *slots
	weights   blockWeights
	differs   bool              // whether it has a tensor that is not the base's
	temporary []*tensors.Tensor // to be freed after the block
	norms     changeNorms       // of this block
}

// overlay puts what the variant brings over the base's weights of a block.
func (e *engine) overlay(v *variant, base *slots) (*overlay, error) {
	o := &overlay{variant: v, engine: e, base: base, weights: base.weights}
	if v.adapter == nil {
		return o, nil
	}
	o.weights.norms = nil
	for i, norm := range v.config.Norms() {
		t, change, err := o.whole(norm.Module+".weight", base.weights.norms[i])
		if err != nil {
			return o, err
		}
		o.weights.norms = append(o.weights.norms, t)
		if change != nil {
			o.norms.add(change.asModule())
		}
	}
	for i, name := range projections {
		if err := o.projection(name, &o.weights.projections[i]); err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
	}
	return o, nil
}

// projection replaces and updates one linear map.
func (o *overlay) projection(name string, p *projection) error {
	var total changeNorms
	touched := false
	base := p.weight
	lora := o.adapter.Modules[o.path(name)]
	for _, step := range []func() (*changeNorms, error){
		func() (c *changeNorms, err error) {
			p.weight, c, err = o.whole(name+".weight", base)
			return c, err
		},
		func() (c *changeNorms, err error) {
			p.bias, c, err = o.biased(name+".bias", p.bias, lora)
			return c, err
		},
		func() (*changeNorms, error) { return o.updated(p, lora) },
	} {
		change, err := step()
		if err != nil {
			return err
		}
		if change != nil {
			touched = true
			total.add(*change)
		}
	}
	if touched {
		o.norms.add(total.asModule())
	}
	return nil
}

// path is a module's or a tensor's name in the model.
func (o *overlay) path(name string) string { return o.base.model.ModulePath(o.base.layer, name) }

// whole is the tensor that the adapter has in the place of base, moved along the
// line, and how far it is; base itself and nil where it has none.
func (o *overlay) whole(name string, base *tensors.Tensor) (*tensors.Tensor, *changeNorms, error) {
	if !o.adapter.Replaces(o.path(name)) {
		return base, nil, nil
	}
	return o.place(name, base, base.Shape().Dimensions, func(dst []float32) error { return o.adapter.ReadFloat32(o.path(name), dst) })
}

// biased is whole for a bias, which the LoRA may have one of its own to add to;
// base is nil where the model has none.
func (o *overlay) biased(name string, base *tensors.Tensor, lora *loader.LoRA) (*tensors.Tensor, *changeNorms, error) {
	if lora == nil || lora.Bias == nil {
		if base == nil {
			return nil, nil, nil
		}
		return o.whole(name, base)
	}
	return o.place(name, base, []int{lora.Out}, func(dst []float32) error {
		if o.adapter.Replaces(o.path(name)) {
			if err := o.adapter.ReadFloat32(o.path(name), dst); err != nil {
				return err
			}
		}
		for i, b := range lora.Bias {
			dst[i] += float32(lora.Scale * float64(b))
		}
		return nil
	})
}

// place lets read change a copy of base (zeros where it is nil) into the
// adapter's tensor, and moves it along the line. At scale 0 the base stays.
func (o *overlay) place(name string, base *tensors.Tensor, dims []int, read func(dst []float32) error) (*tensors.Tensor, *changeNorms, error) {
	if o.adapter.Scale == 0 {
		return base, &changeNorms{}, nil
	}
	t, ok := o.places[name]
	if !ok {
		var err error
		if t, err = o.engine.tensor(dims...); err != nil {
			return nil, nil, err
		}
		o.places[name] = t
	}
	o.differs = true
	var change changeNorms
	err := writing(t, func(dst []float32) error {
		return withBase(base, len(dst), func(w []float32) error {
			copy(dst, w)
			if err := read(dst); err != nil {
				return err
			}
			change = alongLine(w, dst, o.adapter.Scale)
			return nil
		})
	})
	return t, &change, err
}

// withBase lends the values of a tensor, n zeros for nil.
func withBase(t *tensors.Tensor, n int, use func([]float32) error) error {
	if t == nil {
		return use(make([]float32, n))
	}
	return reading(t, use)
}

// alongLine moves w1 from the adapter's values to w + s (w1 - w), and returns
// how far that is from w.
func alongLine(w, w1 []float32, s float64) changeNorms {
	var n changeNorms
	for i, v := range w {
		base, d := float64(v), float64(w1[i])-float64(v)
		if s != 1 {
			w1[i] = float32(base + s*d)
		}
		n.change += s * s * d * d
		n.weight += base * base
	}
	return n
}

// updated makes the LoRA of a projection ready for the graph.
func (o *overlay) updated(p *projection, lora *loader.LoRA) (*changeNorms, error) {
	if lora == nil {
		return nil, nil
	}
	var c change
	if err := reading(p.weight, func(weight []float32) error {
		var err error
		if lora, err = lora.OnBase(weight); err != nil {
			return loader.InputErrorf("%w", err)
		}
		c = changeOf(lora, o.adapter.Scale, weight)
		return nil
	}); err != nil || o.adapter.Scale == 0 { // the base exactly
		return &c.norms, err
	}
	o.differs = true
	var err error
	if p.a, err = o.upload(lora.A, lora.Rank, lora.In); err != nil {
		return nil, err
	}
	if p.b, err = o.upload(c.b, lora.Out, lora.Rank); err != nil {
		return nil, err
	}
	if c.gain != nil {
		p.gain, err = o.upload(c.gain, lora.Out)
	}
	return &c.norms, err
}

// upload makes a tensor that lives as long as the block.
func (o *overlay) upload(flat []float32, dims ...int) (*tensors.Tensor, error) {
	t, err := o.engine.tensorOf(flat, dims...)
	if err == nil {
		o.temporary = append(o.temporary, t)
	}
	return t, err
}
