//go:build goexperiment.simd && amd64

package particles

import (
	"math"

	"simd/archsimd"
)

// useSIMD says whether this processor has what the kernels below need.
var useSIMD = archsimd.X86.AVX2() && archsimd.X86.FMA()

// tile writes to c (4, 8) the products of four rows a (k) with b (k, 8), by fused
// multiply and add on four lanes; eight sums fill half of the registers.
func tile(c *[tileRows * panel]float64, a0, a1, a2, a3, b []float64) {
	n := len(a0)
	a1, a2, a3, b = a1[:n], a2[:n], a3[:n], b[:n*panel]
	var c00, c01, c10, c11, c20, c21, c30, c31 archsimd.Float64x4
	for k := range n {
		row := (*[panel]float64)(b[k*panel:])
		x, y := archsimd.LoadFloat64x4(row[:4]), archsimd.LoadFloat64x4(row[4:])
		v := archsimd.BroadcastFloat64x4(a0[k])
		c00, c01 = v.MulAdd(x, c00), v.MulAdd(y, c01)
		v = archsimd.BroadcastFloat64x4(a1[k])
		c10, c11 = v.MulAdd(x, c10), v.MulAdd(y, c11)
		v = archsimd.BroadcastFloat64x4(a2[k])
		c20, c21 = v.MulAdd(x, c20), v.MulAdd(y, c21)
		v = archsimd.BroadcastFloat64x4(a3[k])
		c30, c31 = v.MulAdd(x, c30), v.MulAdd(y, c31)
	}
	for i, v := range [...]archsimd.Float64x4{c00, c01, c10, c11, c20, c21, c30, c31} {
		v.Store(c[4*i : 4*i+4])
	}
	archsimd.ClearAVXUpperBits()
}

// weighWide is weigh for long rows.
func (w weighing) weighWide(s []float64) float64 {
	if w.kind != softmax || w.growth > math.MaxFloat64 || len(s) < 8 {
		return w.weigh(s)
	}
	top := largestOf(s)
	if notFinite(top) {
		return w.weigh(s)
	}
	return expRow(s, top, w.growth)
}

// largestOf is the largest of a row of four or more.
func largestOf(s []float64) float64 {
	most := archsimd.LoadFloat64x4(s[len(s)-4:])
	for ; len(s) >= 4; s = s[4:] {
		most = most.Max(archsimd.LoadFloat64x4(s[:4]))
	}
	var lanes [4]float64
	most.StoreArray(&lanes)
	archsimd.ClearAVXUpperBits()
	return max(lanes[0], lanes[1], lanes[2], lanes[3])
}

// expRow replaces s by e^{-growth (top - s)} and returns the sum: x = k ln 2 + r
// with |r| <= ln(2)/2, e^r by its series to r^12 (the next term is below 2e-16),
// and 2^k by the exponent's bits. Below e^-708, where that would leave the normal
// numbers, the weight is 0.
func expRow(s []float64, top, growth float64) float64 {
	const magic = 3 << 51 // added, it leaves the nearest integer in the low bits
	tops, growths := archsimd.BroadcastFloat64x4(top), archsimd.BroadcastFloat64x4(growth)
	least, magics := archsimd.BroadcastFloat64x4(-708), archsimd.BroadcastFloat64x4(magic)
	log2e := archsimd.BroadcastFloat64x4(math.Log2E)
	high, low := archsimd.BroadcastFloat64x4(-6.93147180369123816490e-01), archsimd.BroadcastFloat64x4(-1.90821492927058770002e-10)
	var series [13]archsimd.Float64x4
	for i := range series {
		series[i] = archsimd.BroadcastFloat64x4(1 / math.Gamma(float64(i+1)))
	}
	var sum archsimd.Float64x4
	n := len(s) &^ 3
	for j := 0; j < n; j += 4 {
		x := archsimd.LoadFloat64x4(s[j : j+4]).Sub(tops).Mul(growths)
		shifted := x.Max(least).MulAdd(log2e, magics)
		k := shifted.Sub(magics)
		r := k.MulAdd(low, k.MulAdd(high, x.Max(least)))
		p := series[12]
		for i := 11; i >= 0; i-- {
			p = p.MulAdd(r, series[i])
		}
		e := p.AsInt64x4().Add(shifted.AsInt64x4().ShiftAllLeft(52)).AsFloat64x4().Masked(x.GreaterEqual(least))
		e.Store(s[j : j+4])
		sum = sum.Add(e)
	}
	var lanes [4]float64
	sum.StoreArray(&lanes)
	archsimd.ClearAVXUpperBits()
	total := (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
	for j := n; j < len(s); j++ {
		s[j] = math.Exp((s[j] - top) * growth)
		total += s[j]
	}
	return total
}
