package tinytext

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// tolerance is what package extract promises against transformers: the norm of
// a token's difference over the norm of the token.
const tolerance = 2e-5

// TestParity: for the folders as they are embedded, the graph that was trained
// and the one that the program runs give the same states, with and without
// each adapter.
func TestParity(t *testing.T) {
	dir := t.TempDir()
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	m := openBase(t, dir)
	weights, err := ReadModel(m)
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := loader.OpenTokenizer(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tokenizer.Close()
	prompt, err := tokenizer.Encode(Prompts()[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "style/checkpoint-0", "style/checkpoint-400", "task", "random-style", "random-task"} {
		t.Run("base/"+name, func(t *testing.T) {
			var adapters []*loader.Adapter
			var lora *LoRA
			if name != "" {
				a := openAdapter(t, dir, name, m)
				adapters, lora = append(adapters, a), asTrained(a)
			}
			want := extracted(t, m, adapters, prompt.IDs)
			got := graphStates(t, m.Config, lora, weights, prompt.IDs)
			if len(got) != len(want) {
				t.Fatalf("%d layers, extract has %d", len(got), len(want))
			}
			worst := 0.0
			for layer := range got {
				for token := range prompt.IDs {
					d := m.Config.HiddenSize
					worst = max(worst, relative(got[layer][token*d:][:d], want[layer][token*d:][:d]))
				}
			}
			t.Logf("worst token %.2g", worst)
			if !(worst < tolerance) {
				t.Errorf("worst token %.2g, above %.2g", worst, tolerance)
			}
		})
	}
}

func openBase(t *testing.T, dir string) *loader.Model {
	t.Helper()
	m, err := loader.Open(filepath.Join(dir, BaseDir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func openAdapter(t *testing.T, dir, name string, m *loader.Model) *loader.Adapter {
	t.Helper()
	a, err := loader.OpenAdapter(loader.AdapterRef{Name: name, Dir: filepath.Join(dir, name), Scale: 1}, m, loader.AdapterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Warnings) > 0 {
		t.Errorf("%s: %v", name, a.Warnings)
	}
	return a
}

// asTrained is an adapter in the form that training has it.
func asTrained(a *loader.Adapter) *LoRA {
	l := &LoRA{Rank: a.Config.Rank, Alpha: a.Config.Alpha}
	for _, path := range a.Paths {
		m := a.Modules[path]
		l.Tensors = append(l.Tensors, loader.NamedTensor{Name: loraA(path), Shape: []int{m.Rank, m.In}, Float32: m.A},
			loader.NamedTensor{Name: loraB(path), Shape: []int{m.Out, m.Rank}, Float32: m.B})
	}
	return l
}

// extracted are the states of the last variant, by hidden_states index (T, D).
func extracted(t *testing.T, m *loader.Model, adapters []*loader.Adapter, ids []int32) [][]float32 {
	t.Helper()
	var states [][]float32
	_, err := extract.Run(context.Background(), m, adapters, []extract.Prompt{{ID: "p", IDs: ids}}, extract.Options{LastLayer: -1},
		func(s extract.States) error {
			if s.Variant == len(adapters) && !s.Raw {
				states = append(states, append([]float32(nil), s.X...))
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return states
}

// graphStates are those of the training graph.
func graphStates(t *testing.T, c loader.Config, lora *LoRA, weights []loader.NamedTensor, ids []int32) [][]float32 {
	t.Helper()
	backend, err := gobackend.New("")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Finalize()
	list := weights
	if lora != nil {
		list = append(list[:len(list):len(list)], lora.Tensors...)
	}
	exec, err := graph.NewExec(backend, func(in []*graph.Node) []*graph.Node {
		n := network{config: c, lora: lora, nodes: map[string]*graph.Node{}, cos: in[1], sin: in[2]}
		for i, tensor := range list {
			n.nodes[tensor.Name] = in[3+i]
		}
		return n.states(in[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	cos, sin := ropeTables(c, len(ids))
	args := []any{tensors.FromFlatDataAndDimensions(ids, 1, len(ids)),
		tensors.FromFlatDataAndDimensions(narrowed(cos), len(ids), c.HeadDim/2),
		tensors.FromFlatDataAndDimensions(narrowed(sin), len(ids), c.HeadDim/2)}
	for _, tensor := range list {
		args = append(args, tensors.FromFlatDataAndDimensions(tensor.Float32, tensor.Shape...))
	}
	out, err := exec.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	states := make([][]float32, len(out))
	for i, s := range out {
		states[i] = tensors.MustCopyFlatData[float32](s)
	}
	return states
}

// relative is |x - y| / |y|.
func relative(x, y []float32) float64 {
	diff, norm := 0.0, 0.0
	for i := range y {
		diff += (float64(x[i]) - float64(y[i])) * (float64(x[i]) - float64(y[i]))
		norm += float64(y[i]) * float64(y[i])
	}
	return math.Sqrt(diff / norm)
}
