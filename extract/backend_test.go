package extract

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/layerclust/layerclust/loader"
)

func TestBackendNames(t *testing.T) {
	for _, name := range []string{"gpu", "Go", "go:", "xla:", "xlacpu"} {
		b, err := newBackend(name)
		if b != nil || err == nil || !strings.Contains(err.Error(), `"`+name+`"`) || !errors.Is(err, loader.ErrInput) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestBackendRounds passes numbers through a graph of the backend and back. XLA
// is free to leave out a rounding that it is not told to keep.
func TestBackendRounds(t *testing.T) {
	name := os.Getenv("LAYERCLUST_BACKEND")
	if !strings.HasPrefix(name, EngineXLA) {
		name = EngineGo
	}
	b, err := newBackend(name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	exec, err := graph.NewExec(b, func(x *graph.Node) []*graph.Node {
		return []*graph.Node{roundBF16(x), product(roundBF16(x), x)}
	})
	if err != nil {
		t.Fatal(err)
	}
	// Near 1 bf16 has steps of 1/128, near 3 of 1/64; half a step goes to the even neighbour.
	x, err := upload(b, []float32{1 + 1./256, 3 + 0.75/64}, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float32{
		{1, 3 + 1./64},
		{1 + 1./256, 3 + 0.75/64, (3 + 1./64) * (1 + 1./256), (3 + 1./64) * (3 + 0.75/64)}, // exact: 8 bits times 9 or 10
	} {
		got := make([]float32, len(want))
		if err := download(b, out[i], got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("output %d is %v, want %v", i, got, want)
		}
	}
}
