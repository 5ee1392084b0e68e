package particles

// Many tokens: scores and averages as blocked products. Keys and values are
// packed into panels of eight columns, so that one small kernel, four rows by
// eight columns, does both. No n x n matrix is ever held: a worker has the
// scores of rowBlock tokens.

// panel is the number of columns that the kernel makes at a time, tileRows that
// of rows.
const (
	panel    = 8
	tileRows = 4
)

// manyTokens is where packing begins to pay.
const manyTokens = 128

// wideBuffers hold the packed keys and values of one head.
type wideBuffers struct {
	k []float64 // (n/panel, kd, panel), keys across
	w []float64 // (vd/panel, n, panel), dimensions across
}

// wide says whether the blocked kernels are worth while for these attentions.
func (f *field) wide() bool { return useSIMD && f.s.N >= manyTokens && !f.s.Literal }

// stride is the length of a row of scores, whole panels of it.
func (f *field) stride() int { return (f.s.N + panel - 1) / panel * panel }

// pack fills the panels with k (n, kd) and w (n, vd), zeros where they end.
func (f *field) pack(k, w []float64, kd, vd int) {
	n, across := f.s.N, (vd+panel-1)/panel
	b := &f.packed
	if need := f.stride() * kd; len(b.k) != need {
		b.k = make([]float64, need)
	}
	if need := across * n * panel; len(b.w) != need {
		b.w = make([]float64, need)
	}
	for j := range n {
		at := b.k[j/panel*kd*panel+j%panel:]
		for c, v := range k[j*kd : (j+1)*kd] {
			at[c*panel] = v
		}
		for c, v := range w[j*vd : (j+1)*vd] {
			b.w[(c/panel*n+j)*panel+c%panel] = v
		}
	}
}

// attendWide is attendRows by the kernels.
func (f *field) attendWide(out, q []float64, lo, hi, kd, vd int, how weighing, scores []float64) {
	seen := f.s.N
	if f.s.Causal {
		seen = hi
	}
	f.scoreTiles(q, lo, hi, kd, seen, scores)
	var totals [rowBlock]float64
	for i := lo; i < hi; i++ {
		row := scores[(i-lo)*f.stride():][:seen]
		if f.s.Causal {
			clear(row[i+1:])
			row = row[:i+1]
		}
		totals[i-lo] = how.weighWide(row)
	}
	f.averageTiles(out, lo, hi, vd, seen, scores, &totals)
}

// scoreTiles fills the scores of rows lo to hi with the first seen keys.
func (f *field) scoreTiles(q []float64, lo, hi, kd, seen int, scores []float64) {
	stride := f.stride()
	for p := 0; p < seen; p += panel {
		keys := f.packed.k[p*kd : (p+panel)*kd] // (kd, panel)
		for i := lo; i < hi; i += tileRows {
			var a [tileRows][]float64
			for r := range a {
				row := min(i+r, hi-1) // past the end the last row is made again
				a[r] = q[row*kd : (row+1)*kd]
			}
			var c [tileRows * panel]float64
			tile(&c, a[0], a[1], a[2], a[3], keys)
			for r := range min(tileRows, hi-i) {
				copy(scores[(i-lo+r)*stride+p:], c[r*panel:(r+1)*panel])
			}
		}
	}
}

// averageTiles writes the weighted means of the values. Keys are taken in
// chunks that stay in the first cache.
func (f *field) averageTiles(out []float64, lo, hi, vd, seen int, scores []float64, totals *[rowBlock]float64) {
	const chunk = 512
	n, stride := f.s.N, f.stride()
	var c [tileRows * panel]float64
	for i := lo; i < hi; i += tileRows {
		clear(out[i*vd : min(i+tileRows, hi)*vd])
	}
	for from := 0; from < seen; from += chunk {
		to := min(from+chunk, seen)
		for first := 0; first < vd; first += panel {
			values := f.packed.w[(first/panel*n+from)*panel : (first/panel*n+to)*panel] // (chunk, panel)
			for i := lo; i < hi; i += tileRows {
				var a [tileRows][]float64
				for r := range a {
					row := min(i+r, hi-1) - lo
					a[r] = scores[row*stride+from : row*stride+to]
				}
				tile(&c, a[0], a[1], a[2], a[3], values)
				for r := range min(tileRows, hi-i) {
					dst := out[(i+r)*vd+first : (i+r)*vd+min(first+panel, vd)]
					for k := range dst {
						dst[k] += c[r*panel+k]
					}
				}
			}
		}
	}
	for i := lo; i < hi; i++ {
		for k := range vd {
			out[i*vd+k] /= totals[i-lo]
		}
	}
}
