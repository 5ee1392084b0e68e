package main

import (
	"slices"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// The modules of attention.
const (
	modQ = "self_attn.q_proj"
	modK = "self_attn.k_proj"
	modV = "self_attn.v_proj"
	modO = "self_attn.o_proj"
)

// v is the spectrum of v_proj.
func (d *dense) v(layer int) *denseTask {
	t := &denseTask{layer: layer, what: "v", module: modV, reads: []string{modV}, norms: d.folded(false), options: []any{d.flags.top},
		memory: 3 * d.size(modV), work: d.decomposition(30, modV)}
	t.compute = each(func(a *loader.Adapter) ([]spectra.Value, error) {
		v, err := d.attention(a, layer, modV)
		if err != nil {
			return nil, err
		}
		return spectra.V(d.solver, v.V, d.flags.top)
	})
	return t
}

// ov is the map of each head.
func (d *dense) ov(layer int) *denseTask {
	c := d.model.Config
	t := &denseTask{layer: layer, what: "ov", reads: []string{modV, modO}, norms: d.folded(false), options: []any{c.NumHeads, c.NumKVHeads, c.HeadDim},
		memory: 2*d.size(modV) + 2*d.size(modO), work: float64(c.NumHeads) * cubes(30, c.HeadDim, c.HeadDim)}
	t.compute = each(func(a *loader.Adapter) ([]spectra.Value, error) {
		w, err := d.attention(a, layer, modV, modO)
		if err != nil {
			return nil, err
		}
		return spectra.OV(d.solver, w)
	})
	return t
}

// qk is the form of each head.
func (d *dense) qk(layer int) *denseTask {
	c := d.model.Config
	offsets := d.flags.ropeOffsets
	t := &denseTask{layer: layer, what: "qk", reads: []string{modQ, modK}, norms: d.folded(true), options: []any{c.NumHeads, c.NumKVHeads, c.HeadDim, offsets},
		memory: 2*d.size(modQ) + 2*d.size(modK), work: float64(c.NumHeads*(1+len(offsets))) * cubes(10, c.HeadDim, c.HeadDim)}
	if slices.Max(offsets) > 0 {
		t.options = append(t.options, c.Rope)
	}
	t.compute = each(func(a *loader.Adapter) ([]spectra.Value, error) {
		w, err := d.attention(a, layer, modQ, modK)
		if err != nil {
			return nil, err
		}
		return spectra.QK(d.solver, w, offsets, d.frequencies(a))
	})
	return t
}

// frequencies are the radians per position of the pairs of a head, as a variant
// turns them within the positions of its training.
func (d *dense) frequencies(a *loader.Adapter) []float64 {
	c := d.model.Config
	if a != nil {
		c = a.ModelConfig(c)
	}
	var list []float64
	for _, f := range c.Rope.Frequencies(c.HeadDim, 1) {
		list = append(list, float64(f))
	}
	return list
}

// qkLayer is the sum of the forms of a layer.
func (d *dense) qkLayer(layer int) *denseTask {
	c := d.model.Config
	n := min(c.HiddenSize, c.NumKVHeads*c.HeadDim)
	t := &denseTask{layer: layer, what: "qk_layer", reads: []string{modQ, modK}, norms: d.folded(true), options: []any{c.NumHeads, c.NumKVHeads, c.HeadDim, d.flags.top},
		memory: 2*d.size(modQ) + 2*d.size(modK) + 8*int64(n)*int64(n), work: cubes(10, n, n)}
	t.compute = each(func(a *loader.Adapter) ([]spectra.Value, error) {
		w, err := d.attention(a, layer, modQ, modK)
		if err != nil {
			return nil, err
		}
		return spectra.QKLayer(d.solver, w, d.flags.top)
	})
	return t
}

// folded are the norms whose gains --norm-gain fold puts into what reads from
// them; those of queries and keys too where a product of the two is asked for.
func (d *dense) folded(queries bool) []loader.Norm {
	if d.flags.normGain != "fold" {
		return nil
	}
	norms := d.model.Config.Norms()
	list := []loader.Norm{norms[0]}
	if queries {
		list = append(list, norms[2:]...)
	}
	return list
}

// attention reads some of the weights of a layer's attention, with gains folded
// in where that is asked for.
func (d *dense) attention(a *loader.Adapter, layer int, modules ...string) (*spectra.Attention, error) {
	c := d.model.Config
	w := &spectra.Attention{Heads: c.NumHeads, KVHeads: c.NumKVHeads, HeadDim: c.HeadDim}
	norms := map[string]int{modQ: 2, modK: 3} // places in Config.Norms of those of queries and keys
	for _, module := range modules {
		m, err := d.weights.weight(a, layer, module)
		if err != nil {
			return nil, err
		}
		if d.flags.normGain == "fold" && module != modO {
			if err := d.fold(a, layer, m, norms[module]); err != nil {
				return nil, err
			}
		}
		switch module {
		case modQ:
			w.Q = m
		case modK:
			w.K = m
		case modV:
			w.V = m
		case modO:
			w.O = m
		}
	}
	return w, nil
}

// fold puts the gain of the norm before attention into what reads from it, and
// that of norm number after, if the model has it, into what it follows.
func (d *dense) fold(a *loader.Adapter, layer int, m spectra.Matrix, after int) error {
	norms := d.model.Config.Norms()
	gain, err := d.weights.gain(a, layer, norms[0])
	if err != nil {
		return err
	}
	m.ScaleCols(gain)
	if after == 0 || after >= len(norms) {
		return nil
	}
	if gain, err = d.weights.gain(a, layer, norms[after]); err != nil {
		return err
	}
	m.ScaleHeads(gain)
	return nil
}
