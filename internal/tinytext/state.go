package tinytext

import (
	"fmt"
	"slices"

	"github.com/layerclust/layerclust/loader"
)

// The state of a training run is one safetensors file: the trained tensors
// under their names, both moments of each, and the step. Batches are numbered
// and the learning rate follows from the step, so nothing else is needed to go on
// as if nothing had happened.

const stepTensor = "step"

// state lists the tensors that change in training, but for the step.
func (t *Trainer) state() []loader.NamedTensor {
	var list []loader.NamedTensor
	for i, tensor := range t.trained() {
		list = append(list, tensor,
			loader.NamedTensor{Name: "mean." + tensor.Name, Shape: tensor.Shape, Float32: t.moments[i].mean},
			loader.NamedTensor{Name: "square." + tensor.Name, Shape: tensor.Shape, Float32: t.moments[i].square})
	}
	return list
}

// Save writes the state to a file.
func (t *Trainer) Save(path string) error {
	step := loader.NamedTensor{Name: stepTensor, Shape: []int{1}, Int64: []int64{int64(t.step)}}
	return loader.WriteSafetensors(path, append(t.state(), step), nil)
}

// Resume goes on from a file that Save wrote for a trainer made alike.
func (t *Trainer) Resume(path string) error {
	f, err := loader.OpenSafetensors(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, tensor := range t.state() {
		if info, ok := f.Info(tensor.Name); !ok || !slices.Equal(info.Shape, tensor.Shape) {
			return fmt.Errorf("%s: it is the state of another model: there is no tensor %s of shape %v", path, tensor.Name, tensor.Shape)
		}
		if err := f.ReadFloat32(tensor.Name, tensor.Float32); err != nil {
			return err
		}
	}
	step := make([]int64, 1)
	if err := f.ReadInt64(stepTensor, step); err != nil {
		return err
	}
	t.step = int(step[0])
	return t.upload()
}
