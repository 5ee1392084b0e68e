package twin

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// opened is a small model with an adapter of either form.
func opened(t *testing.T, spec testmodel.AdapterSpec, scale float64) (*loader.Model, *loader.Adapter) {
	t.Helper()
	dir := t.TempDir()
	base := testmodel.Spec{Layers: 2, Seed: 4}
	testmodel.WriteModel(t, filepath.Join(dir, "model"), base)
	testmodel.WriteAdapter(t, filepath.Join(dir, "adapter"), base, spec)
	m, err := loader.Open(filepath.Join(dir, "model"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	a, err := loader.OpenAdapter(loader.AdapterRef{Name: "a", Dir: filepath.Join(dir, "adapter"), Scale: scale}, m, loader.AdapterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return m, a
}

// Every head's maps are the rows and columns of the projections that it has,
// with the norm's gain: q_h . k_h of two basis vectors is an entry of
// W_Q' W_K times both gains.
func TestHeads(t *testing.T) {
	m, _ := opened(t, testmodel.AdapterSpec{Seed: 1}, 1)
	c := m.Config
	heads, err := Heads(m, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(heads) != c.NumHeads {
		t.Fatalf("%d heads, want %d", len(heads), c.NumHeads)
	}
	read := func(name string, n int) []float32 {
		x := make([]float32, n)
		if err := m.Weights.ReadFloat32(m.ModulePath(1, name)+".weight", x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	d, width := c.HiddenSize, c.HeadDim
	q, o, gain := read("self_attn.q_proj", c.NumHeads*width*d), read("self_attn.o_proj", d*c.NumHeads*width), read("input_layernorm", d)
	k := read("self_attn.k_proj", c.NumKVHeads*width*d)
	for h, head := range heads {
		shared := h / (c.NumHeads / c.NumKVHeads)
		for _, at := range [][2]int{{0, 0}, {width - 1, d - 1}, {1, 2}} {
			r, col := at[0], at[1]
			if want := float64(q[(h*width+r)*d+col]) * float64(gain[col]); head.Q[r*d+col] != want {
				t.Errorf("head %d: Q[%d][%d] = %g, want %g", h, r, col, head.Q[r*d+col], want)
			}
			if want := float64(k[(shared*width+r)*d+col]) * float64(gain[col]); head.K[r*d+col] != want {
				t.Errorf("head %d: K[%d][%d] = %g, want %g", h, r, col, head.K[r*d+col], want)
			}
			if want := float64(o[col*c.NumHeads*width+h*width+r]); head.O[col*width+r] != want {
				t.Errorf("head %d: O[%d][%d] = %g, want %g", h, col, r, head.O[col*width+r], want)
			}
		}
	}
}

// A LoRA of scale s at position p on the line is W + p s B A; a DoRA's rows have
// the lengths that it learned.
func TestAdaptedWeight(t *testing.T) {
	const position = 0.5
	m, a := opened(t, testmodel.AdapterSpec{Seed: 2, Modules: []string{"v_proj"}}, position)
	path := m.ModulePath(0, "self_attn.v_proj")
	lora := a.Modules[path]
	base := make([]float32, lora.Out*lora.In)
	if err := m.Weights.ReadFloat32(path+".weight", base); err != nil {
		t.Fatal(err)
	}
	got, err := weight(m, a, 0, "self_attn.v_proj")
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		want := float64(base[i])
		for k := range lora.Rank {
			want += position * lora.Scale * float64(lora.B[i/lora.In*lora.Rank+k]) * float64(lora.A[k*lora.In+i%lora.In])
		}
		if math.Abs(got[i]-want) > 1e-12 {
			t.Fatalf("W[%d] = %g, want %g", i, got[i], want)
		}
	}
	m, a = opened(t, testmodel.AdapterSpec{Seed: 2, Modules: []string{"v_proj"}, DoRA: true}, 1)
	if got, err = weight(m, a, 0, "self_attn.v_proj"); err != nil {
		t.Fatal(err)
	}
	lora = a.Modules[path]
	for r, want := range lora.Magnitude {
		var square float64
		for _, v := range got[r*lora.In : (r+1)*lora.In] {
			square += v * v
		}
		if math.Abs(math.Sqrt(square)-float64(want)) > 1e-6 {
			t.Errorf("row %d has length %g, learned %g", r, math.Sqrt(square), want)
		}
	}
}

// A stack that is run twice passes its blocks twice, a frozen block is passed
// each time.
func TestDepth(t *testing.T) {
	m, _ := opened(t, testmodel.AdapterSpec{Seed: 1}, 1)
	x := make([]float64, 3*m.Config.HiddenSize)
	for i := range x {
		x[i] = math.Sin(float64(i * i))
	}
	last := func(o Options) []float64 {
		var out []float64
		layers := 0
		err := Run(t.Context(), m, nil, []Start{{X: x}}, o, func(_, layer int, x []float64) { layers, out = layer, append(out[:0], x...) })
		if err != nil {
			t.Fatal(err)
		}
		if want := max(o.Depth, 2); layers != want {
			t.Errorf("%d layers, want %d", layers, want)
		}
		return out
	}
	once := last(Options{Kind: Residual, Frozen: -1})
	err := Run(t.Context(), m, nil, []Start{{X: once}}, Options{Kind: Residual, Frozen: -1}, func(_, _ int, x []float64) { once = append(once[:0:0], x...) })
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range last(Options{Kind: Residual, Frozen: -1, Depth: 4}) {
		if v != once[i] {
			t.Fatalf("coordinate %d: %g after four blocks, %g after two and two", i, v, once[i])
		}
	}
	frozen, plain := last(Options{Kind: Residual, Frozen: 1}), last(Options{Kind: Residual, Frozen: -1})
	if frozen[0] == plain[0] {
		t.Error("a frozen block changes nothing")
	}
}
