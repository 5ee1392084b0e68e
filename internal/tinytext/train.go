package tinytext

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// Trainer trains a model, or an adapter on a model that stays as it is. The
// graph gives the loss and its gradients; the weights live here and are inputs
// of the graph, since gomlx may bake variables into a compiled graph as
// constants. Same weights, data and schedule, same curve.
type Trainer struct {
	Data     Source
	AdamW    AdamW
	Schedule Schedule

	config   loader.Config
	lora     *LoRA
	base     []loader.NamedTensor
	moments  []moments // of the trained tensors
	step     int       // steps done
	backend  compute.Backend
	train    *graph.Exec
	evaluate *graph.Exec
	inputs   []*tensors.Tensor // cosines, sines, the base's tensors, the adapter's
}

// NewTrainer prepares to train base, or lora on top of it where lora is not
// nil, in place. Close must end it.
func NewTrainer(c loader.Config, base []loader.NamedTensor, lora *LoRA, data Source) (*Trainer, error) {
	t := &Trainer{Data: data, AdamW: AdamW{Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, Decay: 0.1, Clip: 1},
		config: c, lora: lora, base: base}
	for _, tensor := range t.trained() {
		n := len(tensor.Float32)
		t.moments = append(t.moments, moments{make([]float32, n), make([]float32, n)})
	}
	var err error
	if t.backend, err = gobackend.New(""); err != nil {
		return nil, err
	}
	if t.train, err = graph.NewExec(t.backend, t.lossGraph(true)); err == nil {
		t.evaluate, err = graph.NewExec(t.backend, t.lossGraph(false))
	}
	if err != nil {
		return nil, err
	}
	cos, sin := ropeTables(c, data.Length)
	half := c.HeadDim / 2
	t.inputs = append(t.inputs, tensors.FromFlatDataAndDimensions(narrowed(cos), data.Length, half),
		tensors.FromFlatDataAndDimensions(narrowed(sin), data.Length, half))
	for _, tensor := range t.tensors() {
		t.inputs = append(t.inputs, tensors.FromFlatDataAndDimensions(tensor.Float32, tensor.Shape...))
	}
	return t, nil
}

// tensors are all weights, trained those that training changes: the adapter's,
// or without one the base's.
func (t *Trainer) tensors() []loader.NamedTensor {
	if t.lora == nil {
		return t.base
	}
	return slices.Concat(t.base, t.lora.Tensors)
}

func (t *Trainer) trained() []loader.NamedTensor {
	if t.lora == nil {
		return t.base
	}
	return t.lora.Tensors
}

// lossGraph takes tokens, targets and weights (B, T), and t.inputs, to the loss
// and, if asked for, its gradients by the trained tensors.
func (t *Trainer) lossGraph(gradients bool) func([]*graph.Node) []*graph.Node {
	return func(in []*graph.Node) []*graph.Node {
		return lossAndGradients(t.config, t.lora, t.tensors(), in, gradients)
	}
}

// lossAndGradients builds that graph. The adapter's tensors are the last of
// list, and are those that are trained where there is one.
func lossAndGradients(c loader.Config, lora *LoRA, list []loader.NamedTensor, in []*graph.Node, gradients bool) []*graph.Node {
	n := network{config: c, lora: lora, nodes: map[string]*graph.Node{}, cos: in[3], sin: in[4]}
	weights := in[5:]
	for i, tensor := range list {
		n.nodes[tensor.Name] = weights[i]
	}
	loss := n.loss(in[0], in[1], in[2])
	if !gradients {
		return []*graph.Node{loss}
	}
	if lora != nil {
		weights = weights[len(weights)-len(lora.Tensors):]
	}
	return append([]*graph.Node{loss}, graph.Gradient(loss, weights...)...)
}

// Step takes one step and returns the loss before it, in nats per token.
func (t *Trainer) Step() (float64, error) {
	batch, err := t.Data.Batch(t.step)
	if err != nil {
		return 0, err
	}
	out, err := t.call(t.train, batch)
	if err != nil {
		return 0, err
	}
	gradients := make([][]float32, len(out)-1)
	for i, g := range out[1:] {
		if gradients[i], err = tensors.CopyFlatData[float32](g); err != nil {
			return 0, err
		}
	}
	loss := float64(tensors.ToScalar[float32](out[0]))
	free(out)
	t.step++
	return loss, t.apply(gradients)
}

// apply updates the trained tensors.
func (t *Trainer) apply(gradients [][]float32) error {
	factor := t.AdamW.clipFactor(gradients)
	rate := t.Schedule.Rate(t.step)
	for i, tensor := range t.trained() {
		t.AdamW.update(tensor.Float32, gradients[i], t.moments[i], t.step, rate, factor, len(tensor.Shape) > 1)
	}
	return t.upload()
}

// upload renews the graph's copies of the trained tensors.
func (t *Trainer) upload() error {
	trained := t.trained()
	copies := t.inputs[len(t.inputs)-len(trained):]
	for i, tensor := range trained {
		if err := tensors.AssignFlatData(copies[i], tensor.Float32); err != nil {
			return fmt.Errorf("%s: %w", tensor.Name, err)
		}
	}
	return nil
}

// Evaluate is the loss of the current weights over the first n batches of a
// source, in nats per token that counts.
func (t *Trainer) Evaluate(data Source, n int) (float64, error) {
	sum, count := 0.0, 0.0
	for number := range n {
		batch, err := data.Batch(number)
		if err != nil {
			return 0, err
		}
		out, err := t.call(t.evaluate, batch)
		if err != nil {
			return 0, err
		}
		tokens := 0.0
		for _, w := range batch.Weights {
			tokens += float64(w)
		}
		sum += tokens * float64(tensors.ToScalar[float32](out[0]))
		count += tokens
		free(out)
	}
	return sum / count, nil
}

func (t *Trainer) call(exec *graph.Exec, b Batch) ([]*tensors.Tensor, error) {
	rows := len(b.Tokens) / t.Data.Length
	given := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(b.Tokens, rows, t.Data.Length),
		tensors.FromFlatDataAndDimensions(b.Targets, rows, t.Data.Length),
		tensors.FromFlatDataAndDimensions(b.Weights, rows, t.Data.Length),
	}
	defer free(given)
	var args []any
	for _, tensor := range slices.Concat(given, t.inputs) {
		args = append(args, tensor)
	}
	return exec.Call(args...)
}

// Steps is how many steps have been taken.
func (t *Trainer) Steps() int { return t.step }

// Close gives the memory back; the weights stay.
func (t *Trainer) Close() {
	t.train.Finalize()
	t.evaluate.Finalize()
	free(t.inputs)
	t.backend.Finalize()
}

func free(list []*tensors.Tensor) {
	for _, t := range list {
		t.FinalizeAll() //nolint:errcheck // a tensor that is already gone is what is wanted
	}
}

func narrowed(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
