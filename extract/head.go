package extract

import (
	"math"
	"runtime"
	"slices"

	"github.com/layerclust/layerclust/internal/vec"
	"github.com/layerclust/layerclust/loader"
)

// head applies the final norm, emits layer L, and gives the mean next-token
// loss (variants, prompts).
func (r *run) head() ([][]float64, error) {
	gains, err := r.finalNorms()
	if err != nil {
		return nil, err
	}
	var heads []head
	if !r.opts.NoLoss {
		if heads, err = r.heads(); err != nil {
			return nil, err
		}
	}
	for i, v := range r.variants {
		own := &gains[i][0] != &gains[0][0] || !r.opts.NoLoss && heads[i].weight != heads[0].weight
		v.changed = v.changed || own
	}
	loss := make([][]float64, len(r.variants)) // (variants, prompts)
	for v := range loss {
		loss[v] = make([]float64, len(r.prompts))
	}
	err = r.waves(func(w *wave) error { return r.finish(w, gains, heads, loss) })
	if err != nil || r.opts.NoLoss {
		return nil, err
	}
	return loss, nil
}

// finish takes a wave through the final norm and the head.
func (r *run) finish(w *wave, gains [][]float32, heads []head, loss [][]float64) error {
	err := parallel(len(w.items), runtime.GOMAXPROCS(0), func(_, i int) error {
		it := w.items[i]
		x := it.of(w.x, w.d)
		vec.RMSNorm(x, x, gains[it.variant], w.d, r.variants[it.variant].config.RMSNormEps)
		return nil
	})
	if err != nil {
		return err
	}
	for _, it := range w.items {
		if _, err := r.emitItem([]States{{Layer: r.layers, Site: Resid}}, w, it, noBlame); err != nil {
			return err
		}
	}
	if heads == nil {
		return nil
	}
	for i := range w.items {
		it := &w.items[i]
		it.tally = newTally(r.prompts[it.prompt].IDs)
	}
	if err := r.engine.score(r.ctx, w, heads); err != nil {
		return err
	}
	for _, it := range w.items {
		loss[it.variant][it.prompt] = it.tally.mean()
		for v := it.variant + 1; v < len(r.variants) && !r.variants[v].changed; v++ {
			loss[v][it.prompt] = loss[0][it.prompt]
		}
	}
	r.progress.Head = true
	if r.opts.Progress != nil {
		r.opts.Progress(r.progress)
	}
	return nil
}

// finalNorms are the gains of the norm after the last block, one for each
// variant, the base's own slice where it has no other.
func (r *run) finalNorms() ([][]float32, error) {
	base := make([]float32, r.model.Config.HiddenSize) // (D)
	if err := r.model.Weights.ReadFloat32(loader.NormTensor, base); err != nil {
		return nil, err
	}
	if firstNotFinite(base, len(base)) >= 0 {
		return nil, loader.InputErrorf("tensor %s holds NaN or Inf", loader.NormTensor)
	}
	gains := make([][]float32, len(r.variants))
	for i, v := range r.variants {
		gains[i] = base
		if v.adapter == nil || !v.adapter.Replaces(loader.NormTensor) {
			continue
		}
		if v.adapter.Scale == 0 {
			v.norms.modules++
			continue
		}
		gains[i] = slices.Clone(base)
		if err := v.adapter.ReadFloat32(loader.NormTensor, gains[i]); err != nil {
			return nil, err
		}
		v.norms.add(alongLine(base, gains[i], v.adapter.Scale).asModule())
	}
	return gains, nil
}

// heads are the variants' heads, the base's own matrix where one has no other.
func (r *run) heads() ([]head, error) {
	name := r.model.Config.HeadTensor()
	found, err := r.model.Weights.Matrix(name)
	if err != nil {
		return nil, err
	}
	base := matrix(fileMatrix{found})
	all := make([]head, len(r.variants))
	for i, v := range r.variants {
		all[i] = head{weight: base}
		t := newTable(v, loader.LMHeadTensor)
		if t == nil {
			continue
		}
		norms, err := t.survey(r.model)
		if err != nil {
			return nil, err
		}
		v.norms.add(norms)
		vocab := v.config.VocabSize
		all[i] = head{&rowsMatrix{out: vocab, in: found.Cols, rows: t.over(base)}, t.bias(0, vocab)}
	}
	return all, nil
}

// tally gathers log Σ exp of one prompt's logits over parts of the vocabulary.
type tally struct {
	next     []int32   // (T-1) the token after each
	max, sum []float64 // (T-1) running maximum, Σ exp(logit - max)
	target   []float64 // (T-1) the logit of the next token
}

func newTally(ids []int32) *tally {
	n := len(ids) - 1
	t := &tally{next: ids[1:], max: make([]float64, n), sum: make([]float64, n), target: make([]float64, n)}
	for i := range t.max {
		t.max[i] = math.Inf(-1)
	}
	return t
}

// add merges a part of the vocabulary into the tally of token i: its largest
// logit and Σ exp(logit - largest). log Σ exp over both is kept stable by the
// larger maximum.
func (t *tally) add(i int, largest, sum float32) {
	m := max(t.max[i], float64(largest))
	t.sum[i] = t.sum[i]*math.Exp(t.max[i]-m) + float64(sum)*math.Exp(float64(largest)-m)
	t.max[i] = m
}

// mean is the mean over tokens of log Σ exp - target, in nats; NaN for one token.
func (t *tally) mean() float64 {
	if len(t.max) == 0 {
		return math.NaN()
	}
	total := 0.0
	for i := range t.max {
		total += t.max[i] + math.Log(t.sum[i]) - t.target[i]
	}
	return total / float64(len(t.max))
}
