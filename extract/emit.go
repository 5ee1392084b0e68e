package extract

import (
	"fmt"

	"github.com/layerclust/layerclust/loader"
)

// emitBlock gives out the states of block b that a wave has: of each item
// attention and MLP where asked for, then the residual stream after the block,
// and the base's again for the variants that share them.
func (r *run) emitBlock(b int, w *wave, weights []*blockWeights, path func(string) string) error {
	blame := func(s States) string { return weights[s.Variant].notFinite(path, r.variants[s.Variant].config) }
	at := []States{}
	for _, site := range r.sites {
		at = append(at, States{Layer: b, Site: site})
	}
	at = append(at, States{Layer: b + 1, Raw: b+1 == r.layers, Site: Resid})
	for _, it := range w.items {
		n, err := r.emitItem(at, w, it, blame)
		if err != nil {
			return err
		}
		r.told(b, it, n)
	}
	return nil
}

// emitItem gives out the states of one item at the given layers and sites, then
// those of the variants after it that still are the base, and counts the variants.
func (r *run) emitItem(at []States, w *wave, it item, blame func(States) string) (n int, err error) {
	for _, s := range at {
		s.X = it.of(w.at(s.Site), w.d)
		if it.variant == 0 {
			r.shared[s.Site] = append(r.shared[s.Site][:0], s.X...)
		}
		if err := r.emit(s, it.prompt, it.variant, blame); err != nil {
			return 0, err
		}
	}
	v := it.variant + 1
	for ; v < len(r.variants) && !r.variants[v].changed; v++ {
		for _, s := range at {
			s.X = r.shared[s.Site]
			if err := r.emit(s, it.prompt, v, blame); err != nil {
				return 0, err
			}
		}
	}
	return v - it.variant, nil
}

// at are the values of a site.
func (w *wave) at(s Site) []float32 {
	switch s {
	case Attn:
		return w.attn
	case MLP:
		return w.mlp
	}
	return w.x
}

// emit gives one state to the sink, after making sure that it is finite.
func (r *run) emit(s States, prompt, variant int, blame func(States) string) error {
	s.Prompt, s.Variant = prompt, variant
	s.T, s.D = len(r.prompts[prompt].IDs), r.model.Config.HiddenSize
	if t := firstNotFinite(s.X, s.D); t >= 0 {
		where := fmt.Sprintf("prompt %q, %s: the %s state of token %d is not finite", r.prompts[prompt].ID, r.variants[variant].name, s.Site, t)
		if name := blame(s); name != "" {
			return loader.InputErrorf("%s: tensor %s holds NaN or Inf", where, name)
		}
		if s.Layer == 0 {
			return loader.InputErrorf("%s: tensor %s holds NaN or Inf in row %d", where, loader.EmbedTensor, r.prompts[prompt].IDs[t])
		}
		return fmt.Errorf("%s: it overflows float32", where)
	}
	return r.sink(s)
}

// noBlame is for states that no weight of a block has made.
func noBlame(States) string { return "" }

// told reports that a prompt has passed block b under some variants.
func (r *run) told(b int, it item, variants int) {
	if r.opts.Progress == nil {
		return
	}
	n := int64(it.tokens * variants)
	r.progress.Layer = b
	if r.progress.Done+n == int64(b+1)*r.tokens() {
		r.progress.Layer = b + 1
	}
	r.progress.Done += n
	r.progress.Tokens += n
	r.opts.Progress(r.progress)
}

// applied sums up what each adapter changed.
func (r *run) applied() []Applied {
	out := make([]Applied, len(r.variants)-1)
	for i := range out {
		out[i] = r.variants[i+1].norms.applied()
	}
	return out
}
