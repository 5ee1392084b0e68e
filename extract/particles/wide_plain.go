//go:build !(goexperiment.simd && amd64)

package particles

// useSIMD is false: the kernels would only be slower than plain loops.
const useSIMD = false

func tile(c *[tileRows * panel]float64, a0, a1, a2, a3, b []float64) { tilePlain(c, a0, a1, a2, a3, b) }

func (w weighing) weighWide(s []float64) float64 { return w.weigh(s) }
