package extract_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// small is a model written on the spot, with adapters on top of it.
type small struct {
	model *loader.Model
	dir   string
	spec  testmodel.Spec
}

func newSmall(t *testing.T) small { return newSmallOf(t, testmodel.Spec{Layers: 3, Seed: 7}) }

func newSmallOf(t *testing.T, spec testmodel.Spec) small {
	t.Helper()
	s := small{dir: filepath.Join(t.TempDir(), "model"), spec: spec}
	testmodel.WriteModel(t, s.dir, s.spec)
	m, err := loader.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s.model = m
	return s
}

// adapter writes one and opens it at a scale.
func (s small) adapter(t *testing.T, name string, scale float64, a testmodel.AdapterSpec) *loader.Adapter {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	testmodel.WriteAdapter(t, dir, s.spec, a)
	adapter, err := loader.OpenAdapter(loader.AdapterRef{Name: name, Dir: dir, Scale: scale}, s.model, loader.AdapterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

var allModules = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

func ids(n, seed int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32((i*37 + seed*11 + i*i) % 50)
	}
	return list
}

// TestIdentityAdapters: an adapter whose B is 0 and one at scale 0 leave every
// bit of the base, and so does DoRA at scale 0.
func TestIdentityAdapters(t *testing.T) {
	s := newSmall(t)
	adapters := []*loader.Adapter{
		s.adapter(t, "untrained", 1, testmodel.AdapterSpec{Modules: allModules, Zero: true, Seed: 1}),
		s.adapter(t, "off", 0, testmodel.AdapterSpec{Modules: allModules, Seed: 2}),
		s.adapter(t, "dora-off", 0, testmodel.AdapterSpec{Modules: allModules, DoRA: true, Seed: 3}),
	}
	got, trace := collect(t, s.model, adapters, []extract.Prompt{{ID: "p", IDs: ids(20, 1)}}, extract.Options{LastLayer: -1})
	for i, a := range adapters {
		if !slices.Equal(got[i+1][0].hidden, got[0][0].hidden) {
			t.Errorf("%s differs from the base", a.Name)
		}
		if trace.Applied[i].Modules != 3*len(allModules) || trace.Applied[i].RelativeNorm != 0 {
			t.Errorf("%s: %+v", a.Name, trace.Applied[i])
		}
		if trace.Loss[i+1][0] != trace.Loss[0][0] {
			t.Errorf("%s: loss %v, the base's %v", a.Name, trace.Loss[i+1][0], trace.Loss[0][0])
		}
	}
}

// TestSharedPrefix: layers before an adapter's first module are the base's own
// states, those from it on are not.
func TestSharedPrefix(t *testing.T) {
	s := newSmall(t)
	late := s.adapter(t, "late", 1, testmodel.AdapterSpec{Modules: []string{"v_proj"}, Layers: []int{2}, Seed: 4})
	got, _ := collect(t, s.model, []*loader.Adapter{late}, []extract.Prompt{{ID: "p", IDs: ids(9, 2)}}, extract.Options{LastLayer: -1})
	base, adapted := got[0][0], got[1][0]
	per := base.t * base.d
	for layer := range 4 {
		same := slices.Equal(base.hidden[layer*per:(layer+1)*per], adapted.hidden[layer*per:(layer+1)*per])
		if same != (layer <= 2) {
			t.Errorf("layer %d: equal to the base: %v", layer, same)
		}
	}
}

// TestCompany: what else shares a run does not change a state by one bit.
func TestCompany(t *testing.T) {
	s := newSmall(t)
	adapter := s.adapter(t, "a", 1, testmodel.AdapterSpec{Modules: allModules, Seed: 5})
	other := s.adapter(t, "b", 0.5, testmodel.AdapterSpec{Modules: allModules, DoRA: true, Seed: 6})
	p, q, r := extract.Prompt{ID: "p", IDs: ids(33, 3)}, extract.Prompt{ID: "q", IDs: ids(70, 4)}, extract.Prompt{ID: "r", IDs: ids(1, 5)}
	alone, aloneTrace := collect(t, s.model, []*loader.Adapter{adapter}, []extract.Prompt{p}, extract.Options{LastLayer: -1})
	among, amongTrace := collect(t, s.model, []*loader.Adapter{other, adapter}, []extract.Prompt{q, p, r}, extract.Options{LastLayer: -1})
	for _, c := range []struct {
		name       string
		alone, got states
		lossAlone  float64
		loss       float64
	}{
		{"base", alone[0][0], among[0][1], aloneTrace.Loss[0][0], amongTrace.Loss[0][1]},
		{"adapter", alone[1][0], among[2][1], aloneTrace.Loss[1][0], amongTrace.Loss[2][1]},
	} {
		if !slices.Equal(c.alone.hidden, c.got.hidden) || !slices.Equal(c.alone.last, c.got.last) || c.lossAlone != c.loss {
			t.Errorf("%s: the states depend on the company", c.name)
		}
	}
	if !math.IsNaN(amongTrace.Loss[0][2]) {
		t.Errorf("loss of a prompt of one token: %v, want NaN", amongTrace.Loss[0][2])
	}
}

// TestOrder: states come layer by layer, prompt by prompt, base first, each once.
func TestOrder(t *testing.T) {
	s := newSmall(t)
	adapter := s.adapter(t, "a", 1, testmodel.AdapterSpec{Modules: []string{"q_proj"}, Seed: 8})
	prompts := []extract.Prompt{{ID: "p", IDs: ids(4, 1)}, {ID: "q", IDs: ids(6, 2)}}
	var got []string
	_, err := extract.Run(context.Background(), s.model, []*loader.Adapter{adapter}, prompts,
		extract.Options{LastLayer: -1, Sites: []extract.Site{extract.MLP, extract.Attn}}, func(st extract.States) error {
			if st.Prompt == 0 && st.Variant == 0 {
				got = append(got, string(st.Site)+" "+st.LayerName())
			}
			if len(st.X) != st.T*st.D || st.T != len(prompts[st.Prompt].IDs) {
				t.Errorf("%+v", st)
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"resid 0", "attn 0", "mlp 0", "resid 1", "attn 1", "mlp 1", "resid 2", "attn 2", "mlp 2", "resid 3-raw", "resid 3"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLastLayer: a run that stops early gives the same states and no loss.
func TestLastLayer(t *testing.T) {
	s := newSmall(t)
	prompt := []extract.Prompt{{ID: "p", IDs: ids(12, 1)}}
	whole, _ := collect(t, s.model, nil, prompt, extract.Options{LastLayer: -1})
	part, trace := collect(t, s.model, nil, prompt, extract.Options{LastLayer: 2})
	if n := len(part[0][0].hidden); n != 3*12*part[0][0].d || !slices.Equal(part[0][0].hidden, whole[0][0].hidden[:n]) {
		t.Errorf("%d values, or not those of the whole run", n)
	}
	if trace.Loss != nil || trace.Layers != 3 {
		t.Errorf("trace %+v", trace)
	}
}

// TestBF16 is coarser than float32 and close to it.
func TestBF16(t *testing.T) {
	s := newSmall(t)
	prompt := []extract.Prompt{{ID: "p", IDs: ids(12, 1)}}
	full, _ := collect(t, s.model, nil, prompt, extract.Options{LastLayer: -1})
	half, _ := collect(t, s.model, nil, prompt, extract.Options{LastLayer: -1, BF16: true})
	// bf16 keeps 8 bits: 2^-9 relative a rounding, over three blocks.
	if r, _ := worst(half[0][0].hidden, full[0][0].hidden, full[0][0].d); r < 1e-5 || r > 5e-2 {
		t.Errorf("bf16 differs by %.2g", r)
	}
}

func TestRunErrors(t *testing.T) {
	s := newSmall(t)
	refuse := func(extract.States) error { return errors.New("the sink is full") }
	accept := func(extract.States) error { return nil }
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name  string
		ctx   context.Context
		ids   []int32
		sink  extract.Sink
		want  string
		input bool
	}{
		{"empty", context.Background(), nil, accept, `prompt "p" is empty`, true},
		{"id too large", context.Background(), []int32{1, 1 << 20}, accept, "token 1 has id 1048576, outside the vocabulary", true},
		{"id negative", context.Background(), []int32{-1}, accept, "token 0 has id -1", true},
		{"sink", context.Background(), ids(5, 1), refuse, "the sink is full", false},
		{"cancelled", cancelled, ids(5, 1), accept, "context canceled", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := extract.Run(c.ctx, s.model, nil, []extract.Prompt{{ID: "p", IDs: c.ids}}, extract.Options{LastLayer: -1}, c.sink)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, loader.ErrInput) != c.input {
				t.Errorf("got %v", err)
			}
		})
	}
}
