package vec

import (
	"math"
	"math/cmplx"
	"testing"
)

// A pair is a complex number, and turning it a product.
func TestRope(t *testing.T) {
	const rows, heads = 5, 3
	eachWay(t, func(t *testing.T) {
		for _, headDim := range []int{2, 6, 16, 30, 64, 128} {
			half, stride := headDim/2, heads*headDim+5
			x := normal(uint64(headDim), rows*stride, 1)
			cos, sin := make([]float32, rows*half), make([]float32, rows*half)
			for i, a := range normal(3, rows*half, 2) {
				cos[i], sin[i] = float32(math.Cos(float64(a))), float32(math.Sin(float64(a)))
			}
			got := append([]float32{}, x...)
			Rope(got, rows, stride, heads, headDim, cos, sin)
			for i := range x {
				row, column := i/stride, i%stride
				if column >= heads*headDim {
					sameBits(t, "beyond the heads", got[i:i+1], x[i:i+1])
					continue
				}
				low, angle := i-column%headDim+column%half, row*half+column%half
				z := complex(float64(x[low]), float64(x[low+half]))
				w := z * complex(float64(cos[angle]), float64(sin[angle]))
				want := real(w)
				if column%headDim >= half {
					want = imag(w)
				}
				// Three roundings of terms no greater than the pair.
				if math.Abs(float64(got[i])-want) > 3*0x1p-24*cmplx.Abs(z) {
					t.Fatalf("head of %d, row %d, column %d: %v, want %v", headDim, row, column, got[i], want)
				}
			}
		}
	})
}
