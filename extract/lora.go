package extract

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/layerclust/layerclust/loader"
)

// update is what an adapter does to one projection, as the graph applies it:
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
type update struct {
	a, b *tensors.Tensor // (r, in), (out, r)
	gain *tensors.Tensor // (out), nil for LoRA
}

// updates are one variant's updates of the projections of one block; the
// entries of projections that it leaves alone are nil.
type updates [7]*update

// changeNorms sums squared Frobenius norms over modules.
type changeNorms struct {
	modules        int
	change, weight float64 // Σ|W'-W|², Σ|W|²
	max            float64 // largest |W'-W| / |W| of a module
}

func (n *changeNorms) add(m changeNorms) {
	n.modules += m.modules
	n.change += m.change
	n.weight += m.weight
	n.max = max(n.max, m.max)
}

func (n changeNorms) applied() Applied {
	a := Applied{Modules: n.modules, RelativeMax: n.max}
	if n.weight > 0 {
		a.RelativeNorm = math.Sqrt(n.change / n.weight)
	}
	return a
}

// updates makes a's changes to the block in w ready for the graph.
func (e *engine) updates(a *loader.Adapter, m *loader.Model, layer int, w *slots) (updates, changeNorms, error) {
	var all updates
	var norms changeNorms
	for i, name := range projections {
		lora, ok := a.Modules[m.ModulePath(layer, name)]
		if !ok {
			continue
		}
		var change change
		if err := reading(w.projections[i].weight.tensor, func(weight []float32) error {
			change = changeOf(lora, a.Scale, weight)
			return nil
		}); err != nil {
			return all, norms, err
		}
		norms.add(change.norms)
		if a.Scale == 0 { // the base exactly
			continue
		}
		u, err := e.upload(lora, change)
		if err != nil {
			return all, norms, fmt.Errorf("%s: %w", name, err)
		}
		all[i] = u
	}
	return all, norms, nil
}

func (e *engine) upload(lora *loader.LoRA, c change) (*update, error) {
	u := &update{}
	var err error
	if u.a, err = e.tensorOf(lora.A, lora.Rank, lora.In); err != nil {
		return nil, err
	}
	if u.b, err = e.tensorOf(c.b, lora.Out, lora.Rank); err != nil {
		return nil, err
	}
	if c.gain != nil {
		u.gain, err = e.tensorOf(c.gain, lora.Out)
	}
	return u, err
}

// change is an update on the host, and how large it is.
type change struct {
	b     []float32 // (out, r)
	gain  []float32 // (out) or nil
	norms changeNorms
}

// changeOf works out the update of weight (out, in) row by row: with
// p = c (B0 A)_i, |w_i + p|² = |w_i|² + 2 <w_i, p> + |p|², where the last two
// need only W Aᵀ (out, r) and A Aᵀ (r, r).
func changeOf(lora *loader.LoRA, s float64, weight []float32) change {
	r, in, out := lora.Rank, lora.In, lora.Out
	cross := make([]float32, 0) // W Aᵀ (out, r), needed for DoRA alone
	if lora.Magnitude != nil {
		cross = make([]float32, out*r)
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, matrix(weight, out, in), matrix(lora.A, r, in), 0, matrix(cross, out, r))
	}
	gramA := gram(lora.A, r, in) // (r, r)
	c := change{b: make([]float32, out*r)}
	if lora.Magnitude != nil {
		c.gain = make([]float32, out)
	}
	for i := range out {
		w2 := squaredNorm(weight[i*in : (i+1)*in])
		b0 := lora.B[i*r : (i+1)*r]
		p2 := lora.Scale * lora.Scale * quadratic(gramA, b0) // |p|²
		g, wp := 1.0, 0.0
		if lora.Magnitude != nil {
			wp = lora.Scale * dot(cross[i*r:(i+1)*r], b0) // <w_i, p>
			g = float64(lora.Magnitude[i]) / math.Sqrt(w2+2*wp+p2)
			c.gain[i] = float32(1 + s*(g-1))
		}
		for k, v := range b0 {
			c.b[i*r+k] = float32(s * g * lora.Scale * float64(v))
		}
		c.norms.change += s * s * ((g-1)*(g-1)*w2 + 2*(g-1)*g*wp + g*g*p2)
		c.norms.weight += w2
	}
	c.norms.modules = 1
	c.norms.change = max(0, c.norms.change) // rounding may leave -0
	if c.norms.weight > 0 {
		c.norms.max = math.Sqrt(c.norms.change / c.norms.weight)
	}
	return c
}

func matrix(data []float32, rows, cols int) blas32.General {
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

// any says whether a projection is changed.
func (u updates) any() bool {
	return u != updates{}
}

// shape is the graph that these updates need.
func (u updates) shape() blockShape {
	var s blockShape
	for i, p := range u {
		s.changes[i] = adapted{lora: p != nil, gain: p != nil && p.gain != nil}
	}
	return s
}

// tensors lists the inputs of one projection's update in the graph's order.
func (u *update) tensors() []*tensors.Tensor {
	if u == nil {
		return nil
	}
	list := []*tensors.Tensor{u.a, u.b}
	if u.gain != nil {
		list = append(list, u.gain)
	}
	return list
}

func (u updates) free() {
	for _, p := range u {
		free(p.tensors())
	}
}
