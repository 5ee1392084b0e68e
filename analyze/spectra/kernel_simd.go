//go:build goexperiment.simd && amd64

package spectra

import (
	"simd/archsimd"

	"github.com/layerclust/layerclust/internal/isacap"
)

var (
	useAVX2   = archsimd.X86.AVX2() && archsimd.X86.FMA() && isacap.Bits() >= 256
	useAVX512 = useAVX2 && archsimd.X86.AVX512() && isacap.Bits() >= 512
)

func dot(x, y []float64) float64 {
	switch {
	case useAVX512:
		return dotAVX512(x, y)
	case useAVX2:
		return dotAVX2(x, y)
	}
	return dotPlain(x, y)
}

func subtract(row []float64, s float64, v []float64) {
	if useAVX2 {
		subtractAVX2(row, s, v)
	} else {
		subtractPlain(row, s, v)
	}
}

func widen(dst []float64, x []float32) {
	if useAVX2 {
		widenAVX2(dst, x)
	} else {
		widenPlain(dst, x)
	}
}

// The loops move on by slicing: the compiler then checks bounds once a turn.

func dotAVX512(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b archsimd.Float64x8
	for len(x) >= 16 && len(y) >= 16 {
		p, q := (*[16]float64)(x), (*[16]float64)(y)
		a = archsimd.LoadFloat64x8(p[0:8]).MulAdd(archsimd.LoadFloat64x8(q[0:8]), a)
		b = archsimd.LoadFloat64x8(p[8:16]).MulAdd(archsimd.LoadFloat64x8(q[8:16]), b)
		x, y = x[16:], y[16:]
	}
	var s [8]float64
	a.Add(b).StoreArray(&s)
	archsimd.ClearAVXUpperBits()
	return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])) + dotPlain(x, y)
}

func dotAVX2(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b, c, d archsimd.Float64x4
	for len(x) >= 16 && len(y) >= 16 {
		p, q := (*[16]float64)(x), (*[16]float64)(y)
		a = archsimd.LoadFloat64x4(p[0:4]).MulAdd(archsimd.LoadFloat64x4(q[0:4]), a)
		b = archsimd.LoadFloat64x4(p[4:8]).MulAdd(archsimd.LoadFloat64x4(q[4:8]), b)
		c = archsimd.LoadFloat64x4(p[8:12]).MulAdd(archsimd.LoadFloat64x4(q[8:12]), c)
		d = archsimd.LoadFloat64x4(p[12:16]).MulAdd(archsimd.LoadFloat64x4(q[12:16]), d)
		x, y = x[16:], y[16:]
	}
	var s [4]float64
	a.Add(c).Add(b.Add(d)).StoreArray(&s)
	archsimd.ClearAVXUpperBits()
	return (s[0] + s[1]) + (s[2] + s[3]) + dotPlain(x, y)
}

func subtractAVX2(row []float64, s float64, v []float64) {
	row = row[:len(v)]
	minus := archsimd.BroadcastFloat64x4(-s)
	for len(v) >= 8 && len(row) >= 8 {
		p, q := (*[8]float64)(v), (*[8]float64)(row)
		archsimd.LoadFloat64x4(p[0:4]).MulAdd(minus, archsimd.LoadFloat64x4(q[0:4])).Store(q[0:4])
		archsimd.LoadFloat64x4(p[4:8]).MulAdd(minus, archsimd.LoadFloat64x4(q[4:8])).Store(q[4:8])
		v, row = v[8:], row[8:]
	}
	archsimd.ClearAVXUpperBits()
	subtractPlain(row, s, v)
}

func widenAVX2(dst []float64, x []float32) {
	dst = dst[:len(x)]
	for len(x) >= 8 && len(dst) >= 8 {
		p, q := (*[8]float32)(x), (*[8]float64)(dst)
		archsimd.LoadFloat32x4(p[0:4]).ConvertToFloat64().Store(q[0:4])
		archsimd.LoadFloat32x4(p[4:8]).ConvertToFloat64().Store(q[4:8])
		x, dst = x[8:], dst[8:]
	}
	archsimd.ClearAVXUpperBits()
	widenPlain(dst, x)
}
