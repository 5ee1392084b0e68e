//go:build goexperiment.simd && amd64

package vec

import "simd/archsimd"

func softmaxAVX512(s, most, sum, shrink []float32) {
	for j := 0; j < lanes; j += 16 {
		old := archsimd.LoadFloat32x16(most[j : j+16])
		m := old
		for i := j; i < len(s); i += lanes {
			m = m.Max(archsimd.LoadFloat32x16(s[i : i+16]))
		}
		m = m.IfElse(m.Greater(old.Add(archsimd.BroadcastFloat32x16(slack))), old)
		less := exp512(old.Sub(m))
		var total archsimd.Float32x16
		for i := j; i < len(s); i += lanes {
			e := exp512(archsimd.LoadFloat32x16(s[i : i+16]).Sub(m))
			e.Store(s[i : i+16])
			total = total.Add(e)
		}
		m.Store(most[j : j+16])
		less.Store(shrink[j : j+16])
		less.MulAdd(archsimd.LoadFloat32x16(sum[j:j+16]), total).Store(sum[j : j+16])
	}
	archsimd.ClearAVXUpperBits()
}

func softmaxAVX2(s, most, sum, shrink []float32) {
	for j := 0; j < lanes; j += 8 {
		old := archsimd.LoadFloat32x8(most[j : j+8])
		m := old
		for i := j; i < len(s); i += lanes {
			m = m.Max(archsimd.LoadFloat32x8(s[i : i+8]))
		}
		m = m.IfElse(m.Greater(old.Add(archsimd.BroadcastFloat32x8(slack))), old)
		less := exp256(old.Sub(m))
		var total archsimd.Float32x8
		for i := j; i < len(s); i += lanes {
			e := exp256(archsimd.LoadFloat32x8(s[i : i+8]).Sub(m))
			e.Store(s[i : i+8])
			total = total.Add(e)
		}
		m.Store(most[j : j+8])
		less.Store(shrink[j : j+8])
		less.MulAdd(archsimd.LoadFloat32x8(sum[j:j+8]), total).Store(sum[j : j+8])
	}
	archsimd.ClearAVXUpperBits()
}
