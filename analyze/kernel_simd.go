//go:build goexperiment.simd && amd64

package analyze

import "simd/archsimd"

// useSIMD says whether this processor has what the kernels below need.
var useSIMD = archsimd.X86.AVX2() && archsimd.X86.FMA()

// addTile is addTilePlain with fused multiply and add on four lanes: two rows
// of a against four of b at a time, since that fills the 16 registers.
func addTile(out []float64, stride int, a, b []float64) {
	if !useSIMD {
		addTilePlain(out, stride, a, b)
		return
	}
	addHalfTile(out, stride, a, b)
	addHalfTile(out[2*stride:], stride, a[2*gramColumns:], b)
	archsimd.ClearAVXUpperBits()
}

func addHalfTile(out []float64, stride int, a, b []float64) {
	a0, a1 := a[:gramColumns], a[gramColumns:2*gramColumns]
	b0, b1 := b[:gramColumns], b[gramColumns:2*gramColumns]
	b2, b3 := b[2*gramColumns:3*gramColumns], b[3*gramColumns:4*gramColumns]
	var s00, s01, s02, s03, s10, s11, s12, s13 archsimd.Float64x4
	for k := 0; k <= gramColumns-4; k += 4 {
		u, v := archsimd.LoadFloat64x4(a0[k:k+4]), archsimd.LoadFloat64x4(a1[k:k+4])
		w := archsimd.LoadFloat64x4(b0[k : k+4])
		s00 = w.MulAdd(u, s00)
		s10 = w.MulAdd(v, s10)
		w = archsimd.LoadFloat64x4(b1[k : k+4])
		s01 = w.MulAdd(u, s01)
		s11 = w.MulAdd(v, s11)
		w = archsimd.LoadFloat64x4(b2[k : k+4])
		s02 = w.MulAdd(u, s02)
		s12 = w.MulAdd(v, s12)
		w = archsimd.LoadFloat64x4(b3[k : k+4])
		s03 = w.MulAdd(u, s03)
		s13 = w.MulAdd(v, s13)
	}
	addLanes(out[:4], sumLanes(s00, s01, s02, s03))
	addLanes(out[stride:stride+4], sumLanes(s10, s11, s12, s13))
}

// sumLanes returns the sums over the lanes of each of four vectors.
func sumLanes(a, b, c, d archsimd.Float64x4) archsimd.Float64x4 {
	ab := a.ConcatAddPairsGrouped(b) // a0+a1 b0+b1 | a2+a3 b2+b3
	cd := c.ConcatAddPairsGrouped(d)
	var low, high archsimd.Float64x4
	low = low.SetLo(ab.GetLo()).SetHi(cd.GetLo())
	high = high.SetLo(ab.GetHi()).SetHi(cd.GetHi())
	return low.Add(high)
}

func addLanes(dst []float64, v archsimd.Float64x4) {
	archsimd.LoadFloat64x4(dst).Add(v).Store(dst)
}

// updateRow is updateRowPlain with fused multiply and add on four lanes.
func updateRow(a, u, q, v, y []float64, ui, qi, vi float64) float64 {
	if !useSIMD || len(a) < 4 {
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
