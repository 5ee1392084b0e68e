//go:build !(goexperiment.simd && amd64)

package spectra

func dot(x, y []float64) float64 { return dotPlain(x, y) }

func subtract(row []float64, s float64, v []float64) { subtractPlain(row, s, v) }

func widen(dst []float64, x []float32) { widenPlain(dst, x) }
