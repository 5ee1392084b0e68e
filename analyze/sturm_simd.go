//go:build goexperiment.simd && amd64

package analyze

import "simd/archsimd"

// countPoints is the number of points that countBelow takes: three vectors,
// since one would wait for its own products. 0: vectors are not to be had.
var countPoints = func() int {
	switch {
	case useAVX512:
		return 24
	case useAVX2:
		return 12
	}
	return 0
}()

// countBelow is countBelowPlain for countPoints points, with fused multiply and
// add; the two ways to do it give the same bits.
func countBelow(dets []det, counts []int, points, d, e2 []float64) {
	if useAVX512 {
		countBelow512(dets, counts, points, d, e2)
	} else {
		countBelow256(dets, counts, points, d, e2)
	}
}

// exponentBias is what a float64 adds to its exponent.
const exponentBias = 1023

// countBelow512 is countBelow for 24 points.
func countBelow512(dets []det, counts []int, points, d, e2 []float64) {
	x, y, z := archsimd.LoadFloat64x8(points[:8]), archsimd.LoadFloat64x8(points[8:16]), archsimd.LoadFloat64x8(points[16:24])
	one := archsimd.BroadcastFloat64x8(1)
	p0, p1, p2 := one, one, one // of this step, and before it
	var q0, q1, q2 archsimd.Float64x8
	var c0, c1, c2, s0, s1, s2 archsimd.Uint64x8 // changes of sign, exponents of the scales
	e2 = e2[:len(d)]
	for i := range d {
		a, b := archsimd.BroadcastFloat64x8(d[i]), archsimd.BroadcastFloat64x8(e2[i])
		q0, p0 = p0, a.Sub(x).MulAdd(p0, b.Mul(q0))
		q1, p1 = p1, a.Sub(y).MulAdd(p1, b.Mul(q1))
		q2, p2 = p2, a.Sub(z).MulAdd(p2, b.Mul(q2))
		c0 = c0.Add(q0.ToBits().Xor(p0.ToBits()).ShiftAllRight(63))
		c1 = c1.Add(q1.ToBits().Xor(p1.ToBits()).ShiftAllRight(63))
		c2 = c2.Add(q2.ToBits().Xor(p2.ToBits()).ShiftAllRight(63))
		if i%stepsUnscaled == stepsUnscaled-1 {
			s := scaleOf8(p0, q0)
			p0, q0, s0 = p0.Mul(s.BitsToFloat64()), q0.Mul(s.BitsToFloat64()), s0.Add(s.ShiftAllRight(52))
			s = scaleOf8(p1, q1)
			p1, q1, s1 = p1.Mul(s.BitsToFloat64()), q1.Mul(s.BitsToFloat64()), s1.Add(s.ShiftAllRight(52))
			s = scaleOf8(p2, q2)
			p2, q2, s2 = p2.Mul(s.BitsToFloat64()), q2.Mul(s.BitsToFloat64()), s2.Add(s.ShiftAllRight(52))
		}
	}
	var changes, scales [24]uint64
	var last [24]float64
	c0.Store(changes[:8])
	c1.Store(changes[8:16])
	c2.Store(changes[16:])
	s0.Store(scales[:8])
	s1.Store(scales[8:16])
	s2.Store(scales[16:])
	p0.Abs().Store(last[:8])
	p1.Abs().Store(last[8:16])
	p2.Abs().Store(last[16:])
	archsimd.ClearAVXUpperBits()
	for i := range changes {
		counts[i] = int(changes[i])
		dets[i] = det{last[i], exponentBias*(len(d)/stepsUnscaled) - int(scales[i])}
	}
}

// scaleOf8 returns the bits of the power of two that takes the larger of two
// magnitudes to between 1 and 2.
func scaleOf8(p, q archsimd.Float64x8) archsimd.Uint64x8 {
	exponent := p.Abs().Max(q.Abs()).ToBits().And(archsimd.BroadcastUint64x8(0x7ff << 52))
	return archsimd.BroadcastUint64x8(2 * exponentBias << 52).Sub(exponent)
}

// countBelow256 is countBelow for 12 points.
func countBelow256(dets []det, counts []int, points, d, e2 []float64) {
	x, y, z := archsimd.LoadFloat64x4(points[:4]), archsimd.LoadFloat64x4(points[4:8]), archsimd.LoadFloat64x4(points[8:12])
	one := archsimd.BroadcastFloat64x4(1)
	p0, p1, p2 := one, one, one // of this step, and before it
	var q0, q1, q2 archsimd.Float64x4
	var c0, c1, c2, s0, s1, s2 archsimd.Uint64x4 // changes of sign, exponents of the scales
	e2 = e2[:len(d)]
	for i := range d {
		a, b := archsimd.BroadcastFloat64x4(d[i]), archsimd.BroadcastFloat64x4(e2[i])
		q0, p0 = p0, a.Sub(x).MulAdd(p0, b.Mul(q0))
		q1, p1 = p1, a.Sub(y).MulAdd(p1, b.Mul(q1))
		q2, p2 = p2, a.Sub(z).MulAdd(p2, b.Mul(q2))
		c0 = c0.Add(q0.ToBits().Xor(p0.ToBits()).ShiftAllRight(63))
		c1 = c1.Add(q1.ToBits().Xor(p1.ToBits()).ShiftAllRight(63))
		c2 = c2.Add(q2.ToBits().Xor(p2.ToBits()).ShiftAllRight(63))
		if i%stepsUnscaled == stepsUnscaled-1 {
			s := scaleOf4(p0, q0)
			p0, q0, s0 = p0.Mul(s.BitsToFloat64()), q0.Mul(s.BitsToFloat64()), s0.Add(s.ShiftAllRight(52))
			s = scaleOf4(p1, q1)
			p1, q1, s1 = p1.Mul(s.BitsToFloat64()), q1.Mul(s.BitsToFloat64()), s1.Add(s.ShiftAllRight(52))
			s = scaleOf4(p2, q2)
			p2, q2, s2 = p2.Mul(s.BitsToFloat64()), q2.Mul(s.BitsToFloat64()), s2.Add(s.ShiftAllRight(52))
		}
	}
	var changes, scales [12]uint64
	var last [12]float64
	c0.Store(changes[:4])
	c1.Store(changes[4:8])
	c2.Store(changes[8:])
	s0.Store(scales[:4])
	s1.Store(scales[4:8])
	s2.Store(scales[8:])
	p0.Abs().Store(last[:4])
	p1.Abs().Store(last[4:8])
	p2.Abs().Store(last[8:])
	archsimd.ClearAVXUpperBits()
	for i := range changes {
		counts[i] = int(changes[i])
		dets[i] = det{last[i], exponentBias*(len(d)/stepsUnscaled) - int(scales[i])}
	}
}

// scaleOf4 returns the bits of the power of two that takes the larger of two
// magnitudes to between 1 and 2.
func scaleOf4(p, q archsimd.Float64x4) archsimd.Uint64x4 {
	exponent := p.Abs().Max(q.Abs()).ToBits().And(archsimd.BroadcastUint64x4(0x7ff << 52))
	return archsimd.BroadcastUint64x4(2 * exponentBias << 52).Sub(exponent)
}
