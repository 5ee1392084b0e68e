package extract

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// chunkBytes bounds the part of the head's matrix held at a time; the whole of
// Llama-2's is 524 MB in float32.
const chunkBytes = 8 << 20

// rowsInChunk is how many rows of d values that is.
func rowsInChunk(d int) int { return max(1, chunkBytes/4/d) }

// head applies the final norm, emits layer L, and gives the mean next-token
// loss (variants, prompts).
func (r *run) head() ([][]float64, error) {
	norms, err := r.finalNorms()
	defer func() { freeDistinct(norms) }()
	if err != nil {
		return nil, err
	}
	for p := range r.prompts {
		if err := r.finishPrompt(p, norms); err != nil {
			return nil, err
		}
	}
	for i, v := range r.variants {
		v.changed = v.changed || norms[i] != norms[0]
	}
	if r.opts.NoLoss {
		return nil, nil
	}
	return r.losses()
}

// finalNorms are the gains of the norm after the last block, one for each
// variant, the base's where it has no other.
func (r *run) finalNorms() ([]*tensors.Tensor, error) {
	base := make([]float32, r.model.Config.HiddenSize) // (D)
	if err := r.model.Weights.ReadFloat32(loader.NormTensor, base); err != nil {
		return nil, err
	}
	if firstNotFinite(base, len(base)) >= 0 {
		return nil, loader.InputErrorf("tensor %s holds NaN or Inf", loader.NormTensor)
	}
	shared, err := r.engine.tensorOf(base, len(base))
	if err != nil {
		return nil, err
	}
	norms := slices.Repeat([]*tensors.Tensor{shared}, len(r.variants))
	for i, v := range r.variants {
		if v.adapter == nil || !v.adapter.Replaces(loader.NormTensor) {
			continue
		}
		if v.adapter.Scale == 0 {
			v.norms.modules++
			continue
		}
		own := slices.Clone(base)
		if err := v.adapter.ReadFloat32(loader.NormTensor, own); err != nil {
			return norms, err
		}
		v.norms.add(alongLine(base, own, v.adapter.Scale).asModule())
		if norms[i], err = r.engine.tensorOf(own, len(own)); err != nil {
			return norms, err
		}
	}
	return norms, nil
}

// finishPrompt replaces the states of a prompt by those after the final norm.
func (r *run) finishPrompt(p int, norms []*tensors.Tensor) error {
	old := r.resid[p]
	next := make([]*tensors.Tensor, len(old))
	for i, x := range old {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		v := r.variants[i]
		if i > 0 && !v.changed && norms[i] == norms[0] {
			next[i] = next[0]
		} else {
			out, err := r.engine.finalNorm(x, norms[i], v.config.RMSNormEps)
			if err != nil {
				return err
			}
			next[i] = out
		}
		if err := r.emit(States{Layer: r.layers, Site: Resid, Variant: i, Prompt: p}, next[i]); err != nil {
			return err
		}
	}
	freeDistinct(old)
	r.resid[p] = next
	return nil
}
