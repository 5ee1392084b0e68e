package extract

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// slots hold the weights of one block as float32, allocated once and filled
// again for every block. Converting on the way in costs one pass over the
// weights, where converting in the graph would cost one for every variant and
// prompt.
type slots struct {
	model             *loader.Model
	layer             int // the block whose weights they hold
	attnNorm, mlpNorm *slot
	projections       [7]projectionSlots
}

// projectionSlots are the weight (out, in) and the bias (out) of a projection.
type projectionSlots struct {
	weight, bias *slot // bias nil where the model has none
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
	add := func(name string, dims ...int) *slot {
		t, e := e.tensor(dims...)
		if e != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, e)
		}
		return &slot{name: name, tensor: t}
	}
	s.attnNorm = add("input_layernorm.weight", c.HiddenSize)
	s.mlpNorm = add("post_attention_layernorm.weight", c.HiddenSize)
	for i, name := range projections {
		out, in := c.ProjectionShape(name)
		p := projectionSlots{weight: add(name+".weight", out, in)}
		if c.HasBias(name) {
			p.bias = add(name+".bias", out)
		}
		s.projections[i] = p
	}
	return s, err
}

// all lists the slots that the model has.
func (s *slots) all() []*slot {
	list := []*slot{s.attnNorm, s.mlpNorm}
	for _, p := range s.projections {
		list = append(list, p.weight)
		if p.bias != nil {
			list = append(list, p.bias)
		}
	}
	return list
}

// fill reads the weights of block layer.
func (s *slots) fill(layer int) error {
	s.layer = layer
	for _, slot := range s.all() {
		name := s.model.ModulePath(layer, slot.name)
		if err := writing(slot.tensor, func(dst []float32) error { return s.model.Weights.ReadFloat32(name, dst) }); err != nil {
			return err
		}
	}
	return nil
}

// notFinite names a tensor of the current block that holds NaN or Inf, or "".
func (s *slots) notFinite() string {
	for _, slot := range s.all() {
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
	for _, slot := range s.all() {
		free([]*tensors.Tensor{slot.tensor})
	}
}
