package extract

import (
	"fmt"
	"math"
	"slices"

	"github.com/layerclust/layerclust/loader"
)

// variant is the base, or the base with an adapter.
type variant struct {
	name    string
	adapter *loader.Adapter // nil for the base
	config  loader.Config   // what it is run with
	changed bool            // whether its states may differ from the base's by now
	norms   changeNorms
}

func newVariants(m *loader.Model, adapters []*loader.Adapter) []*variant {
	all := []*variant{{name: "base", config: m.Config}}
	for _, a := range adapters {
		all = append(all, &variant{name: a.Name, adapter: a, config: a.ModelConfig(m.Config)})
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
	engine  engine
	base    *baseBlock
	weights blockWeights
	differs bool        // whether something is not the base's
	norms   changeNorms // of this block
}

// newOverlay puts what the variant brings over the base's weights of a block.
func newOverlay(e engine, v *variant, base *baseBlock) (*overlay, error) {
	o := &overlay{variant: v, engine: e, base: base, weights: base.weights}
	if v.adapter == nil {
		return o, nil
	}
	o.weights.norms = slices.Clone(base.weights.norms)
	for i, n := range v.config.Norms() {
		to := &o.weights.norms[i]
		change, err := o.vector(n.Module+".weight", &to.gain, n.Size, nil)
		if err != nil {
			return o, err
		}
		if change != nil {
			to.own = v.adapter.Scale != 0
			o.norms.add(change.asModule())
		}
	}
	for i, name := range projections {
		if err := o.projection(i, name); err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
	}
	return o, nil
}

// projection replaces and updates one linear map.
func (o *overlay) projection(i int, name string) error {
	p := &o.weights.projections[i]
	lora := o.adapter.Modules[o.base.path(name)]
	var total changeNorms
	touched := false
	for _, step := range []func() (*changeNorms, error){
		func() (*changeNorms, error) { return o.whole(i, name+".weight", p) },
		func() (*changeNorms, error) {
			out, _ := p.weight.shape()
			return o.vector(name+".bias", &p.bias, out, lora)
		},
		func() (*changeNorms, error) { return o.updated(i, p, lora) },
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
		p.own = o.adapter.Scale != 0
		o.differs = o.differs || p.own
		o.norms.add(total.asModule())
	}
	return nil
}

// vector moves a gain or a bias along the line to the adapter's, to which a LoRA
// may add one of its own; *x is nil for a bias that the base does not have. The
// norms are nil where the adapter has none.
func (o *overlay) vector(name string, x *[]float32, n int, lora *loader.LoRA) (*changeNorms, error) {
	replaced, added := o.adapter.Replaces(o.base.path(name)), lora != nil && lora.Bias != nil
	if !replaced && !added {
		return nil, nil
	}
	if o.adapter.Scale == 0 { // the base exactly
		return &changeNorms{}, nil
	}
	base := *x
	if base == nil {
		base = make([]float32, n)
	}
	own := slices.Clone(base)
	if replaced {
		if err := o.adapter.ReadFloat32(o.base.path(name), own); err != nil {
			return nil, err
		}
	}
	if added {
		for i, b := range lora.Bias {
			own[i] += float32(lora.Scale * float64(b))
		}
	}
	change := alongLine(base, own, o.adapter.Scale)
	o.differs = true
	*x = own
	return &change, nil
}

// whole puts the weight that the adapter has in the place of the base's, moved
// along the line.
func (o *overlay) whole(i int, name string, p *projection) (*changeNorms, error) {
	if !o.adapter.Replaces(o.base.path(name)) {
		return nil, nil
	}
	if o.adapter.Scale == 0 {
		return &changeNorms{}, nil
	}
	found, err := o.adapter.Matrix(o.base.path(name))
	if err != nil {
		return nil, err
	}
	base, own := p.weight, matrix(fileMatrix{found})
	line := &rowsMatrix{out: found.Rows, in: found.Cols, rows: func(lo, hi int, dst []float32) error {
		w := make([]float32, len(dst))
		if err := readFloats(base, lo, hi, w); err != nil {
			return err
		}
		if err := readFloats(own, lo, hi, dst); err != nil {
			return err
		}
		alongLine(w, dst, o.adapter.Scale)
		return nil
	}}
	p.weight = line
	if o.adapter.Scale == 1 {
		p.weight = own // as its file has it
	}
	return o.changed(i, line)
}

// changed measures how far w is from the base's projection i.
func (o *overlay) changed(i int, w matrix) (*changeNorms, error) {
	base := o.base.weights.projections[i].weight
	rows, in := base.shape()
	parts := make([]changeNorms, rows) // summed in order, whatever the threads did
	err := overRows(w, func(lo, hi int, values []float32) error {
		of := make([]float32, len(values))
		if err := readFloats(base, lo, hi, of); err != nil {
			return err
		}
		for r := range hi - lo {
			parts[lo+r] = between(of[r*in:(r+1)*in], values[r*in:(r+1)*in])
		}
		return nil
	})
	var total changeNorms
	for _, p := range parts {
		total.add(p)
	}
	return &total, err
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

// updated makes the LoRA of projection i ready.
func (o *overlay) updated(i int, p *projection, lora *loader.LoRA) (*changeNorms, error) {
	if lora == nil {
		return nil, nil
	}
	squares, err := o.base.rowSquares(i)
	if err != nil {
		return nil, err
	}
	if lora, err = o.started(lora, p.weight); err != nil {
		return nil, err
	}
	var cross []float32
	if lora.Magnitude != nil {
		if cross, err = o.engine.product(lora.A, lora.Rank, p.weight); err != nil {
			return nil, err
		}
	}
	c := changeOf(lora, o.adapter.Scale, squares, cross)
	if o.adapter.Scale != 0 { // else the base exactly
		p.a, p.b, p.rank, p.gain = lora.A, c.b, lora.Rank, c.gain
	}
	return &c.norms, nil
}

// started takes a LoRA that began as a part of the base on its base.
func (o *overlay) started(lora *loader.LoRA, w matrix) (*loader.LoRA, error) {
	if lora.Start == loader.StartZero {
		return lora, nil
	}
	values := make([]float32, lora.Out*lora.In) // (out, in)
	if err := readAll(w, values); err != nil {
		return nil, err
	}
	lora, err := lora.OnBase(values)
	if err != nil {
		return nil, loader.InputErrorf("%w", err)
	}
	return lora, nil
}
