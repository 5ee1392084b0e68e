//go:build goexperiment.simd && amd64

package analyze

import (
	"os"
	"simd/archsimd"
	"slices"
	"strings"
)

// useAVX2 and useAVX512 say which of the kernels run.
var (
	useAVX2   = archsimd.X86.AVX2() && archsimd.X86.FMA() && !capped("SSE41", "AVX")
	useAVX512 = useAVX2 && archsimd.X86.AVX512() && !capped("AVX2", "AVX2_VNNI", "AVX2_VNNI_2")
)

// capped says whether the user has set one of the given bounds on the
// instructions used, by the variable that oneDNN reads: a way to get the
// results of a lesser machine.
func capped(bounds ...string) bool {
	return slices.Contains(bounds, strings.ToUpper(os.Getenv("DNNL_MAX_CPU_ISA")))
}

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

// updateRow is updateRowPlain with fused multiply and add on four lanes.
func updateRow(a, u, q, v, y []float64, ui, qi, vi float64) float64 {
	if !useAVX2 || len(a) < 4 {
		return updateRowPlain(a, u, q, v, y, ui, qi, vi)
	}
	n := len(a)
	u, q, v, y = u[:n:n], q[:n:n], v[:n:n], y[:n:n]
	nu, nq := archsimd.BroadcastFloat64x4(-ui), archsimd.BroadcastFloat64x4(-qi)
	bv := archsimd.BroadcastFloat64x4(vi)
	var s archsimd.Float64x4
	k := 0
	for ; k <= n-4; k += 4 {
		r := archsimd.LoadFloat64x4(a[k : k+4])
		r = nq.MulAdd(archsimd.LoadFloat64x4(u[k:k+4]), r)
		r = nu.MulAdd(archsimd.LoadFloat64x4(q[k:k+4]), r)
		r.Store(a[k : k+4])
		s = r.MulAdd(archsimd.LoadFloat64x4(v[k:k+4]), s)
		r.MulAdd(bv, archsimd.LoadFloat64x4(y[k:k+4])).Store(y[k : k+4])
	}
	var lanes [4]float64
	s.StoreArray(&lanes)
	archsimd.ClearAVXUpperBits()
	for ; k < n; k++ {
		a[k] -= qi*u[k] + ui*q[k]
		lanes[0] += a[k] * v[k]
		y[k] += vi * a[k]
	}
	return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

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
