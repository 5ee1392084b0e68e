package extract

import (
	"slices"

	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/internal/vec"
)

// linear computes projections of all items, some output columns at a time, on
// all workers. Each of groups is one projection, or two that are needed
// together; done gets columns [lo, hi) of them, (rows, Stride(hi-lo)) each, on
// the worker's goroutine, every column once.
func (p *pass) linear(in *native.Rows, groups [][]int, done func(w *worker, which, lo, hi int, out [2][]float32)) error {
	type job struct {
		group  []int
		lo, hi int
	}
	var jobs []job
	maps := map[int]*linearMap{}
	for _, group := range groups {
		for _, which := range group {
			maps[which] = p.newMap(which)
		}
		weight := p.weights[0].projections[group[0]].weight
		out, _ := weight.shape()
		for lo, step := 0, p.kernel.BlockRows(out, nativeType(weight.dtype())); lo < out; lo += step {
			jobs = append(jobs, job{group, lo, min(lo+step, out)})
		}
	}
	if err := p.lowRank(in, maps); err != nil {
		return err
	}
	defer release(maps)
	return p.parallel(len(jobs), func(w *worker, i int) error {
		j := jobs[i]
		for place, which := range j.group {
			if err := p.apply(w, maps[which], in, j.lo, j.hi, place); err != nil {
				return err
			}
		}
		done(w, j.group[0], j.lo, j.hi, w.out)
		return p.ctx.Err()
	})
}

// linearMap is one projection of all items of a wave.
type linearMap struct {
	which   int
	weights []matrix        // the different ones
	spans   [][]native.Span // the rows that each of them multiplies
	shared  []int           // items whose product with the weight is their twin's
	updates []update
}

// update is the low-rank part of one variant: rows of x Aᵀ.
type update struct {
	variant int
	spans   []native.Span
	rows    *native.Rows // (rows, r)
}

// release gives back what the weights have lent.
func release(maps map[int]*linearMap) {
	for _, m := range maps {
		for _, weight := range m.weights {
			out, _ := weight.shape()
			weight.release(0, out)
		}
	}
}

// newMap sorts the items by what they multiply with.
func (p *pass) newMap(which int) *linearMap {
	m := &linearMap{which: which}
	for i, it := range p.w.items {
		own := p.weights[it.variant].projections[which]
		if p.shares[i] && own.weight == p.weights[0].projections[which].weight {
			m.shared = append(m.shared, i)
		} else {
			at := slices.Index(m.weights, own.weight)
			if at < 0 {
				at = len(m.weights)
				m.weights, m.spans = append(m.weights, own.weight), append(m.spans, nil)
			}
			m.spans[at] = append(m.spans[at], it.span())
		}
		if own.a == nil {
			continue
		}
		at := slices.IndexFunc(m.updates, func(u update) bool { return u.variant == it.variant })
		if at < 0 {
			at = len(m.updates)
			m.updates = append(m.updates, update{variant: it.variant})
		}
		m.updates[at].spans = append(m.updates[at].spans, it.span())
	}
	return m
}

// lowRank computes x Aᵀ for every variant and projection that has one.
func (p *pass) lowRank(in *native.Rows, maps map[int]*linearMap) error {
	type task struct {
		update *update
		own    projection
	}
	var tasks []task
	for which := range p.weights[0].projections {
		if m := maps[which]; m != nil {
			for i := range m.updates {
				tasks = append(tasks, task{&m.updates[i], p.weights[m.updates[i].variant].projections[which]})
			}
		}
	}
	return p.parallel(len(tasks), func(w *worker, i int) error {
		u, own := tasks[i].update, tasks[i].own
		_, inner := own.weight.shape()
		a := heldMatrix{out: own.rank, in: inner, values: own.a}
		out, err := w.multiply(a, 0, own.rank, in, u.spans, 0, p.w.rows)
		if err != nil {
			return err
		}
		u.rows = p.kernel.NewRows(p.w.rows, own.rank, p.bf16)
		stride := native.Stride(own.rank)
		for _, s := range u.spans {
			u.rows.Set(s.From, s.To-s.From, 0, own.rank, out[s.From*stride:], stride)
		}
		return nil
	})
}

// apply computes columns [lo, hi) of a projection of all items, in a worker's
// i-th place for outputs.
func (p *pass) apply(w *worker, m *linearMap, in *native.Rows, lo, hi, i int) error {
	stride := native.Stride(hi - lo)
	w.out[i] = resized(w.out[i], p.w.rows*stride)
	out := w.out[i]
	for k, weight := range m.weights {
		if err := w.load(weight, lo, hi); err != nil {
			return err
		}
		w.block.Multiply(out, in, m.spans[k], false)
	}
	for _, k := range m.shared {
		it := p.w.items[k]
		twin := p.w.items[it.twin]
		copy(out[it.row*stride:it.span().To*stride], out[twin.row*stride:twin.span().To*stride])
	}
	if err := p.update(w, m, lo, hi, out); err != nil {
		return err
	}
	p.addBias(m.which, lo, hi, out)
	return nil
}

// update scales and adds what adapters bring: gain * (x Wᵀ) + (x Aᵀ) Bᵀ.
func (p *pass) update(w *worker, m *linearMap, lo, hi int, out []float32) error {
	stride := native.Stride(hi - lo)
	for _, u := range m.updates {
		own := p.weights[u.variant].projections[m.which]
		if own.gain != nil {
			for _, s := range u.spans {
				for r := s.From; r < s.To; r++ {
					vec.MulRows(out[r*stride:][:hi-lo], own.gain[lo:hi])
				}
			}
		}
		rows, _ := own.weight.shape()
		if err := w.load(heldMatrix{out: rows, in: own.rank, values: own.b}, lo, hi); err != nil {
			return err
		}
		w.block.Multiply(out, u.rows, u.spans, true)
	}
	return nil
}

// addBias adds each item's bias.
func (p *pass) addBias(which, lo, hi int, out []float32) {
	stride := native.Stride(hi - lo)
	for _, it := range p.w.items {
		bias := p.weights[it.variant].projections[which].bias
		if bias == nil {
			continue
		}
		for r := it.row; r < it.row+it.tokens; r++ {
			vec.AddRows(out[r*stride:][:hi-lo], bias[lo:hi])
		}
	}
}
