//go:build goexperiment.simd && amd64

package vec

import (
	"math"
	"simd/archsimd"
)

// numbers are the constants of exp, one a lane. They stay in memory, as there are
// more than registers to spare, and the loads cost nothing beside the arithmetic.
var numbers = struct {
	log2e, shift, ln2High, ln2Low   [16]float32
	q6, q5, q4, q3, q2, one, lowest [16]float32
}{
	log2e: each(math.Log2E),
	shift: each(3 << 22), // adding it leaves the nearest integer in the low bits
	// 355/512 has so few bits that its products with |n| <= 2¹⁴ are exact.
	ln2High: each(-355. / 512), ln2Low: each(355./512 - math.Ln2),
	q6: each(exp6), q5: each(exp5), q4: each(exp4), q3: each(exp3), q2: each(exp2),
	one: each(1), lowest: each(expLeast),
}

func each(x float32) (a [16]float32) {
	for i := range a {
		a[i] = x
	}
	return a
}

// exp512 returns exp of each lane, for x <= 80. NaN stays NaN.
func exp512(x archsimd.Float32x16) archsimd.Float32x16 {
	shift := archsimd.LoadFloat32x16Array(&numbers.shift)
	t := x.MulAdd(archsimd.LoadFloat32x16Array(&numbers.log2e), shift)
	n := t.Sub(shift)
	r := n.MulAdd(archsimd.LoadFloat32x16Array(&numbers.ln2High), x)
	r = n.MulAdd(archsimd.LoadFloat32x16Array(&numbers.ln2Low), r)
	one := archsimd.LoadFloat32x16Array(&numbers.one)
	p := archsimd.LoadFloat32x16Array(&numbers.q6)
	p = p.MulAdd(r, archsimd.LoadFloat32x16Array(&numbers.q5))
	p = p.MulAdd(r, archsimd.LoadFloat32x16Array(&numbers.q4))
	p = p.MulAdd(r, archsimd.LoadFloat32x16Array(&numbers.q3))
	p = p.MulAdd(r, archsimd.LoadFloat32x16Array(&numbers.q2))
	p = p.MulAdd(r, one).MulAdd(r, one)
	y := p.ToBits().Add(t.ToBits().ShiftAllLeft(23)).BitsToFloat32()
	var zero archsimd.Float32x16
	return zero.IfElse(x.Less(archsimd.LoadFloat32x16Array(&numbers.lowest)), y)
}

// exp256 is exp512 on eight lanes, to the same bits.
func exp256(x archsimd.Float32x8) archsimd.Float32x8 {
	shift := archsimd.LoadFloat32x8(numbers.shift[:8])
	t := x.MulAdd(archsimd.LoadFloat32x8(numbers.log2e[:8]), shift)
	n := t.Sub(shift)
	r := n.MulAdd(archsimd.LoadFloat32x8(numbers.ln2High[:8]), x)
	r = n.MulAdd(archsimd.LoadFloat32x8(numbers.ln2Low[:8]), r)
	one := archsimd.LoadFloat32x8(numbers.one[:8])
	p := archsimd.LoadFloat32x8(numbers.q6[:8])
	p = p.MulAdd(r, archsimd.LoadFloat32x8(numbers.q5[:8]))
	p = p.MulAdd(r, archsimd.LoadFloat32x8(numbers.q4[:8]))
	p = p.MulAdd(r, archsimd.LoadFloat32x8(numbers.q3[:8]))
	p = p.MulAdd(r, archsimd.LoadFloat32x8(numbers.q2[:8]))
	p = p.MulAdd(r, one).MulAdd(r, one)
	y := p.ToBits().Add(t.ToBits().ShiftAllLeft(23)).BitsToFloat32()
	var zero archsimd.Float32x8
	return zero.IfElse(x.Less(archsimd.LoadFloat32x8(numbers.lowest[:8])), y)
}
