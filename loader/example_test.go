package loader_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/loader"
)

// The states of a prompt are written as they are computed, one layer at a time.
func ExampleCreateSafetensors() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "prompt-0.safetensors")

	const layers, tokens, width = 3, 2, 4
	w, err := loader.CreateSafetensors(path, []loader.TensorSpec{
		{Name: "hidden_states", DType: loader.F32, Shape: []int{layers, tokens, width}},
		{Name: "token_ids", DType: loader.I64, Shape: []int{tokens}},
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for layer := range layers {
		state := make([]float32, tokens*width) // (T, D)
		state[0] = float32(layer)
		if err := w.WriteFloat32("hidden_states", layer*tokens*width, state); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := w.WriteInt64("token_ids", 0, []int64{1, 403}); err != nil {
		fmt.Println(err)
		return
	}
	if err := w.Commit(); err != nil {
		fmt.Println(err)
		return
	}

	f, err := loader.OpenSafetensors(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		fmt.Println(name, info.DType, info.Shape)
	}
	// Output:
	// hidden_states F32 [3 2 4]
	// token_ids I64 [2]
}

// An option that would change the numbers is refused by name.
func ExampleParseConfig() {
	_, err := loader.ParseConfig([]byte(`{"model_type":"llama","hidden_act":"gelu"}`))
	fmt.Println(err)
	// Output:
	// hidden_act="gelu" is not supported; "silu" is
}
