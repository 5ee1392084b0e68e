package extract

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/loader"
)

// engine computes what a run needs. There are two: the graph of layer.go, which
// runs everywhere and on a GPU and is the oracle of the other one, and native.go
// with the kernels of this machine's processor. Both give float32 accuracy.
type engine interface {
	// product is x wᵀ, (rows, out), of x (rows, in).
	product(x []float32, rows int, w matrix) ([]float32, error)
	// block runs one block on the items of a wave, in place.
	block(ctx context.Context, b *block) error
	// score passes the states of a wave over the heads of the variants and adds
	// to the items' tallies; an item without one is left out.
	score(ctx context.Context, w *wave, heads []head) error
	// room is the memory for waves of so many rows and texts of so many tokens.
	room(rows, longest int) int64
	close()
}

// block is one block about to be run.
type block struct {
	layer    int // of the model
	variants []*variant
	weights  []*blockWeights // of each variant
	wave     *wave
}

// head is what makes a variant's logits.
type head struct {
	weight matrix    // (V, D)
	bias   []float32 // (V) or nil
}

// Engine names the engines that can be asked for.
const (
	EngineAuto   = "auto"   // native where this machine has a kernel, else go
	EngineNative = "native" // kernels of the processor
	EngineGo     = "go"     // the graph, in Go
	EngineXLA    = "xla"    // the graph, on XLA: a GPU where its plugin is there
)

// Engines are all of them.
var Engines = []string{EngineAuto, EngineNative, EngineGo, EngineXLA}

// IsEngine says whether Options.Backend may have this value.
func IsEngine(name string) bool {
	return name == "" || slices.Contains(Engines, name) || strings.HasPrefix(name, EngineXLA+":")
}

// Provider says what a run with these options computes with, as "native, amx,
// f32", and what would be better, if anything.
func Provider(o Options) (name, advice string, err error) {
	precision := "f32"
	if o.BF16 {
		precision = "bf16"
	}
	kernel, backend, advice, err := choose(o.Backend)
	if err != nil {
		return "", "", err
	}
	if kernel != nil {
		return fmt.Sprintf("native, %s, %s", kernel.Mode, precision), advice, nil
	}
	parts := []string{"portable", "gomlx " + backend + " backend", precision}
	if backend == EngineGo {
		parts = append(parts, map[bool]string{true: "simd", false: "no simd"}[simd])
	}
	return strings.Join(parts, ", "), advice, nil
}

// SIMD says whether the binary was built with vector instructions.
func SIMD() bool { return simd }

// choose finds the kernel that an engine's name asks for, or the backend of the
// graph where kernel is nil.
func choose(name string) (kernel *native.Kernel, backend, advice string, err error) {
	switch {
	case !IsEngine(name):
		return nil, "", "", loader.InputErrorf("backend %q: want %s or xla:PLUGIN", name, strings.Join(Engines, ", "))
	case name == EngineGo, strings.HasPrefix(name, EngineXLA):
		return nil, name, "", nil
	}
	kernel, err = native.Open()
	if err == nil {
		return kernel, "", "", nil
	}
	if name == EngineNative {
		return nil, "", "", loader.InputErrorf("backend native: %w", err)
	}
	return nil, EngineGo, err.Error(), nil
}

// newEngine makes the engine that the options ask for.
func newEngine(c loader.Config, o Options) (engine, error) {
	kernel, backend, _, err := choose(o.Backend)
	if err != nil {
		return nil, err
	}
	if kernel != nil {
		return newNativeEngine(kernel, c, o), nil
	}
	return newGraphEngine(backend, c, o)
}
