//go:build goexperiment.simd && amd64

package vec

import "simd/archsimd"

// The last lanes take the same arithmetic as the others, from a partial load: an
// element must not depend on where in its slice it lies.
func siluMulAVX512(gate, up []float32) {
	i := 0
	for ; i <= len(gate)-16; i += 16 {
		x, u := archsimd.LoadFloat32x16(gate[i:i+16]), archsimd.LoadFloat32x16(up[i:i+16])
		siluMul512(x, u).Store(gate[i : i+16])
	}
	x, _ := archsimd.LoadFloat32x16Part(gate[i:])
	u, _ := archsimd.LoadFloat32x16Part(up[i:])
	siluMul512(x, u).StorePart(gate[i:])
	archsimd.ClearAVXUpperBits()
}

func siluMul512(x, up archsimd.Float32x16) archsimd.Float32x16 {
	one := archsimd.LoadFloat32x16Array(&numbers.one)
	var zero archsimd.Float32x16
	e := exp512(x.Min(zero.Sub(x)))
	top := e.IfElse(x.Less(zero), one)
	return x.Mul(top.Div(e.Add(one))).Mul(up)
}

func siluMulAVX2(gate, up []float32) {
	i := 0
	for ; i <= len(gate)-8; i += 8 {
		x, u := archsimd.LoadFloat32x8(gate[i:i+8]), archsimd.LoadFloat32x8(up[i:i+8])
		siluMul256(x, u).Store(gate[i : i+8])
	}
	x, _ := archsimd.LoadFloat32x8Part(gate[i:])
	u, _ := archsimd.LoadFloat32x8Part(up[i:])
	siluMul256(x, u).StorePart(gate[i:])
	archsimd.ClearAVXUpperBits()
}

func siluMul256(x, up archsimd.Float32x8) archsimd.Float32x8 {
	one := archsimd.LoadFloat32x8(numbers.one[:8])
	var zero archsimd.Float32x8
	e := exp256(x.Min(zero.Sub(x)))
	top := e.IfElse(x.Less(zero), one)
	return x.Mul(top.Div(e.Add(one))).Mul(up)
}
