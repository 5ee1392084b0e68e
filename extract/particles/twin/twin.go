// Package twin integrates the mean-field dynamics with the attention of a real
// model: the same tokens, from the same embeddings, under the same OV and QK
// maps, but without what the theory leaves out. Where the twin and the model
// part says how much of the model's clustering the theory can account for.
//
// What is left out: the MLPs, the rotation of queries and keys by position
// (scores are those of tokens at one place), biases and sliding windows.
//
//	residual  x <- x + sum over heads of O P V N(x), a step a block: the
//	          residual stream, N(x) = sqrt(d) x/|x| with the norm's gain
//	sphere    u' = (I - u u') (1/rho) sum over heads of O P V sqrt(d) u, a unit
//	          of time a block: the direction alone, rho the mean length that
//	          the model's own tokens have at that block
package twin

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/loader"
)

// Kind is a dynamics of the twin.
type Kind string

// The kinds.
const (
	Residual Kind = "residual"
	Sphere   Kind = "sphere"
)

// Kinds lists them.
var Kinds = []Kind{Residual, Sphere}

// Options choose what of the model acts.
type Options struct {
	Kind   Kind
	Heads  []int // of each block; nil for all
	Frozen int   // the one block that acts at every depth, or -1 for each in its turn
	Depth  int   // blocks to pass, which begin again after the last; 0 is each once
}

// Start is the cloud of one prompt: where it starts, and how long its tokens are at
// each block of the model.
type Start struct {
	X     []float64 // (T, D), the embeddings
	Norms []float64 // (L), mean length of the model's tokens before each block; of sphere alone
}

// Supports refuses models whose scores are no form <Q x, K y>.
func Supports(m *loader.Model) error {
	if m.Config.QKNorm {
		return loader.InputErrorf("%s: model_type %s norms queries and keys, so that its scores are not the theory's <Q x, K y>", m.Dir, m.Config.ModelType)
	}
	return nil
}

// Run takes every prompt through the blocks and shows each state: layer 0 is
// the start, layer l comes after l blocks. The slice is the twin's own.
func Run(ctx context.Context, m *loader.Model, a *loader.Adapter, prompts []Start, o Options, see func(prompt, layer int, x []float64)) error {
	states := make([][]float64, len(prompts))
	for p, s := range prompts {
		states[p] = slices.Clone(s.X)
		see(p, 0, states[p])
	}
	if o.Depth == 0 {
		o.Depth = m.Config.NumLayers
	}
	var heads []particles.Head
	for layer := range o.Depth {
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.Frozen < 0 || layer == 0 {
			var err error
			if heads, err = o.heads(m, a, layer%m.Config.NumLayers); err != nil {
				return err
			}
		}
		for p := range states {
			next, err := o.step(ctx, m.Config, heads, states[p], prompts[p], layer)
			if err != nil {
				return fmt.Errorf("layer %d, prompt %d: %w", layer, p, err)
			}
			states[p] = next
			see(p, layer+1, next)
		}
	}
	return nil
}

// heads are those of a block that act.
func (o Options) heads(m *loader.Model, a *loader.Adapter, layer int) ([]particles.Head, error) {
	if o.Frozen >= 0 {
		layer = o.Frozen
	}
	all, err := Heads(m, a, layer)
	if err != nil || o.Heads == nil {
		return all, err
	}
	chosen := make([]particles.Head, len(o.Heads))
	for i, h := range o.Heads {
		chosen[i] = all[h]
	}
	return chosen, nil
}

// step is one block.
func (o Options) step(ctx context.Context, c loader.Config, heads []particles.Head, x []float64, prompt Start, layer int) ([]float64, error) {
	s := &particles.System{Dynamics: particles.DiscretePrenorm, N: len(x) / c.HiddenSize, D: c.HiddenSize, Causal: true,
		Beta: 1 / math.Sqrt(float64(c.HeadDim)), StepSize: 1, NormEps: c.RMSNormEps, Layers: []particles.Layer{{Heads: heads}}}
	run := particles.Options{T: 1, Dt: 1, Times: []float64{1}}
	if o.Kind == Sphere {
		s.Dynamics = particles.SphereSoftmax
		s.Beta *= float64(c.HiddenSize) // both sides of a score are sqrt(d) long
		s.Layers[0].Heads = scaled(heads, math.Sqrt(float64(c.HiddenSize))/prompt.Norms[layer])
		run.RTol, run.ATol = 1e-4, 1e-6 // far below what a curve shows
	}
	tr, err := particles.Run(ctx, s, x, run)
	if err != nil {
		return nil, err
	}
	if tr.BlewUp {
		return nil, fmt.Errorf("the tokens grow beyond all numbers")
	}
	return tr.Last(), nil
}

// scaled multiplies the value maps; the rest is shared.
func scaled(heads []particles.Head, by float64) []particles.Head {
	out := slices.Clone(heads)
	for i := range out {
		out[i].O = slices.Clone(out[i].O)
		for k := range out[i].O {
			out[i].O[k] *= by
		}
	}
	return out
}
