package particles

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// field evaluates the right-hand side of a System. It owns all workspace, so
// that a step allocates nothing.
type field struct {
	s       *System
	layer   int
	prop    *propagator // of the rescaled dynamics
	qe, ke  []float64   // (k, d), Q and K times the propagator
	input   []float64   // (n, d), what attention reads where that is not x
	q, k    []float64   // (n, k)
	w       []float64   // (n, v), values
	mean    []float64   // (n, v), their averages
	rows    [][]float64 // scores, one buffer a worker
	packed  wideBuffers // of many tokens
	diffs   []float64   // (n, n, k), of literal attention
	evals   int
	threads int
}

// newField allocates for the widest head.
func newField(s *System, threads int) (*field, error) {
	f := &field{s: s, threads: max(1, threads)}
	var kd, vd int
	for _, l := range s.Layers {
		for _, h := range l.Heads {
			kd, vd = max(kd, len(h.Q)/s.D), max(vd, len(h.V)/s.D)
		}
	}
	f.q, f.k = make([]float64, s.N*kd), make([]float64, s.N*kd)
	f.w, f.mean = make([]float64, s.N*vd), make([]float64, s.N*vd)
	if s.Dynamics == DiscretePrenorm {
		f.input = make([]float64, s.N*s.D)
	}
	if s.Dynamics == Rescaled {
		f.qe, f.ke = make([]float64, kd*s.D), make([]float64, kd*s.D)
		var err error
		if f.prop, err = newPropagator(s.Layers[0].Heads[0].V, s.D, s.Literal); err != nil {
			return nil, err
		}
	}
	if s.Literal {
		f.diffs = make([]float64, s.N*s.N*kd)
	}
	f.rows = make([][]float64, f.threads)
	for i := range f.rows {
		f.rows[i] = make([]float64, rowBlock*f.stride())
	}
	return f, nil
}

// threadsFor is how many goroutines are worth while for n tokens.
func threadsFor(n, d int) int {
	const fewPairs = 1 << 16 // pairs times dimensions below which handing out work costs more
	if n*n*d < fewPairs {
		return 1
	}
	return min(runtime.GOMAXPROCS(0), (n+rowBlock-1)/rowBlock)
}

// enter chooses the layer that acts from time t on.
func (f *field) enter(t float64) { f.layer = f.s.layerAt(t) }

// eval writes the derivative of the tokens x (n, d) at time t to dst (n, d);
// of a discrete dynamics, what a step of size 1 adds.
func (f *field) eval(dst, x []float64, t float64) {
	f.evals++
	s := f.s
	if f.input != nil {
		f.prenorm(x)
		x = f.input
	}
	clear(dst)
	for i := range s.Layers[f.layer].Heads {
		f.addHead(dst, x, t, &s.Layers[f.layer].Heads[i])
	}
	switch s.Dynamics {
	case Rescaled: // the rows of P sum to 1: sum_j P_ij V (z_j - z_i)
		for i, v := range f.w {
			dst[i] -= v
		}
	case SphereSoftmax, SphereUSA:
		for i := range s.N {
			u, xi := dst[i*s.D:(i+1)*s.D], x[i*s.D:(i+1)*s.D]
			radial := dot(u, xi)
			for k, v := range xi {
				u[k] -= radial * v
			}
		}
	}
}

// prenorm is what the blocks of a network read, in place of the tokens.
func (f *field) prenorm(x []float64) {
	d := f.s.D
	for i := 0; i < len(x); i += d {
		row := x[i : i+d]
		scale := 1 / math.Sqrt(dot(row, row)/float64(d)+f.s.NormEps)
		for k, v := range row {
			f.input[i+k] = v * scale
		}
	}
}

// addHead adds sum_j P_ij V x_j of one head to dst.
func (f *field) addHead(dst, x []float64, t float64, h *Head) {
	s := f.s
	kd, vd := len(h.Q)/s.D, len(h.V)/s.D
	qm, km := h.Q, h.K
	if s.Dynamics == Rescaled {
		f.prop.apply(f.qe[:len(qm)], qm, t)
		f.prop.apply(f.ke[:len(km)], km, t)
		qm, km = f.qe[:len(qm)], f.ke[:len(km)]
	}
	how := f.weighing(t)
	q, k, w := f.q[:s.N*kd], f.k[:s.N*kd], f.w[:s.N*vd]
	mulTransposed(q, x, qm, s.N, s.D, kd)
	mulTransposed(k, x, km, s.N, s.D, kd)
	mulTransposed(w, x, h.V, s.N, s.D, vd)
	if s.Beta != 1 {
		for i := range q {
			q[i] *= s.Beta
		}
	}
	out := f.mean[:s.N*vd]
	if s.Literal {
		f.literalDifferences(x, km, kd)
		f.parallel(func(lo, hi int, scores []float64) { f.literalRows(out, q, k, w, lo, hi, kd, vd, scores) })
	} else if f.wide() {
		f.pack(k, w, kd, vd)
		f.parallel(func(lo, hi int, scores []float64) { f.attendWide(out, q, lo, hi, kd, vd, how, scores) })
	} else {
		f.parallel(func(lo, hi int, scores []float64) { f.attendRows(out, q, k, w, lo, hi, kd, vd, how, scores) })
	}
	if h.O != nil {
		addTransposed(dst, out, h.O, s.N, vd, s.D)
		return
	}
	for i, v := range out {
		dst[i] += v
	}
}

// weighing is how the scores of time t become weights.
func (f *field) weighing(t float64) weighing {
	switch f.s.Dynamics {
	case SphereUSA:
		return weighing{kind: unnormalised, count: float64(f.s.N)}
	case Rescaled:
		return rescaledWeighing(f.prop.shift, t)
	}
	return weighing{growth: 1}
}

// rowBlock is how many rows of scores one worker holds at a time.
const rowBlock = 16

// parallel hands out blocks of rows. Each row is computed by one goroutine in
// one order of operations, so the result does not depend on their number.
func (f *field) parallel(do func(lo, hi int, scores []float64)) {
	n := f.s.N
	if f.threads == 1 {
		for lo := 0; lo < n; lo += rowBlock {
			do(lo, min(n, lo+rowBlock), f.rows[0])
		}
		return
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for _, scores := range f.rows {
		wait.Go(func() {
			for {
				lo := int(next.Add(rowBlock)) - rowBlock
				if lo >= n {
					return
				}
				do(lo, min(n, lo+rowBlock), scores)
			}
		})
	}
	wait.Wait()
}

// attendRows writes the averages of the values under the attention of tokens
// lo to hi. scores is a buffer of (rowBlock, n).
func (f *field) attendRows(out, q, k, w []float64, lo, hi, kd, vd int, how weighing, scores []float64) {
	n := f.s.N
	for i := lo; i < hi; i++ {
		seen := n
		if f.s.Causal {
			seen = i + 1
		}
		row, qi := scores[:seen], q[i*kd:(i+1)*kd]
		for j := range row {
			row[j] = dot(qi, k[j*kd:(j+1)*kd])
		}
		averageRow(out[i*vd:(i+1)*vd], row, w, how.weigh(row))
	}
}

// literalDifferences fills K e^{tV}(z_k - z_j) for all pairs.
func (f *field) literalDifferences(x, km []float64, kd int) {
	n, d := f.s.N, f.s.D
	diff := make([]float64, n*d) // (n, d)
	for j := range n {
		for k := range n {
			for c := range d {
				diff[k*d+c] = x[k*d+c] - x[j*d+c]
			}
		}
		mulTransposed(f.diffs[j*n*kd:(j+1)*n*kd], diff, km, n, d, kd)
	}
}

func (f *field) literalRows(out, q, k, w []float64, lo, hi, kd, vd int, buffer []float64) {
	n := f.s.N
	weights, scores := buffer[:n], buffer[n:2*n]
	for i := lo; i < hi; i++ {
		qi := q[i*kd : (i+1)*kd]
		for j := range scores {
			scores[j] = dot(qi, k[j*kd:(j+1)*kd])
		}
		literalRow(weights, scores, qi, f.diffs)
		averageRow(out[i*vd:(i+1)*vd], weights, w, 1)
	}
}

// normalised writes length x_i/|x_i| for each token to dst; a zero token stays.
func normalised(dst, x []float64, d int, length float64) {
	for i := 0; i < len(x); i += d {
		scale := norm(x[i : i+d])
		if scale > 0 {
			scale = length / scale
		}
		for k, v := range x[i : i+d] {
			dst[i+k] = v * scale
		}
	}
}
