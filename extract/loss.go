package extract

import (
	"math"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// headChunk is some rows of one variant's head.
type headChunk struct {
	w    *tensors.Tensor // (C, D); nil where its vocabulary has none of the rows
	bias *tensors.Tensor // (C) or nil
}

// losses passes every state over the head's matrix, a chunk of the vocabulary
// at a time: one read of it serves all prompts and variants.
func (r *run) losses() ([][]float64, error) {
	tables := make([]*table, len(r.variants))
	norms := make([]changeNorms, len(r.variants)) // of the heads
	vocab := 0
	for i, v := range r.variants {
		tables[i] = newTable(v, loader.LMHeadTensor)
		vocab = max(vocab, v.config.VocabSize)
	}
	tallies := r.newTallies(tables)
	step := min(vocab, rowsInChunk(r.model.Config.HiddenSize))
	for lo := 0; lo < vocab; lo += step {
		if err := r.lossChunk(lo, min(lo+step, vocab), tables, norms, tallies); err != nil {
			return nil, err
		}
		r.progress.Head = true
		if r.opts.Progress != nil {
			r.opts.Progress(r.progress)
		}
	}
	loss := make([][]float64, len(r.variants)) // (variants, prompts)
	for v := range loss {
		if tables[v] != nil {
			r.variants[v].norms.add(norms[v].asModule())
		}
		loss[v] = make([]float64, len(r.prompts))
		for p := range r.prompts {
			loss[v][p] = tallies[p][v].mean()
		}
	}
	return loss, nil
}

// newTallies makes a tally for each prompt and variant; variants that share
// their states and their head share the tally.
func (r *run) newTallies(tables []*table) [][]*tally {
	all := make([][]*tally, len(r.prompts)) // (prompts, variants)
	for p, prompt := range r.prompts {
		all[p] = make([]*tally, len(r.variants))
		for i, v := range r.variants {
			if i > 0 && !v.changed && tables[i] == nil {
				all[p][i] = all[p][0]
				continue
			}
			all[p][i] = newTally(len(prompt.IDs) - 1)
		}
	}
	return all
}

// lossChunk adds the rows [lo, hi) of the head to every tally.
func (r *run) lossChunk(lo, hi int, tables []*table, norms []changeNorms, tallies [][]*tally) error {
	chunks, err := r.headChunks(lo, hi, tables, norms)
	defer func() {
		var all []*tensors.Tensor
		for _, c := range chunks {
			all = append(all, c.w, c.bias)
		}
		freeDistinct(all)
	}()
	if err != nil {
		return err
	}
	var tasks []task
	for p, prompt := range r.prompts {
		for i := range r.variants {
			own := i == 0 || tallies[p][i] != tallies[p][0]
			if len(prompt.IDs) > 1 && own && chunks[i].w != nil {
				tasks = append(tasks, task{prompt: p, variant: i})
			}
		}
	}
	return inOrder(len(tasks), r.workers,
		func(i int) ([]*tensors.Tensor, error) {
			t := tasks[i]
			if err := r.ctx.Err(); err != nil {
				return nil, err
			}
			args := []any{r.resid[t.prompt][t.variant], chunks[t.variant].w, r.targets(r.prompts[t.prompt], lo)}
			if bias := chunks[t.variant].bias; bias != nil {
				args = append(args, bias)
			}
			return r.engine.loss.Call(args...)
		},
		func(i int, out []*tensors.Tensor) error {
			defer free(out)
			return tallies[tasks[i].prompt][tasks[i].variant].add(out)
		}, free)
}

// headChunks makes the rows [lo, hi) of every variant's head, as far as its
// vocabulary goes, and adds to the norms of their changes.
func (r *run) headChunks(lo, hi int, tables []*table, norms []changeNorms) ([]headChunk, error) {
	chunks := make([]headChunk, len(r.variants))
	d := r.model.Config.HiddenSize
	var base []float32 // (C, D)
	for i, v := range r.variants {
		n := min(hi, v.config.VocabSize) - lo
		var err error
		switch {
		case n <= 0:
		case i == 0:
			base = make([]float32, n*d)
			if err := r.readHead(lo, lo+n, base); err != nil {
				return chunks, err
			}
			chunks[0].w, err = r.engine.tensorOf(base, n, d)
		case tables[i] == nil:
			chunks[i] = chunks[0]
		default:
			chunks[i], err = r.ownChunk(tables[i], lo, lo+n, base, &norms[i])
		}
		if err != nil {
			return chunks, err
		}
	}
	return chunks, nil
}

// ownChunk makes rows [lo, hi) of a head that is not the base's, whose rows from
// lo on are base.
func (r *run) ownChunk(t *table, lo, hi int, base []float32, norms *changeNorms) (headChunk, error) {
	var c headChunk
	own := make([]float32, (hi-lo)*t.d) // (C, D)
	both := min(len(base), len(own))    // a larger vocabulary has rows that the base has not
	if err := t.rows(lo, hi, base[:both], own); err != nil {
		return c, err
	}
	norms.add(between(base[:both], own[:both]))
	var err error
	if c.w, err = r.engine.tensorOf(own, hi-lo, t.d); err != nil {
		return c, err
	}
	if bias := t.bias(lo, hi); bias != nil {
		c.bias, err = r.engine.tensorOf(bias, hi-lo)
	}
	return c, err
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

// tally gathers log Σ exp of one prompt's logits over chunks of the vocabulary.
type tally struct {
	max, sum []float64 // (T-1) running maximum, Σ exp(logit - max)
	target   []float64 // (T-1) the logit of the next token
}

func newTally(n int) *tally {
	t := &tally{max: make([]float64, n), sum: make([]float64, n), target: make([]float64, n)}
	for i := range t.max {
		t.max[i] = math.Inf(-1)
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
