//go:build goexperiment.simd && amd64

package vec

import "simd/archsimd"

func roundBF16AVX2(x []float32) {
	half, one := archsimd.BroadcastUint32x8(0x7fff), archsimd.BroadcastUint32x8(1)
	quiet, high := archsimd.BroadcastUint32x8(quietBit), archsimd.BroadcastUint32x8(0xffff0000)
	i := 0
	for ; i <= len(x)-8; i += 8 {
		v := archsimd.LoadFloat32x8(x[i : i+8])
		u := v.ToBits()
		up := u.Add(half).Add(u.ShiftAllRight(16).And(one))
		u.Or(quiet).IfElse(v.IsNaN(), up).And(high).BitsToFloat32().Store(x[i : i+8])
	}
	archsimd.ClearAVXUpperBits()
	roundBF16Plain(x[i:])
}

func finiteAVX2(x []float32) bool {
	exponent := archsimd.BroadcastUint32x8(exponentOne)
	var most archsimd.Uint32x8
	i := 0
	for ; i <= len(x)-8; i += 8 {
		most = most.Max(archsimd.LoadFloat32x8(x[i : i+8]).ToBits().And(exponent))
	}
	bad := most.Equal(exponent).ToBits()
	archsimd.ClearAVXUpperBits()
	return bad == 0 && finitePlain(x[i:])
}

func widenBF16AVX2(dst []float32, src []byte) {
	i := 0
	for ; i <= len(dst)-8; i += 8 {
		h := archsimd.LoadUint8x16(src[2*i : 2*i+16]).ReshapeToUint16s()
		h.ExtendToUint32().ShiftAllLeft(16).BitsToFloat32().Store(dst[i : i+8])
	}
	archsimd.ClearAVXUpperBits()
	widenBF16Plain(dst[i:], src[2*i:])
}

func widenFP16AVX2(dst []float32, src []byte) {
	low, sign := archsimd.BroadcastInt32x8(0x7fff), archsimd.BroadcastUint32x8(signBit)
	rebias := archsimd.BroadcastInt32x8(112 << 23)
	subnormals, finites := archsimd.BroadcastInt32x8(0x3ff), archsimd.BroadcastInt32x8(0x7bff) // the greatest
	tiny := archsimd.BroadcastFloat32x8(0x1p-24)
	i := 0
	for ; i <= len(dst)-8; i += 8 {
		h := archsimd.LoadUint8x16(src[2*i : 2*i+16]).ReshapeToUint16s().ExtendToUint32()
		m := h.BitsToInt32().And(low)
		u := m.ShiftAllLeft(13).Add(rebias)
		u = u.Add(rebias).IfElse(m.Greater(finites), u)
		u = u.IfElse(m.Greater(subnormals), m.ConvertToFloat32().Mul(tiny).ToBits().BitsToInt32())
		u.ToBits().Or(h.ShiftAllLeft(16).And(sign)).BitsToFloat32().Store(dst[i : i+8])
	}
	archsimd.ClearAVXUpperBits()
	widenFP16Plain(dst[i:], src[2*i:])
}
