package extract

import (
	"math"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// chunkBytes bounds the part of the head's matrix held at a time; the whole of
// Llama-2's is 524 MB in float32.
const chunkBytes = 8 << 20

// head applies the final norm, emits layer L, and gives the mean next-token
// loss (variants, prompts).
func (r *run) head() ([][]float64, error) {
	norm, err := r.finalNorm()
	if err != nil {
		return nil, err
	}
	defer free([]*tensors.Tensor{norm})
	for p := range r.prompts {
		if err := r.finishPrompt(p, norm); err != nil {
			return nil, err
		}
	}
	if r.opts.NoLoss {
		return nil, nil
	}
	return r.losses()
}

func (r *run) finalNorm() (*tensors.Tensor, error) {
	norm, err := r.engine.tensor(r.model.Config.HiddenSize)
	if err != nil {
		return nil, err
	}
	return norm, writing(norm, func(dst []float32) error {
		if err := r.model.Weights.ReadFloat32(loader.NormTensor, dst); err != nil {
			return err
		}
		if firstNotFinite(dst, len(dst)) >= 0 {
			return loader.InputErrorf("tensor %s holds NaN or Inf", loader.NormTensor)
		}
		return nil
	})
}

// finishPrompt replaces the states of a prompt by those after the final norm.
func (r *run) finishPrompt(p int, norm *tensors.Tensor) error {
	old := r.resid[p]
	next := make([]*tensors.Tensor, len(old))
	for v, x := range old {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if v > 0 && !r.changed[v] {
			next[v] = next[0]
		} else {
			out, err := r.engine.finish.Call(x, norm)
			if err != nil {
				return err
			}
			next[v] = out[0]
		}
		if err := r.emit(States{Layer: r.layers, Site: Resid, Variant: v, Prompt: p}, next[v]); err != nil {
			return err
		}
	}
	freeDistinct(old)
	r.resid[p] = next
	return nil
}

// tally gathers log Σ exp of one prompt's logits over chunks of the vocabulary.
type tally struct {
	max, sum []float64 // (T-1) running maximum, Σ exp(logit - max)
	target   []float64 // (T-1) the logit of the next token
}

// losses passes every state over the head's matrix, a chunk of the vocabulary
// at a time: one read of it serves all prompts and variants.
func (r *run) losses() ([][]float64, error) {
	c := r.model.Config
	tallies := r.newTallies()
	chunk := max(1, min(c.VocabSize, chunkBytes/4/c.HiddenSize))
	for lo := 0; lo < c.VocabSize; lo += chunk {
		hi := min(lo+chunk, c.VocabSize)
		if err := r.lossChunk(lo, hi, tallies); err != nil {
			return nil, err
		}
		r.progress.Head = true
		if r.opts.Progress != nil {
			r.opts.Progress(r.progress)
		}
	}
	loss := make([][]float64, 1+len(r.adapters)) // (variants, prompts)
	for v := range loss {
		loss[v] = make([]float64, len(r.prompts))
		for p := range r.prompts {
			loss[v][p] = tallies[p][v].mean()
		}
	}
	return loss, nil
}

// newTallies makes a tally for each prompt and variant; variants that share
// their states share the tally.
func (r *run) newTallies() [][]*tally {
	all := make([][]*tally, len(r.prompts)) // (prompts, variants)
	for p, prompt := range r.prompts {
		all[p] = make([]*tally, len(r.resid[p]))
		for v := range all[p] {
			if v > 0 && !r.changed[v] {
				all[p][v] = all[p][0]
				continue
			}
			all[p][v] = newTally(len(prompt.IDs) - 1)
		}
	}
	return all
}

func newTally(n int) *tally {
	t := &tally{max: make([]float64, n), sum: make([]float64, n), target: make([]float64, n)}
	for i := range t.max {
		t.max[i] = math.Inf(-1)
	}
	return t
}

// lossChunk adds the rows [lo, hi) of the head to every tally.
func (r *run) lossChunk(lo, hi int, tallies [][]*tally) error {
	c := r.model.Config
	w, err := r.engine.tensor(hi-lo, c.HiddenSize) // (C, D)
	if err != nil {
		return err
	}
	defer free([]*tensors.Tensor{w})
	if err := writing(w, func(dst []float32) error { return r.readHead(lo, hi, dst) }); err != nil {
		return err
	}
	var tasks []task
	for _, t := range r.tasks() {
		if len(r.prompts[t.prompt].IDs) > 1 {
			tasks = append(tasks, t)
		}
	}
	return inOrder(len(tasks), r.workers,
		func(i int) ([]*tensors.Tensor, error) {
			t := tasks[i]
			if err := r.ctx.Err(); err != nil {
				return nil, err
			}
			return r.engine.loss.Call(r.resid[t.prompt][t.variant], w, r.targets(r.prompts[t.prompt], lo))
		},
		func(i int, out []*tensors.Tensor) error {
			defer free(out)
			return tallies[tasks[i].prompt][tasks[i].variant].add(out)
		}, free)
}

// readHead reads the rows [lo, hi) of the head's matrix into dst (hi-lo, D).
func (r *run) readHead(lo, hi int, dst []float32) error {
	name := r.model.Config.HeadTensor()
	if err := r.model.Weights.ReadRows(name, lo, hi, dst); err != nil {
		return err
	}
	if row := firstNotFinite(dst, r.model.Config.HiddenSize); row >= 0 {
		return loader.InputErrorf("tensor %s holds NaN or Inf in row %d", name, lo+row)
	}
	return nil
}

// targets are the next tokens (T, 1), counted from the chunk's first row: those
// of other chunks fall outside [0, C) and match no column. The last token has
// no next one; its row of the result is not read.
func (r *run) targets(p Prompt, lo int) [][]int32 {
	t := make([][]int32, len(p.IDs))
	for i := range t {
		next := int32(-1)
		if i+1 < len(p.IDs) {
			next = p.IDs[i+1] - int32(lo)
		}
		t[i] = []int32{next}
	}
	return t
}

// add merges one chunk: log Σ exp over both is kept stable by the larger maximum.
func (t *tally) add(chunk []*tensors.Tensor) error {
	var largest, sum, target []float32 // (T), the last entry without a target
	for i, dst := range []*[]float32{&largest, &sum, &target} {
		if err := reading(chunk[i], func(flat []float32) error { *dst = append([]float32(nil), flat...); return nil }); err != nil {
			return err
		}
	}
	for i := range t.max {
		m := max(t.max[i], float64(largest[i]))
		t.sum[i] = t.sum[i]*math.Exp(t.max[i]-m) + float64(sum[i])*math.Exp(float64(largest[i])-m)
		t.max[i] = m
		t.target[i] += float64(target[i])
	}
	return nil
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
