package twin

import (
	"fmt"
	"math"

	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/loader"
)

// Heads reads the attention heads of one block, with an adapter's changes where
// it is not nil. The gain of the norm before attention is folded into Q, K and
// V; keys and values that several heads share are one slice.
func Heads(m *loader.Model, a *loader.Adapter, layer int) ([]particles.Head, error) {
	c := m.Config
	w := make([][]float64, 4) // (out, in) of q, k, v, o
	for i, module := range loader.Projections()[:4] {
		var err error
		if w[i], err = weight(m, a, layer, module); err != nil {
			return nil, fmt.Errorf("layer %d: %s: %w", layer, module, err)
		}
	}
	gain, err := vector(m, a, m.ModulePath(layer, c.Norms()[0].Module)+".weight", c.HiddenSize)
	if err != nil {
		return nil, fmt.Errorf("layer %d: %w", layer, err)
	}
	for _, x := range w[:3] {
		for i := range x {
			x[i] *= gain[i%c.HiddenSize]
		}
	}
	heads := make([]particles.Head, c.NumHeads)
	block := c.HeadDim * c.HiddenSize
	for h := range heads {
		kv := h * c.NumKVHeads / c.NumHeads
		heads[h] = particles.Head{Q: w[0][h*block : (h+1)*block], K: w[1][kv*block : (kv+1)*block], V: w[2][kv*block : (kv+1)*block],
			O: columns(w[3], c.NumHeads*c.HeadDim, h*c.HeadDim, c.HeadDim)}
	}
	return heads, nil
}

// columns are width columns of w (rows, in) from first on, (rows, width).
func columns(w []float64, in, first, width int) []float64 {
	out := make([]float64, 0, len(w)/in*width)
	for row := 0; row < len(w); row += in {
		out = append(out, w[row+first:row+first+width]...)
	}
	return out
}

// weight is one projection (out, in): W + s (W' - W), W' being what the adapter
// makes of W.
func weight(m *loader.Model, a *loader.Adapter, layer int, module string) ([]float64, error) {
	path := m.ModulePath(layer, module)
	out, in := m.Config.ProjectionShape(module)
	base := make([]float32, out*in) // (out, in)
	if err := m.Weights.ReadFloat32(path+".weight", base); err != nil {
		return nil, err
	}
	if a == nil || a.Scale == 0 {
		return widened(base), nil
	}
	adapted := base
	if a.Replaces(path + ".weight") {
		adapted = make([]float32, out*in)
		if err := a.ReadFloat32(path+".weight", adapted); err != nil {
			return nil, err
		}
	}
	w := widened(adapted)
	if lora := a.Modules[path]; lora != nil {
		whole, err := lora.OnBase(adapted)
		if err != nil {
			return nil, err
		}
		addLoRA(w, whole)
	}
	for i, v := range base {
		w[i] = float64(v) + a.Scale*(w[i]-float64(v))
	}
	return w, nil
}

// addLoRA adds s B A to w (out, in), and gives each row the length that a DoRA
// has learned.
func addLoRA(w []float64, l *loader.LoRA) {
	for i := range l.Out {
		row := w[i*l.In : (i+1)*l.In]
		for k := range l.Rank {
			b := l.Scale * float64(l.B[i*l.Rank+k])
			if b == 0 {
				continue
			}
			for j, v := range l.A[k*l.In : (k+1)*l.In] {
				row[j] += b * float64(v)
			}
		}
		if l.Magnitude == nil {
			continue
		}
		var square float64
		for _, v := range row {
			square += v * v
		}
		if square > 0 {
			g := float64(l.Magnitude[i]) / math.Sqrt(square)
			for j := range row {
				row[j] *= g
			}
		}
	}
}

// vector is a gain, moved along the line to the adapter's.
func vector(m *loader.Model, a *loader.Adapter, name string, n int) ([]float64, error) {
	base := make([]float32, n)
	if err := m.Weights.ReadFloat32(name, base); err != nil {
		return nil, err
	}
	w := widened(base)
	if a == nil || a.Scale == 0 || !a.Replaces(name) {
		return w, nil
	}
	own := make([]float32, n)
	if err := a.ReadFloat32(name, own); err != nil {
		return nil, err
	}
	for i, v := range own {
		w[i] += a.Scale * (float64(v) - w[i])
	}
	return w, nil
}

func widened(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
