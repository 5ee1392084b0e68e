package extract_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// formModel opens one of the models of testdata/forms.
func formModel(t *testing.T, name string) *loader.Model {
	t.Helper()
	m, err := loader.Open(filepath.Join(testmodel.Golden(t), "forms", "models", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// formAdapter opens one of the adapters of testdata/forms.
func formAdapter(t *testing.T, m *loader.Model, name string, scale float64) *loader.Adapter {
	t.Helper()
	dir := filepath.Join(testmodel.Golden(t), "forms", "adapters", name)
	a, err := loader.OpenAdapter(loader.AdapterRef{Name: name, Dir: dir, Scale: scale}, m, loader.AdapterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// TestVariantIsTheModel: a fine-tuned model as a variant has every bit of its
// states and its loss that it has by itself, with a larger and with a smaller
// vocabulary than the base's and whatever the base's rotary embedding.
func TestVariantIsTheModel(t *testing.T) {
	for _, c := range [][2]string{{"biased", "tuned"}, {"tuned", "biased"}, {"tied", "tuned-line"}, {"dynamic", "llama3"}, {"llama3", "yarn"}, {"qwen3", "qwen3"}} {
		base, tuned := formModel(t, c[0]), formModel(t, c[1])
		a, err := loader.OpenVariant(loader.AdapterRef{Name: c[1], Dir: tuned.Dir, Scale: 1}, base)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		prompt := []extract.Prompt{{ID: "p", IDs: ids(40, 1)}}
		together, trace := collect(t, base, []*loader.Adapter{a}, prompt, extract.Options{LastLayer: -1, RepeatDepth: 2})
		alone, aloneTrace := collect(t, tuned, nil, prompt, extract.Options{LastLayer: -1, RepeatDepth: 2})
		if !slices.Equal(together[1][0].hidden, alone[0][0].hidden) || !slices.Equal(together[1][0].last, alone[0][0].last) {
			t.Errorf("%s as a variant of %s: the states are not its own", c[1], c[0])
		}
		if trace.Loss[1][0] != aloneTrace.Loss[0][0] {
			t.Errorf("%s as a variant of %s: loss %v, by itself %v", c[1], c[0], trace.Loss[1][0], aloneTrace.Loss[0][0])
		}
	}
}

// TestCompanyOfForms: a form's states and loss do not depend on the prompts and
// the variants beside it.
func TestCompanyOfForms(t *testing.T) {
	m := formModel(t, "biased")
	names := []string{"embed-dora", "head-dora", "head-bias", "saved-norm", "saved-last-norm", "saved-both", "saved-mlp", "bias-all", "lora-bias", "tokens-apart"}
	var all []*loader.Adapter
	for i, name := range names {
		all = append(all, formAdapter(t, m, name, []float64{1, 0.5, -1}[i%3]))
	}
	p, q := extract.Prompt{ID: "p", IDs: append(ids(20, 1), 17, 3)}, extract.Prompt{ID: "q", IDs: ids(33, 2)}
	among, amongTrace := collect(t, m, all, []extract.Prompt{q, p}, extract.Options{LastLayer: -1})
	for i, a := range all {
		alone, trace := collect(t, m, []*loader.Adapter{a}, []extract.Prompt{p}, extract.Options{LastLayer: -1})
		if !slices.Equal(among[i+1][1].hidden, alone[1][0].hidden) || amongTrace.Loss[i+1][1] != trace.Loss[1][0] {
			t.Errorf("%s: the states or the loss depend on the company", names[i])
		}
		if amongTrace.Applied[i] != trace.Applied[0] {
			t.Errorf("%s: applied %+v and %+v", names[i], amongTrace.Applied[i], trace.Applied[0])
		}
	}
}

// TestWhereFormsBegin: the first layer at which a form's states are not the
// base's, and whether its loss is another.
func TestWhereFormsBegin(t *testing.T) {
	const layers = 2
	for _, c := range []struct {
		model, name string
		ids         []int32
		first       int // layers+1 for none
		modules     int
	}{
		{"tied", "head", []int32{4, 8, 17, 3, 9}, 1, 2 + 1},
		{"biased", "tokens-apart", []int32{4, 8, 17, 3, 9}, 0, 2 + 2},
		{"biased", "tokens-apart", []int32{4, 8, 15, 16, 9}, 1, 2 + 2}, // without the trained tokens
		{"biased", "saved-last-norm", []int32{4, 8, 15, 16, 9}, layers, 1 + 1},
		{"biased", "saved-norm", []int32{4, 8, 15, 16, 9}, 1, 2 + 4 + 1},
		{"biased", "bias-all", []int32{4, 8, 15, 16, 9}, 1, 2 * 7},
	} {
		m := formModel(t, c.model)
		got, trace := collect(t, m, []*loader.Adapter{formAdapter(t, m, c.name, 1)}, []extract.Prompt{{ID: "p", IDs: c.ids}}, extract.Options{LastLayer: -1})
		per := got[0][0].t * got[0][0].d
		first := 0
		for first <= layers && slices.Equal(got[0][0].hidden[first*per:(first+1)*per], got[1][0].hidden[first*per:(first+1)*per]) {
			first++
		}
		if first != c.first || trace.Loss[0][0] == trace.Loss[1][0] {
			t.Errorf("%s: differs from layer %d on, want %d; losses %v", c.name, first, c.first, trace.Loss)
		}
		if n := trace.Applied[0].Modules; n != c.modules {
			t.Errorf("%s: %d modules, want %d", c.name, n, c.modules)
		}
	}
}
