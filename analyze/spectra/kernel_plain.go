//go:build !(goexperiment.simd && amd64)

package spectra

func dots4(s *[4]float64, v, a, b, c, d []float64) { dots4Plain(s, v, a, b, c, d) }

func subtract4(a, b, c, d []float64, s *[4]float64, v []float64) { subtract4Plain(a, b, c, d, s, v) }
