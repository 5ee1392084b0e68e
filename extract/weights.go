package extract

import (
	"fmt"
	"math"

	"github.com/layerclust/layerclust/loader"
)

// The projections of a block, in the order in which it applies them.
var projections = loader.Projections() // (7)

// Indices of projections.
const (
	wq = iota
	wk
	wv
	wo
	gate
	up
	down
)

// blockWeights are the weights of one block as one variant has them: the base's
// own, or others in their place.
type blockWeights struct {
	norms       []norm // those of Config.Norms
	projections [7]projection
}

// norm is the gain of an RMS norm.
type norm struct {
	gain []float32 // (D), or (headDim)
	own  bool      // not the base's
}

// projection is one linear map, y = gain * (x Wᵀ) + (x Aᵀ) Bᵀ + bias; nil where
// it has no such term.
type projection struct {
	weight matrix    // (out, in); the base's is the same value in every variant
	bias   []float32 // (out)
	a, b   []float32 // (r, in), (out, r)
	rank   int
	gain   []float32 // (out)
	own    bool      // not the base's in one of these
}

// Places in Config.Norms.
const (
	attnNorm = iota
	mlpNorm
	queryNorm // where the model has them
	keyNorm
)

// changesAttention says whether anything between the norm before attention and
// its heads' outputs is not the base's.
func (w *blockWeights) changesAttention() bool {
	for _, n := range w.norms[queryNorm:] {
		if n.own {
			return true
		}
	}
	return w.projections[wq].own || w.projections[wk].own || w.projections[wv].own
}

// baseBlock is the block that every variant starts from.
type baseBlock struct {
	model   *loader.Model
	layer   int
	weights blockWeights
	squares [7][]float64 // squared norms of a projection's rows, (out), once they have been asked for
}

// readBlock reads what is small of block layer, and finds the rest.
func readBlock(m *loader.Model, layer int) (*baseBlock, error) {
	b := &baseBlock{model: m, layer: layer}
	for _, n := range m.Config.Norms() {
		gain, err := b.vector(n.Module+".weight", n.Size)
		if err != nil {
			return nil, err
		}
		b.weights.norms = append(b.weights.norms, norm{gain: gain})
	}
	for i, name := range projections {
		p := &b.weights.projections[i]
		found, err := m.Weights.Matrix(b.path(name + ".weight"))
		if err != nil {
			return nil, err
		}
		p.weight = fileMatrix{found}
		if m.Config.HasBias(name) {
			if p.bias, err = b.vector(name+".bias", found.Rows); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// path is a module's or a tensor's name in the model.
func (b *baseBlock) path(name string) string { return b.model.ModulePath(b.layer, name) }

func (b *baseBlock) vector(name string, n int) ([]float32, error) {
	x := make([]float32, n)
	return x, b.model.Weights.ReadFloat32(b.path(name), x)
}

// prefetch asks for the block's weights to be in memory soon.
func (b *baseBlock) prefetch() {
	for i := range b.weights.projections {
		b.weights.projections[i].weight.prefetch()
	}
}

// rowSquares are the squared norms of the rows of projection i, (out): one pass
// over it serves every adapter.
func (b *baseBlock) rowSquares(i int) ([]float64, error) {
	if b.squares[i] == nil {
		var err error
		if b.squares[i], err = rowSquares(b.weights.projections[i].weight); err != nil {
			return nil, err
		}
	}
	return b.squares[i], nil
}

// notFinite names a weight of a variant that holds NaN or Inf, or "".
func (w *blockWeights) notFinite(path func(string) string, c loader.Config) string {
	for i, n := range c.Norms() {
		if firstNotFinite(w.norms[i].gain, n.Size) >= 0 {
			return path(n.Module + ".weight")
		}
	}
	for i, name := range projections {
		p := w.projections[i]
		_, in := p.weight.shape()
		err := overRows(p.weight, func(_, _ int, values []float32) error {
			if firstNotFinite(values, in) >= 0 {
				return errNotFinite
			}
			return nil
		})
		if err != nil {
			return path(name + ".weight")
		}
		if p.bias != nil && firstNotFinite(p.bias, len(p.bias)) >= 0 {
			return path(name + ".bias")
		}
	}
	return ""
}

var errNotFinite = fmt.Errorf("NaN or Inf")

// firstNotFinite is the first row of x (T, d) that holds NaN or Inf, or -1.
func firstNotFinite(x []float32, d int) int {
	for t := 0; t < len(x)/d; t++ {
		for _, v := range x[t*d : (t+1)*d] {
			if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
				return t
			}
		}
	}
	return -1
}
