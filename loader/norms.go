package loader

import "math"

// UpdateNorms returns the Frobenius norms of W' - W at scale 1 and of W, for w =
// W (out, in), row-major: how large a change the adapter is, of how large a
// weight. W is needed since DoRA's update depends on it. A LoRA with a Start is
// to be taken on its base first: see OnBase.
func (l *LoRA) UpdateNorms(w []float32) (update, base float64) {
	base = math.Sqrt(sumSquares(w))
	if l.Magnitude != nil {
		return l.doraNorm(w), base
	}
	return l.productNorm(), base
}

// productNorm is |s B A| by two small Gram matrices, |BA|² = tr(BᵀB AAᵀ), so
// that the (out, in) product is never formed.
func (l *LoRA) productNorm() float64 {
	r := l.Rank
	var trace float64
	for i := range r {
		for j := range r {
			var bb, aa float64
			for o := range l.Out {
				bb += float64(l.B[o*r+i]) * float64(l.B[o*r+j])
			}
			for k := range l.In {
				aa += float64(l.A[i*l.In+k]) * float64(l.A[j*l.In+k])
			}
			trace += bb * aa
		}
	}
	return math.Abs(l.Scale) * math.Sqrt(max(trace, 0)) // rounding can pass below 0
}

// doraNorm is |W' - W|, row by row.
func (l *LoRA) doraNorm(w []float32) float64 {
	change := make([]float64, l.In) // one row of W' - W
	var squares float64
	for o := range l.Out {
		l.ChangeRow(o, w[o*l.In:(o+1)*l.In], change)
		for _, d := range change {
			squares += d * d
		}
	}
	return math.Sqrt(squares)
}

// ChangeRow writes row o of W' - W at scale 1 to change (in), for row o of W (in).
// A LoRA with a Start is to be taken on its base first: see OnBase. That of an
// embedding whose norms are those of columns (ColumnWise) has no such rows.
func (l *LoRA) ChangeRow(o int, row []float32, change []float64) {
	clear(change)
	for i := range l.Rank {
		b := l.Scale * float64(l.B[o*l.Rank+i])
		for k, v := range l.A[i*l.In : (i+1)*l.In] {
			change[k] += b * float64(v)
		}
	}
	if l.Magnitude == nil {
		return
	}
	var norm float64 // of W + s B A
	for k, v := range row {
		adapted := float64(v) + change[k]
		norm += adapted * adapted
	}
	factor := float64(l.Magnitude[o]) / math.Sqrt(norm)
	for k, v := range row {
		w := float64(v)
		change[k] = factor*(w+change[k]) - w
	}
}

// sumSquares adds in four chains, since one addition has to wait for the last.
func sumSquares(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0]) * float64(x[0])
		b += float64(x[1]) * float64(x[1])
		c += float64(x[2]) * float64(x[2])
		d += float64(x[3]) * float64(x[3])
	}
	for _, v := range x {
		a += float64(v) * float64(v)
	}
	return (a + b) + (c + d)
}
