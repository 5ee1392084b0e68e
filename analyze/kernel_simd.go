//go:build goexperiment.simd && amd64

package analyze

import (
	"math"
	"simd/archsimd"

	"github.com/layerclust/layerclust/internal/isacap"
)

// useAVX2 and useAVX512 say which of the kernels run.
var (
	useAVX2   = archsimd.X86.AVX2() && archsimd.X86.FMA() && isacap.Bits() >= 256
	useAVX512 = useAVX2 && archsimd.X86.AVX512() && isacap.Bits() >= 512
)

// addTile is addTilePlain with fused multiply and add; the two ways to do it
// give the same bits.
func addTile(sums *tileSums, a, b []chunk) {
	switch {
	case len(a) == 0:
	case useAVX512:
		addTileAVX512(sums, &a[0], &b[:len(a)][0], len(a))
	case useAVX2:
		addTileAVX2(sums, a, b[:len(a)])
	default:
		addTilePlain(sums, a, b)
	}
}

// addTileAVX512 is addTilePlain over n chunks, at least one.
//
//go:noescape
func addTileAVX512(sums *tileSums, a, b *chunk, n int)

// addTileAVX2 takes two rows of a and half of the lanes at a time.
func addTileAVX2(sums *tileSums, a, b []chunk) {
	for row := 0; row < tileRows; row += 2 {
		for lane := 0; lane < lanes; lane += 4 {
			addPairAVX2(&sums[row*tileRows][lane], &a[0][row*lanes+lane], &b[0][lane], len(a))
		}
	}
}

// addPairAVX2 adds the products of two rows of n chunks of a with the four rows
// of b, over four lanes from those pointed to.
//
//go:noescape
func addPairAVX2(sums, a, b *float64, n int)

// updateRows is updateRowsPlain with fused multiply and add; the two ways to do
// it give the same bits.
func (r *reduction) updateRows(k int) {
	if !useAVX2 {
		r.updateRowsPlain(k)
		return
	}
	first := k / groupRows * groupRows // column of the group
	var s [rowsTogether][lanes]float64
	if useAVX512 {
		updateRowsAVX512(&r.a[k*r.stride], r.stride, &r.u[0], &r.q[0], &r.v[0], &r.y[0], k, first, &s)
	} else {
		for row := 0; row < rowsTogether; row += 2 {
			i := k + row
			updatePairAVX2(&r.a[i*r.stride], r.stride, &r.u[0], &r.q[0], &r.v[0], &r.y[0], i, first, &s[row])
		}
	}
	for row := range s {
		r.y[k+row] += sumLanes(&s[row])
	}
}

// updateRowsAVX512 updates four rows and the y left of their group, and leaves
// the sums of their products with v in s.
//
//go:noescape
func updateRowsAVX512(a *float64, stride int, u, q, v, y *float64, k, first int, s *[rowsTogether][lanes]float64)

// updatePairAVX2 is updateRowsAVX512 for two rows.
//
//go:noescape
func updatePairAVX2(a *float64, stride int, u, q, v, y *float64, k, first int, s *[lanes]float64)

// widen is widenPlain with vector conversions, the rows side by side: four
// streams from memory are read faster than one after the other.
func widen(panel []chunk, rows *[tileRows][]float32) {
	whole := 0 // chunks
	if useAVX2 {
		whole = len(rows[0]) / lanes
		n := whole * lanes
		x0, x1, x2, x3 := rows[0][:n], rows[1][:n], rows[2][:n], rows[3][:n]
		for k := range panel[:whole] {
			dst, at := &panel[k], k*lanes
			widenChunk((*[lanes]float64)(dst[:8]), x0[at:at+lanes])
			widenChunk((*[lanes]float64)(dst[8:16]), x1[at:at+lanes])
			widenChunk((*[lanes]float64)(dst[16:24]), x2[at:at+lanes])
			widenChunk((*[lanes]float64)(dst[24:]), x3[at:at+lanes])
		}
		archsimd.ClearAVXUpperBits()
	}
	rest := *rows
	for r, x := range rows {
		rest[r] = x[whole*lanes:]
	}
	widenPlain(panel[whole:], &rest)
}

func widenChunk(dst *[lanes]float64, x []float32) {
	archsimd.LoadFloat32x4(x[:4]).ConvertToFloat64().Store(dst[:4])
	archsimd.LoadFloat32x4(x[4:8]).ConvertToFloat64().Store(dst[4:])
}

// dot is dotPlain with fused multiply and add, in sixteen partial sums.
func dot(u, v []float64) float64 {
	if !useAVX2 {
		return dotPlain(u, v)
	}
	v = v[:len(u)]
	var s0, s1, s2, s3 archsimd.Float64x4
	whole := len(u) &^ 15
	for k := 0; k < whole; k += 16 {
		s0 = archsimd.LoadFloat64x4(u[k:k+4]).MulAdd(archsimd.LoadFloat64x4(v[k:k+4]), s0)
		s1 = archsimd.LoadFloat64x4(u[k+4:k+8]).MulAdd(archsimd.LoadFloat64x4(v[k+4:k+8]), s1)
		s2 = archsimd.LoadFloat64x4(u[k+8:k+12]).MulAdd(archsimd.LoadFloat64x4(v[k+8:k+12]), s2)
		s3 = archsimd.LoadFloat64x4(u[k+12:k+16]).MulAdd(archsimd.LoadFloat64x4(v[k+12:k+16]), s3)
	}
	total := addAll(s0.Add(s1).Add(s2.Add(s3)))
	archsimd.ClearAVXUpperBits()
	return total + dotPlain(u[whole:], v[whole:])
}

// cosineRow is cosineRowPlain on four lanes.
func cosineRow(dst, row, squares, inverse []float64, square, inverseNorm float64) {
	whole := 0
	if useAVX2 {
		whole = len(row) &^ 3
		one, zero := archsimd.BroadcastFloat64x4(1), archsimd.BroadcastFloat64x4(0)
		own, scale := archsimd.BroadcastFloat64x4(square), archsimd.BroadcastFloat64x4(inverseNorm)
		for j := 0; j < whole; j += 4 {
			g, other := archsimd.LoadFloat64x4(row[j:j+4]), archsimd.LoadFloat64x4(squares[j:j+4])
			v := g.Mul(scale.Mul(archsimd.LoadFloat64x4(inverse[j : j+4])))
			v = v.Max(one.Neg()).Min(one)
			same := g.Equal(own).And(g.Equal(other)).And(g.Greater(zero))
			one.IfElse(same, v).Store(dst[j : j+4])
		}
		archsimd.ClearAVXUpperBits()
	}
	cosineRowPlain(dst[whole:], row[whole:], squares[whole:], inverse[whole:], square, inverseNorm)
}

// draw is drawPlain on four lanes.
func draw(best, left, near []float64, limit float64) float64 {
	if !useAVX2 {
		return drawPlain(best, left, near, limit)
	}
	best, left = best[:len(near)], left[:len(near)]
	top, most := archsimd.BroadcastFloat64x4(math.Inf(-1)), archsimd.BroadcastFloat64x4(limit)
	whole := len(near) &^ 3
	for j := 0; j < whole; j += 4 {
		v := archsimd.LoadFloat64x4(near[j : j+4]).Min(archsimd.LoadFloat64x4(left[j : j+4])).Min(most)
		v = v.Max(archsimd.LoadFloat64x4(best[j : j+4]))
		v.Store(best[j : j+4])
		top = top.Max(v)
	}
	var lane [4]float64
	top.StoreArray(&lane)
	archsimd.ClearAVXUpperBits()
	return max(lane[0], lane[1], lane[2], lane[3], drawPlain(best[whole:], left[whole:], near[whole:], limit))
}

// sizeOf is sizeOfPlain on four lanes.
func sizeOf(x []float32) (peak uint32, square float64) {
	if !useAVX2 {
		return sizeOfPlain(x)
	}
	mask := archsimd.BroadcastUint32x4(0x7fffffff)
	var peaks archsimd.Uint32x4
	var s, t archsimd.Float64x4
	whole := len(x) &^ 7
	for k := 0; k < whole; k += 8 {
		v, w := archsimd.LoadFloat32x4(x[k:k+4]), archsimd.LoadFloat32x4(x[k+4:k+8])
		peaks = peaks.Max(v.ToBits().And(mask)).Max(w.ToBits().And(mask))
		a, b := v.ConvertToFloat64(), w.ConvertToFloat64()
		s, t = a.MulAdd(a, s), b.MulAdd(b, t)
	}
	var most [4]uint32
	peaks.StoreArray(&most)
	square = addAll(s.Add(t))
	archsimd.ClearAVXUpperBits()
	peak, rest := sizeOfPlain(x[whole:])
	return max(peak, most[0], most[1], most[2], most[3]), square + rest
}

// distance is distancePlain on four lanes.
func distance(a, b []float32) (moved, norm float64) {
	if !useAVX2 {
		return distancePlain(a, b)
	}
	b = b[:len(a)]
	var s, t archsimd.Float64x4
	whole := len(a) &^ 3
	for k := 0; k < whole; k += 4 {
		x, y := archsimd.LoadFloat32x4(a[k:k+4]).ConvertToFloat64(), archsimd.LoadFloat32x4(b[k:k+4]).ConvertToFloat64()
		y = y.Sub(x)
		s, t = y.MulAdd(y, s), x.MulAdd(x, t)
	}
	moved, norm = addAll(s), addAll(t)
	archsimd.ClearAVXUpperBits()
	restMoved, restNorm := distancePlain(a[whole:], b[whole:])
	return moved + restMoved, norm + restNorm
}

// addAll returns the sum of the lanes.
func addAll(v archsimd.Float64x4) float64 {
	var l [4]float64
	v.StoreArray(&l)
	return (l[0] + l[1]) + (l[2] + l[3])
}
