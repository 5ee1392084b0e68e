package tinytext

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// miniature is as small as a model with every part can be: two layers, grouped
// heads, a few tokens.
var miniature = Size{Vocab: 11, Hidden: 8, Intermediate: 12, Layers: 2, Heads: 4, KVHeads: 2}

// TestGradients compares the gradients of the model's weights, and of an
// adapter's, with central differences of the loss, all in float64: at a step of
// 1e-5 these are right to about 1e-9.
func TestGradients(t *testing.T) {
	config, err := miniature.Config()
	if err != nil {
		t.Fatal(err)
	}
	weights := NewModel(config, 3)
	lora := NewLoRA(config, 2, 4, AllModules(), 5)
	for _, tensor := range lora.Tensors { // where B is zero, so are the gradients of A
		copy(tensor.Float32, wave(len(tensor.Float32)))
	}
	for name, adapter := range map[string]*LoRA{"base": nil, "lora": lora} {
		t.Run(name, func(t *testing.T) {
			list, trained := weights, weights
			if adapter != nil {
				list, trained = slices.Concat(weights, adapter.Tensors), adapter.Tensors
			}
			loss, gradients := float64Loss(t, config, adapter, list)
			got := gradients()
			if len(got) != len(trained) {
				t.Fatalf("%d gradients of %d tensors", len(got), len(trained))
			}
			for i, tensor := range trained {
				at := len(list) - len(trained) + i
				for k := 0; k < len(tensor.Float32); k += 1 + len(tensor.Float32)/7 {
					const h = 1e-5
					want := (loss(at, k, h) - loss(at, k, -h)) / (2 * h)
					if math.Abs(got[i][k]-want) > 1e-7+1e-6*math.Abs(want) {
						t.Errorf("%s[%d]: gradient %.10f, differences give %.10f", tensor.Name, k, got[i][k], want)
					}
				}
			}
		})
	}
}

// wave gives n numbers between -0.3 and 0.3 without a pattern that matters.
func wave(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(0.3 * math.Sin(float64(i*i+3*i+1)))
	}
	return x
}

// float64Loss compiles the training graph in float64 on a fixed batch. It
// returns the loss with one element of tensor at moved by h, and the gradients.
func float64Loss(t *testing.T, c loader.Config, lora *LoRA, list []loader.NamedTensor) (func(at, k int, h float64) float64, func() [][]float64) {
	t.Helper()
	const rows, length = 2, 5
	backend, err := gobackend.New("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Finalize)
	cos, sin := ropeTables(c, length)
	fixed := []any{
		tensors.FromFlatDataAndDimensions([]int32{1, 4, 4, 7, 10, 0, 2, 9, 3, 5}, rows, length),
		tensors.FromFlatDataAndDimensions([]int32{4, 4, 7, 10, 2, 2, 9, 3, 5, 5}, rows, length),
		tensors.FromFlatDataAndDimensions([]float64{1, 1, 0, 1, 1, 1, 0, 0, 1, 1}, rows, length),
		tensors.FromFlatDataAndDimensions(cos, length, c.HeadDim/2),
		tensors.FromFlatDataAndDimensions(sin, length, c.HeadDim/2),
	}
	wide := make([]*tensors.Tensor, len(list))
	for i, tensor := range list {
		flat := make([]float64, len(tensor.Float32))
		for k, v := range tensor.Float32 {
			flat[k] = float64(v)
		}
		wide[i] = tensors.FromFlatDataAndDimensions(flat, tensor.Shape...)
	}
	exec := func(gradients bool) func() []*tensors.Tensor {
		compiled, err := graph.NewExec(backend, func(in []*graph.Node) []*graph.Node {
			if in[5].DType() != dtypes.Float64 {
				t.Errorf("the graph is in %s", in[5].DType())
			}
			return lossAndGradients(c, lora, list, in, gradients)
		})
		if err != nil {
			t.Fatal(err)
		}
		return func() []*tensors.Tensor {
			args := slices.Clone(fixed)
			for _, tensor := range wide {
				args = append(args, tensor)
			}
			out, err := compiled.Call(args...)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	value, gradient := exec(false), exec(true)
	move := func(at, k int, h float64) {
		tensors.MustMutableFlatData(wide[at], func(flat []float64) { flat[k] += h })
	}
	loss := func(at, k int, h float64) float64 {
		move(at, k, h)
		defer move(at, k, -h)
		return tensors.ToScalar[float64](value()[0])
	}
	return loss, func() [][]float64 {
		var list [][]float64
		for _, g := range gradient()[1:] {
			list = append(list, tensors.MustCopyFlatData[float64](g))
		}
		return list
	}
}
