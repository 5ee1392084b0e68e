//go:build goexperiment.simd && amd64

package vec

import "simd/archsimd"

// The lanes are summed in float64 in a fixed order, the values behind the last
// whole vector apart.
func sumExpAVX512(x []float32, most float32) float32 {
	m := archsimd.BroadcastFloat32x16(most)
	var total archsimd.Float32x16
	i := 0
	for ; i <= len(x)-16; i += 16 {
		total = total.Add(exp512(archsimd.LoadFloat32x16(x[i : i+16]).Sub(m)))
	}
	var sums [16]float32
	total.StoreArray(&sums)
	archsimd.ClearAVXUpperBits()
	return sumLanes(sums[:], x[i:], most)
}

func sumExpAVX2(x []float32, most float32) float32 {
	m := archsimd.BroadcastFloat32x8(most)
	var total archsimd.Float32x8
	i := 0
	for ; i <= len(x)-8; i += 8 {
		total = total.Add(exp256(archsimd.LoadFloat32x8(x[i : i+8]).Sub(m)))
	}
	var sums [8]float32
	total.StoreArray(&sums)
	archsimd.ClearAVXUpperBits()
	return sumLanes(sums[:], x[i:], most)
}

func sumLanes(sums, rest []float32, most float32) float32 {
	total := float64(sumExpPlain(rest, most))
	for _, s := range sums {
		total += float64(s)
	}
	return float32(total)
}
