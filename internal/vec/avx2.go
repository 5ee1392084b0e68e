//go:build goexperiment.simd && amd64

package vec

import "simd/archsimd"

var avx2 = way{
	name:       "avx2",
	addRows:    addRowsAVX2,
	mulRows:    mulRowsAVX2,
	scaleMul:   scaleMulAVX2,
	sumSquares: sumSquaresAVX2,
	rotate:     rotateAVX2,
	siluMul:    siluMulAVX2,
	roundBF16:  roundBF16AVX2,
	finite:     finiteAVX2,
	widenBF16:  widenBF16AVX2,
	widenFP16:  widenFP16AVX2,
	product:    productAVX2,
	softmax:    softmaxAVX2,
	sumExp:     sumExpAVX2,
	transpose:  transposeAVX2,
}

func addRowsAVX2(dst, row []float32) {
	for ; len(dst) > 0; dst = dst[len(row):] {
		i := 0
		for ; i <= len(row)-8; i += 8 {
			x := archsimd.LoadFloat32x8(dst[i : i+8])
			x.Add(archsimd.LoadFloat32x8(row[i : i+8])).Store(dst[i : i+8])
		}
		addRowsPlain(dst[i:len(row)], row[i:])
	}
	archsimd.ClearAVXUpperBits()
}

func mulRowsAVX2(dst, row []float32) {
	for ; len(dst) > 0; dst = dst[len(row):] {
		i := 0
		for ; i <= len(row)-8; i += 8 {
			x := archsimd.LoadFloat32x8(dst[i : i+8])
			x.Mul(archsimd.LoadFloat32x8(row[i : i+8])).Store(dst[i : i+8])
		}
		mulRowsPlain(dst[i:len(row)], row[i:])
	}
	archsimd.ClearAVXUpperBits()
}

func scaleMulAVX2(dst, x, gain []float32, scale float32) {
	s := archsimd.BroadcastFloat32x8(scale)
	i := 0
	for ; i <= len(x)-8; i += 8 {
		y := archsimd.LoadFloat32x8(x[i : i+8]).Mul(s)
		y.Mul(archsimd.LoadFloat32x8(gain[i : i+8])).Store(dst[i : i+8])
	}
	archsimd.ClearAVXUpperBits()
	scaleMulPlain(dst[i:], x[i:], gain[i:], scale)
}

func sumSquaresAVX2(x []float32) float64 {
	var s, t archsimd.Float64x4
	i := 0
	for ; i <= len(x)-8; i += 8 {
		a := archsimd.LoadFloat32x4(x[i : i+4]).ConvertToFloat64()
		b := archsimd.LoadFloat32x4(x[i+4 : i+8]).ConvertToFloat64()
		s = a.MulAdd(a, s)
		t = b.MulAdd(b, t)
	}
	var sums [4]float64
	s.Add(t).StoreArray(&sums)
	archsimd.ClearAVXUpperBits()
	return (sums[0] + sums[1]) + (sums[2] + sums[3]) + sumSquaresPlain(x[i:])
}

func rotateAVX2(a, b, cos, sin []float32) {
	i := 0
	for ; i <= len(a)-8; i += 8 {
		u, v := archsimd.LoadFloat32x8(a[i:i+8]), archsimd.LoadFloat32x8(b[i:i+8])
		c, s := archsimd.LoadFloat32x8(cos[i:i+8]), archsimd.LoadFloat32x8(sin[i:i+8])
		u.Mul(c).Sub(v.Mul(s)).Store(a[i : i+8])
		v.Mul(c).Add(u.Mul(s)).Store(b[i : i+8])
	}
	archsimd.ClearAVXUpperBits()
	rotatePlain(a[i:], b[i:], cos[i:], sin[i:])
}
