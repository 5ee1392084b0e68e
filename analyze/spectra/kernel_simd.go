//go:build goexperiment.simd && amd64

package spectra

import (
	"simd/archsimd"

	"gonum.org/v1/gonum/floats"

	"github.com/layerclust/layerclust/internal/isacap"
)

var useAVX2 = archsimd.X86.AVX2() && archsimd.X86.FMA() && isacap.Bits() >= 256

func dots4(s *[4]float64, v, a, b, c, d []float64) {
	if useAVX2 {
		dots4AVX2(s, v, a, b, c, d)
	} else {
		dots4Plain(s, v, a, b, c, d)
	}
}

func dot(v, a []float64) float64 {
	if useAVX2 {
		return dotAVX2(v, a)
	}
	return floats.Dot(v, a[:len(v)])
}

// widen writes x to dst (n) in float64.
func widen(dst []float64, x []float32) {
	if useAVX2 {
		widenAVX2(dst, x)
	} else {
		widenPlain(dst, x)
	}
}

func subtract4(a, b, c, d []float64, s *[4]float64, v []float64) {
	if useAVX2 {
		subtract4AVX2(a, b, c, d, s, v)
	} else {
		subtract4Plain(a, b, c, d, s, v)
	}
}

func subtract1(row []float64, s float64, v []float64) {
	if useAVX2 {
		subtractAVX2(row, s, v)
	} else {
		subtractPlain(row, s, v)
	}
}

func dots4AVX2(s *[4]float64, v, a, b, c, d []float64) {
	n := len(v)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	var a0, a1, b0, b1, c0, c1, d0, d1 archsimd.Float64x4
	k := 0
	for ; k <= n-8; k += 8 {
		x, y := archsimd.LoadFloat64x4(v[k:k+4]), archsimd.LoadFloat64x4(v[k+4:k+8])
		a0 = x.MulAdd(archsimd.LoadFloat64x4(a[k:k+4]), a0)
		b0 = x.MulAdd(archsimd.LoadFloat64x4(b[k:k+4]), b0)
		c0 = x.MulAdd(archsimd.LoadFloat64x4(c[k:k+4]), c0)
		d0 = x.MulAdd(archsimd.LoadFloat64x4(d[k:k+4]), d0)
		a1 = y.MulAdd(archsimd.LoadFloat64x4(a[k+4:k+8]), a1)
		b1 = y.MulAdd(archsimd.LoadFloat64x4(b[k+4:k+8]), b1)
		c1 = y.MulAdd(archsimd.LoadFloat64x4(c[k+4:k+8]), c1)
		d1 = y.MulAdd(archsimd.LoadFloat64x4(d[k+4:k+8]), d1)
	}
	var sums [4][4]float64
	a0.Add(a1).StoreArray(&sums[0])
	b0.Add(b1).StoreArray(&sums[1])
	c0.Add(c1).StoreArray(&sums[2])
	d0.Add(d1).StoreArray(&sums[3])
	archsimd.ClearAVXUpperBits()
	for i, row := range [4][]float64{a, b, c, d} {
		rest := 0.0
		for j := k; j < n; j++ {
			rest += v[j] * row[j]
		}
		s[i] = (sums[i][0] + sums[i][1]) + (sums[i][2] + sums[i][3]) + rest
	}
}

func subtract4AVX2(a, b, c, d []float64, s *[4]float64, v []float64) {
	n := len(v)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	sa, sb := archsimd.BroadcastFloat64x4(-s[0]), archsimd.BroadcastFloat64x4(-s[1])
	sc, sd := archsimd.BroadcastFloat64x4(-s[2]), archsimd.BroadcastFloat64x4(-s[3])
	k := 0
	for ; k <= n-4; k += 4 {
		x := archsimd.LoadFloat64x4(v[k : k+4])
		x.MulAdd(sa, archsimd.LoadFloat64x4(a[k:k+4])).Store(a[k : k+4])
		x.MulAdd(sb, archsimd.LoadFloat64x4(b[k:k+4])).Store(b[k : k+4])
		x.MulAdd(sc, archsimd.LoadFloat64x4(c[k:k+4])).Store(c[k : k+4])
		x.MulAdd(sd, archsimd.LoadFloat64x4(d[k:k+4])).Store(d[k : k+4])
	}
	archsimd.ClearAVXUpperBits()
	subtract4Plain(a[k:], b[k:], c[k:], d[k:], s, v[k:])
}

func dotAVX2(v, a []float64) float64 {
	n := len(v)
	a = a[:n]
	var w, x, y, z archsimd.Float64x4
	k := 0
	for ; k <= n-16; k += 16 {
		w = archsimd.LoadFloat64x4(v[k:k+4]).MulAdd(archsimd.LoadFloat64x4(a[k:k+4]), w)
		x = archsimd.LoadFloat64x4(v[k+4:k+8]).MulAdd(archsimd.LoadFloat64x4(a[k+4:k+8]), x)
		y = archsimd.LoadFloat64x4(v[k+8:k+12]).MulAdd(archsimd.LoadFloat64x4(a[k+8:k+12]), y)
		z = archsimd.LoadFloat64x4(v[k+12:k+16]).MulAdd(archsimd.LoadFloat64x4(a[k+12:k+16]), z)
	}
	var sums [4]float64
	w.Add(x).Add(y.Add(z)).StoreArray(&sums)
	archsimd.ClearAVXUpperBits()
	rest := 0.0
	for ; k < n; k++ {
		rest += v[k] * a[k]
	}
	return (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

func widenAVX2(dst []float64, x []float32) {
	n := len(x)
	dst = dst[:n]
	k := 0
	for ; k <= n-8; k += 8 {
		archsimd.LoadFloat32x4(x[k : k+4]).ConvertToFloat64().Store(dst[k : k+4])
		archsimd.LoadFloat32x4(x[k+4 : k+8]).ConvertToFloat64().Store(dst[k+4 : k+8])
	}
	archsimd.ClearAVXUpperBits()
	widenPlain(dst[k:], x[k:])
}

func subtractAVX2(row []float64, s float64, v []float64) {
	n := len(v)
	row = row[:n]
	minus := archsimd.BroadcastFloat64x4(-s)
	k := 0
	for ; k <= n-8; k += 8 {
		x, y := archsimd.LoadFloat64x4(v[k:k+4]), archsimd.LoadFloat64x4(v[k+4:k+8])
		x.MulAdd(minus, archsimd.LoadFloat64x4(row[k:k+4])).Store(row[k : k+4])
		y.MulAdd(minus, archsimd.LoadFloat64x4(row[k+4:k+8])).Store(row[k+4 : k+8])
	}
	archsimd.ClearAVXUpperBits()
	subtractPlain(row[k:], s, v[k:])
}
