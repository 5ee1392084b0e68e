package tinytext

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/layerclust/layerclust/loader"
)

// TestNewLoRA: an adapter before training has PEFT's names and shapes, A
// within kaiming_uniform_'s bound and B zero.
func TestNewLoRA(t *testing.T) {
	config, err := miniature.Config()
	if err != nil {
		t.Fatal(err)
	}
	l := NewLoRA(config, 2, 32, []string{"v_proj"}, 1)
	if len(l.Tensors) != 4 || l.scale() != 16 {
		t.Fatalf("%d tensors, scale %v", len(l.Tensors), l.scale())
	}
	a, b := l.Tensors[2], l.Tensors[3]
	if a.Name != "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight" || !cmp.Equal(a.Shape, []int{2, 8}) ||
		b.Name != "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight" || !cmp.Equal(b.Shape, []int{4, 2}) {
		t.Errorf("%s %v, %s %v", a.Name, a.Shape, b.Name, b.Shape)
	}
	largest := 0.0
	for _, v := range a.Float32 {
		largest = max(largest, math.Abs(float64(v)))
	}
	if bound := 1 / math.Sqrt(8); largest > bound || largest < bound/2 {
		t.Errorf("the largest of A is %v", largest)
	}
	for _, v := range b.Float32 {
		if v != 0 {
			t.Errorf("B holds %v", v)
		}
	}
}

// TestRandom: the null has the singular values of the adapter, whose product is
// decomposed whole here, and other directions.
func TestRandom(t *testing.T) {
	config, err := miniature.Config()
	if err != nil {
		t.Fatal(err)
	}
	l := NewLoRA(config, 3, 6, AllModules(), 1)
	for _, tensor := range l.Tensors {
		copy(tensor.Float32, wave(len(tensor.Float32)))
	}
	null, other := l.Random(1), l.Random(2)
	for i := 0; i < len(l.Tensors); i += 2 {
		want, got := product64(l, i), product64(null, i)
		if !floats.EqualApprox(values(want), values(got), 1e-6*values(want)[0]) {
			t.Errorf("%s: singular values %v, the null's %v", l.Tensors[i].Name, values(want), values(got))
		}
		if l.Tensors[i].Name != null.Tensors[i].Name || l.Tensors[i+1].Name != null.Tensors[i+1].Name {
			t.Errorf("%s has another name in the null, %s", l.Tensors[i].Name, null.Tensors[i].Name)
		}
		if mat.EqualApprox(got, want, 1e-3) || mat.EqualApprox(got, product64(other, i), 1e-3) {
			t.Errorf("%s: the null is not random", l.Tensors[i].Name)
		}
	}
}

// product64 is B A of the i-th pair of tensors.
func product64(l *LoRA, i int) *mat.Dense {
	var m mat.Dense
	m.Mul(dense(l.Tensors[i+1]), dense(l.Tensors[i]))
	return &m
}

func values(m mat.Matrix) []float64 {
	var svd mat.SVD
	svd.Factorize(m, mat.SVDNone)
	return svd.Values(nil)
}

// TestFoldersRoundTrip: what is written as a Hugging Face and a PEFT folder is
// what the loader reads, to the rounding of bfloat16.
func TestFoldersRoundTrip(t *testing.T) {
	config, err := miniature.Config()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	weights := NewModel(config, 1)
	if err := WriteModel(dir+"/"+BaseDir, miniature, weights); err != nil {
		t.Fatal(err)
	}
	m := openBase(t, dir)
	read, err := ReadModel(m)
	if err != nil {
		t.Fatal(err)
	}
	lora := NewLoRA(config, 2, 32, []string{"v_proj", "down_proj"}, 1)
	for _, tensor := range lora.Tensors {
		copy(tensor.Float32, wave(len(tensor.Float32)))
	}
	if err := lora.Write(dir + "/adapter"); err != nil {
		t.Fatal(err)
	}
	adapter := asTrained(openAdapter(t, dir, "adapter", m))
	if adapter.Rank != 2 || adapter.Alpha != 32 {
		t.Errorf("rank %d, alpha %v", adapter.Rank, adapter.Alpha)
	}
	same := func(got, want []loader.NamedTensor) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%d tensors of %d", len(got), len(want))
		}
		for i := range want {
			if got[i].Name != want[i].Name {
				t.Fatalf("%s in the place of %s", got[i].Name, want[i].Name)
			}
			if r := relative(got[i].Float32, want[i].Float32); !(r < 1.0/256) {
				t.Errorf("%s is off by %v", want[i].Name, r)
			}
		}
	}
	same(read, weights)
	same(adapter.Tensors, lora.Tensors)
}
