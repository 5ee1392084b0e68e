package extract

import (
	"context"

	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/internal/vec"
	"github.com/layerclust/layerclust/loader"
)

// score goes over the vocabulary in pieces, on all workers, and joins what they
// found in the order of the vocabulary.
func (e *nativeEngine) score(ctx context.Context, w *wave, heads []head) error {
	x := e.rows(&e.normed, w.rows, w.d)
	x.Set(0, w.rows, 0, w.d, w.x, w.d)
	scores := scoring{nativeEngine: e, wave: w}
	for _, it := range w.items {
		if len(it.tally.max) > 0 {
			scores.add(it, heads[it.variant])
		}
	}
	if len(scores.jobs) == 0 {
		return nil
	}
	found := make([][]part, len(scores.jobs)) // (jobs, rows of the job's head)
	err := e.parallel(len(scores.jobs), func(wk *worker, i int) (err error) {
		found[i], err = scores.run(wk, scores.jobs[i], x)
		if err == nil {
			err = ctx.Err()
		}
		return err
	})
	for _, h := range scores.heads {
		out, _ := h.weight.shape()
		h.weight.release(0, out)
	}
	if err != nil {
		return err
	}
	for i, j := range scores.jobs { // in ascending order of each head
		at := 0
		for _, it := range j.of.items {
			for t := range it.tally.max {
				f := found[i][at]
				it.tally.add(t, f.largest, f.sum)
				it.tally.target[t] += float64(f.target)
				at++
			}
		}
	}
	return nil
}

// scoring is one wave over all heads.
type scoring struct {
	*nativeEngine
	wave  *wave
	heads []*scored
	jobs  []scoreJob
}

// scored is a head and the items that it is for.
type scored struct {
	head
	items []item
	spans []native.Span
}

// scoreJob are rows [lo, hi) of a head.
type scoreJob struct {
	of     *scored
	lo, hi int
}

// part is what a piece of the vocabulary is to one token.
type part struct{ largest, sum, target float32 }

// add notes an item, and the jobs of a head that is new.
func (s *scoring) add(it item, h head) {
	for _, known := range s.heads {
		if known.weight == h.weight {
			known.items, known.spans = append(known.items, it), append(known.spans, it.span())
			return
		}
	}
	one := &scored{h, []item{it}, []native.Span{it.span()}}
	s.heads = append(s.heads, one)
	out, _ := h.weight.shape()
	for lo, step := 0, s.kernel.BlockRows(out, nativeType(h.weight.dtype())); lo < out; lo += step {
		s.jobs = append(s.jobs, scoreJob{one, lo, min(lo+step, out)})
	}
}

// run computes the logits of a job and what they come to for each token.
func (s *scoring) run(w *worker, j scoreJob, x *native.Rows) ([]part, error) {
	logits, err := w.multiply(j.of.weight, j.lo, j.hi, x, j.of.spans, 0, s.wave.rows)
	if err != nil {
		return nil, err
	}
	n, stride := j.hi-j.lo, native.Stride(j.hi-j.lo)
	// A row of the head that is not finite leaves no token's logit finite.
	if first := j.of.items[0].row * stride; !vec.Finite(logits[first:][:n]) {
		return nil, loader.InputErrorf("tensor %s holds NaN or Inf in row %d", s.config.HeadTensor(), j.lo+firstNotFinite(logits[first:][:n], 1))
	}
	var parts []part
	for _, it := range j.of.items {
		for t, next := range it.tally.next {
			row := logits[(it.row+t)*stride:][:n]
			if j.of.bias != nil {
				vec.AddRows(row, j.of.bias[j.lo:j.hi])
			}
			var p part
			p.largest, p.sum = vec.SumExp(row)
			if k := int(next) - j.lo; k >= 0 && k < n {
				p.target = row[k]
			}
			parts = append(parts, p)
		}
	}
	return parts, nil
}
