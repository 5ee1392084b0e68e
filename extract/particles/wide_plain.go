//go:build !(goexperiment.simd && amd64)

package particles

// useSIMD is false: the kernels would only be slower than plain loops.
const useSIMD = false

// tile writes to c (4, 8) the products of four rows a (k) with b (k, 8).
func tile(c *[tileRows * panel]float64, a0, a1, a2, a3, b []float64) {
	clear(c[:])
	for k := range a0 {
		for j, v := range b[k*panel : k*panel+panel] {
			c[j] += a0[k] * v
			c[panel+j] += a1[k] * v
			c[2*panel+j] += a2[k] * v
			c[3*panel+j] += a3[k] * v
		}
	}
}

func (w weighing) weighWide(s []float64) float64 { return w.weigh(s) }
