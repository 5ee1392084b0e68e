//go:build !(goexperiment.simd && amd64)

package spectra

import "gonum.org/v1/gonum/floats"

func dots4(s *[4]float64, v, a, b, c, d []float64) { dots4Plain(s, v, a, b, c, d) }

func dot(v, a []float64) float64 { return floats.Dot(v, a[:len(v)]) }

func subtract4(a, b, c, d []float64, s *[4]float64, v []float64) { subtract4Plain(a, b, c, d, s, v) }

func widen(dst []float64, x []float32) { widenPlain(dst, x) }

func subtract1(row []float64, s float64, v []float64) { subtractPlain(row, s, v) }
