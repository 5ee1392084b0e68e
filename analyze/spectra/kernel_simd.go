//go:build goexperiment.simd && amd64

package spectra

import (
	"simd/archsimd"

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

func subtract4(a, b, c, d []float64, s *[4]float64, v []float64) {
	if useAVX2 {
		subtract4AVX2(a, b, c, d, s, v)
	} else {
		subtract4Plain(a, b, c, d, s, v)
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
