package extract

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/layerclust/layerclust/loader"
)

// What a LoRA does to one projection, as the graph applies it, is
//
//	y = gain * (x Wᵀ) + (x Aᵀ) Bᵀ
//
// Every form that PEFT trains comes down to it. With c the LoRA scale and s
// the position on the line from base (0) to adapted (1):
//
//	LoRA: B = s c B0, no gain
//	DoRA: W' = m / |W + c B0 A|_row * (W + c B0 A)   (arXiv 2402.09353)
//	      W + s (W' - W) = gain * W + B A,  g = m / |W + c B0 A|_row,
//	      gain = 1 + s (g - 1),  B = s g c B0
//
// W itself is never changed or copied.

// change is an update on the host, and how large it is.
type change struct {
	b     []float32 // (out, r)
	gain  []float32 // (out) or nil
	norms changeNorms
}

// changeOf works out the update of a weight of which it needs the squared norms
// of the rows, squares (out), and for DoRA cross = A Wᵀ (r, out): with
// p = c (B0 A)_i, |w_i + p|² = |w_i|² + 2 <w_i, p> + |p|², where the last two
// follow from A Wᵀ and A Aᵀ (r, r).
func changeOf(lora *loader.LoRA, s float64, squares []float64, cross []float32) change {
	r, in, out := lora.Rank, lora.In, lora.Out
	gramA := gram(lora.A, r, in) // (r, r)
	c := change{b: make([]float32, out*r)}
	if lora.Magnitude != nil {
		c.gain = make([]float32, out)
	}
	for i, w2 := range squares {
		b0 := lora.B[i*r : (i+1)*r]
		p2 := lora.Scale * lora.Scale * quadratic(gramA, b0) // |p|²
		g, wp := 1.0, 0.0
		if lora.Magnitude != nil {
			for k, b := range b0 {
				wp += float64(cross[k*out+i]) * float64(b)
			}
			wp *= lora.Scale // <w_i, p>
			g = float64(lora.Magnitude[i]) / math.Sqrt(w2+2*wp+p2)
			c.gain[i] = float32(1 + s*(g-1))
		}
		for k, v := range b0 {
			c.b[i*r+k] = float32(s * g * lora.Scale * float64(v))
		}
		c.norms.change += s * s * ((g-1)*(g-1)*w2 + 2*(g-1)*g*wp + g*g*p2)
		c.norms.weight += w2
	}
	c.norms.change = max(0, c.norms.change) // rounding may leave -0
	return c
}

func general(data []float32, rows, cols int) blas32.General {
	return blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: data}
}

// gram is A Aᵀ (r, r) of a (r, in), in float64.
func gram(a []float32, r, in int) []float64 {
	g := make([]float64, r*r)
	for i := range r {
		for j := range r {
			g[i*r+j] = dot(a[i*in:(i+1)*in], a[j*in:(j+1)*in])
		}
	}
	return g
}

// quadratic is vᵀ G v of g (r, r).
func quadratic(g []float64, v []float32) float64 {
	sum := 0.0
	for i, x := range v {
		for j, y := range v {
			sum += float64(x) * g[i*len(v)+j] * float64(y)
		}
	}
	return sum
}

func dot(x, y []float32) float64 {
	sum := 0.0
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

func squaredNorm(x []float32) float64 { return dot(x, x) }
