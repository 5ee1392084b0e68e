package extract

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// blockWeights are the inputs of one block's graph, as float32: the base's own,
// or those of a variant, which has the base's tensors but where it brings others.
type blockWeights struct {
	norms       []*tensors.Tensor // those of Config.Norms
	projections [7]projection
}

// projection is one linear map, y = gain * (x Wᵀ) + (x Aᵀ) Bᵀ + bias; nil where
// it has no such term.
type projection struct {
	weight *tensors.Tensor // (out, in)
	bias   *tensors.Tensor // (out)
	a, b   *tensors.Tensor // (r, in), (out, r)
	gain   *tensors.Tensor // (out)
}

// inputs lists the tensors in the order of the graph.
func (w *blockWeights) inputs() []*tensors.Tensor {
	list := append([]*tensors.Tensor{}, w.norms...)
	for _, p := range w.projections {
		for _, t := range []*tensors.Tensor{p.weight, p.bias, p.a, p.b, p.gain} {
			if t != nil {
				list = append(list, t)
			}
		}
	}
	return list
}

// forms says which inputs each projection has.
func (w *blockWeights) forms() [7]form {
	var all [7]form
	for i, p := range w.projections {
		all[i] = form{bias: p.bias != nil, lora: p.a != nil, gain: p.gain != nil}
	}
	return all
}

// slots hold the base's weights of one block, allocated once and filled again
// for every block. Converting to float32 on the way in costs one pass over the
// weights, where converting in the graph would cost one for every variant and
// prompt.
type slots struct {
	model   *loader.Model
	layer   int // the block whose weights they hold
	weights blockWeights
	all     []slot
}

// slot is one tensor's place.
type slot struct {
	name   string // after the layer's prefix, as "self_attn.q_proj.weight"
	tensor *tensors.Tensor
}

func newSlots(e *engine, m *loader.Model) (*slots, error) {
	c := m.Config
	s := &slots{model: m}
	var err error
	add := func(name string, dims ...int) *tensors.Tensor {
		t, fault := e.tensor(dims...)
		if fault != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, fault)
		}
		s.all = append(s.all, slot{name, t})
		return t
	}
	for _, norm := range c.Norms() {
		s.weights.norms = append(s.weights.norms, add(norm.Module+".weight", norm.Size))
	}
	for i, name := range projections {
		out, in := c.ProjectionShape(name)
		p := projection{weight: add(name+".weight", out, in)}
		if c.HasBias(name) {
			p.bias = add(name+".bias", out)
		}
		s.weights.projections[i] = p
	}
	return s, err
}

// fill reads the weights of block layer.
func (s *slots) fill(layer int) error {
	s.layer = layer
	for _, slot := range s.all {
		name := s.model.ModulePath(layer, slot.name)
		if err := writing(slot.tensor, func(dst []float32) error { return s.model.Weights.ReadFloat32(name, dst) }); err != nil {
			return err
		}
	}
	return nil
}

// notFinite names a tensor of the current block that holds NaN or Inf, or "".
func (s *slots) notFinite() string {
	for _, slot := range s.all {
		found := false
		reading(slot.tensor, func(flat []float32) error { //nolint:errcheck // the values are only looked at
			found = firstNotFinite(flat, len(flat)) >= 0
			return nil
		})
		if found {
			return s.model.ModulePath(s.layer, slot.name)
		}
	}
	return ""
}

func (s *slots) free() {
	for _, slot := range s.all {
		free([]*tensors.Tensor{slot.tensor})
	}
}
