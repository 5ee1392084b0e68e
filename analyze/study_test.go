package analyze

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// memoryStore is a Store in memory. A place in it is the number of what was put
// there.
type memoryStore struct {
	sync.Mutex
	kept [][]byte
}

func newMemoryStore() *memoryStore { return &memoryStore{} }

func (m *memoryStore) Put(b []byte) (int64, error) {
	m.Lock()
	defer m.Unlock()
	m.kept = append(m.kept, slices.Clone(b))
	return int64(len(m.kept) - 1), nil
}

func (m *memoryStore) Get(at int64) ([]byte, error) {
	m.Lock()
	defer m.Unlock()
	if at >= int64(len(m.kept)) {
		return nil, fmt.Errorf("no such place")
	}
	return m.kept[at], nil
}

var testLayers = []string{"0", "1", "2-raw", "2"}

// testState returns the state of a variant: an adapter's is twice the base's,
// so that its drift is 1 and all else as in the base.
func testState(variant, prompt, layer string, t, d int) []float32 {
	x := randomState(uint64(len(prompt)*100+len(layer)*10+int(layer[0])), t, d)
	if variant != Base {
		for i := range x {
			x[i] *= 2
		}
	}
	return x
}

// fill adds the states of two prompts, layer by layer.
func fill(t *testing.T, s *Study, variants []string, layers ...string) {
	t.Helper()
	for _, layer := range layers {
		for p, prompt := range []string{"one", "second"} {
			for _, v := range variants {
				tokens := 12 + 6*p
				st := State{Key{v, prompt, layer, SiteResid}, tokens, 16, testState(v, prompt, layer, tokens, 16)}
				if err := s.Add(st); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

var testKeep = map[string][]int{
	"one":    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
	"second": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17},
}

var testFinish = FinishOptions{Bootstrap: 200, Seed: 1}

func addLosses(s *Study, variants []string) {
	for _, v := range variants {
		for p, prompt := range []string{"one", "second"} {
			s.AddLoss(v, prompt, "2", float64(p+1)/2, 11)
		}
	}
}

func finish(t *testing.T, threads int) *Tables {
	t.Helper()
	variants := []string{Base, "b-adapter", "a-adapter"}
	s := NewStudy(newMemoryStore(), variants[1:])
	fill(t, s, variants, testLayers...)
	addLosses(s, variants)
	o := testFinish
	o.Threads = threads
	tables, err := s.Finish(context.Background(), testKeep, o)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func TestFinishDoesNotDependOnThreads(t *testing.T) {
	one := finish(t, 1)
	for _, threads := range []int{2, 5} {
		if diff := cmp.Diff(one, finish(t, threads), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%d threads:\n%s", threads, diff)
		}
	}
}

// TestFinishInParts: the parts of each variant, one behind the other, are the
// tables, and they come prompt by prompt.
func TestFinishInParts(t *testing.T) {
	variants := []string{Base, "b-adapter", "a-adapter"}
	s := NewStudy(newMemoryStore(), variants[1:])
	fill(t, s, variants, testLayers...)
	addLosses(s, variants)
	o := testFinish
	shares := make([]Tables, len(variants))
	var prompts []string
	o.Each = func(v int, part *Tables) error {
		for _, r := range part.Metrics {
			if len(prompts) == 0 || prompts[len(prompts)-1] != r.Prompt {
				prompts = append(prompts, r.Prompt)
			}
			if r.Variant != variants[v] {
				t.Fatalf("a row of %s is given for %s", r.Variant, variants[v])
			}
		}
		shares[v].Append(part)
		return nil
	}
	rest, err := s.Finish(context.Background(), testKeep, o)
	if err != nil {
		t.Fatal(err)
	}
	got := &Tables{}
	for v := range shares {
		got.Append(&shares[v])
	}
	got.Append(rest)
	if diff := cmp.Diff(finish(t, 1), got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if want := []string{"one", "second", AllPrompts}; !slices.Equal(prompts, want) {
		t.Errorf("the parts are of %v, want %v", prompts, want)
	}

	full := errors.New("the disk is full")
	o.Each = func(int, *Tables) error { return full }
	if _, err := s.Finish(context.Background(), testKeep, o); !errors.Is(err, full) {
		t.Errorf("an error of Each: %v", err)
	}
}

func TestFinishOrder(t *testing.T) {
	tables := finish(t, 2)
	var places []string
	for _, r := range tables.Metrics {
		place := fmt.Sprintf("%s %s %s", r.Variant, r.Prompt, r.Layer)
		if len(places) == 0 || places[len(places)-1] != place {
			places = append(places, place)
		}
	}
	var want []string
	for _, v := range []string{Base, "b-adapter", "a-adapter"} {
		for _, p := range []string{"one", "second", AllPrompts} {
			for _, l := range []string{"0", "1", "2", "2-raw"} {
				want = append(want, fmt.Sprintf("%s %s %s", v, p, l))
			}
		}
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Error(diff)
	}
}

// find returns the one row with these fields.
func find(t *testing.T, tables *Tables, variant, prompt, layer, metric, mask string) Row {
	t.Helper()
	var found []Row
	for _, r := range tables.Metrics {
		if r.Variant == variant && r.Prompt == prompt && r.Layer == layer && r.Metric == metric && r.Mask == mask {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d rows %s %s %s %s %s", len(found), variant, prompt, layer, metric, mask)
	}
	return found[0]
}

func TestFinishValues(t *testing.T) {
	tables := finish(t, 2)
	x := testState(Base, "one", "1", 12, 16)
	kept := NewCloud(x, 12, 16).Keep(testKeep["one"])
	for _, m := range Emergence(kept).Measures {
		r := find(t, tables, Base, "one", "1", m.Name, MaskDefault)
		if r.Value != m.Value || r.N != 11 || !math.IsNaN(r.Lo) {
			t.Errorf("%s: row %+v, want %v over 11 tokens", m.Name, r, m.Value)
		}
	}
	// Doubling moves each token by its own length and turns none.
	for metric, want := range map[string]float64{"drift": 1, "drift_max": 1, "ami_base": 1, "ari_base": 1, "cka_base": 1} {
		for _, mask := range maskNames {
			if r := find(t, tables, "a-adapter", "second", "2", metric, mask); math.Abs(r.Value-want) > 1e-12 {
				t.Errorf("%s %s = %v, want %v", metric, mask, r.Value, want)
			}
		}
	}
	delta := find(t, tables, "a-adapter", AllPrompts, "0", "norm_mean_delta", MaskNone)
	base := find(t, tables, Base, AllPrompts, "0", "norm_mean", MaskNone)
	if math.Abs(delta.Value-base.Value) > 1e-12 || delta.N != 2 {
		t.Errorf("norm_mean_delta %+v beside a base of %v", delta, base.Value)
	}
	loss := find(t, tables, Base, AllPrompts, "2", "next_token_loss", MaskNone)
	if loss.Value != 0.75 || loss.Lo != 0.5 || loss.Hi != 1 { // means of 200 draws of {1/2, 1}
		t.Errorf("loss over prompts %+v", loss)
	}
}

func TestFinishMasksAndPartitions(t *testing.T) {
	tables := finish(t, 1)
	if len(tables.Partitions) != 3*2*4 || len(tables.Histograms) != 3*2*4*2 {
		t.Fatalf("%d partitions, %d histograms", len(tables.Partitions), len(tables.Histograms))
	}
	for _, p := range tables.Partitions {
		for i, l := range p.Labels {
			if masked := p.Prompt == "one" && i == 0; masked != (l == nil) {
				t.Errorf("%s %s: label %d is %v", p.Prompt, p.Layer, i, l)
			}
		}
	}
	for _, h := range tables.Histograms {
		n := map[string]int32{"one": 12, "second": 18}[h.Prompt]
		if h.Prompt == "one" && h.Mask == MaskDefault {
			n--
		}
		var total int32
		for _, c := range h.Counts {
			total += c
		}
		if total != n*(n-1)/2 {
			t.Errorf("%s %s: %d pairs of %d tokens", h.Prompt, h.Mask, total, n)
		}
	}
	if len(tables.Warnings) != 1 || !strings.Contains(tables.Warnings[0], "2 prompts") {
		t.Errorf("warnings %q", tables.Warnings)
	}
}

func TestEveryMetricIsDefined(t *testing.T) {
	emitted := map[string]bool{}
	for _, r := range finish(t, 2).Metrics {
		if _, ok := Define(r.Metric); !ok {
			t.Errorf("metric %s has no definition", r.Metric)
		}
		emitted[r.Metric] = true
	}
	for _, d := range Definitions() {
		if !emitted[d.Name] && !strings.HasPrefix(d.Name, twinPrefix) { // those are made of the weights
			t.Errorf("definition %s is of no metric", d.Name)
		}
		if d.Formula == "" {
			t.Errorf("definition %s has no formula", d.Name)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	good := State{Key{Base, "p", "0", SiteResid}, 2, 3, []float32{1, 2, 3, 4, 5, 6}}
	cases := []struct {
		name string
		edit func(*State)
		want string
	}{
		{"not a number", func(s *State) { s.X = []float32{1, 2, 3, 4, float32(math.NaN()), 6} }, "variant base, prompt p, layer 0, site resid: token 1, coordinate 1 is NaN"},
		{"infinite", func(s *State) { s.X = []float32{1, 2, float32(math.Inf(-1)), 4, 5, 6} }, "token 0, coordinate 2 is -Inf"},
		{"shape", func(s *State) { s.T = 3 }, "6 values for 3 tokens and 3 coordinates"},
		{"no tokens", func(s *State) { s.T, s.X = 0, nil }, "0 values for 0 tokens"},
		{"unknown variant", func(s *State) { s.Variant = "other" }, `variant "other"`},
		{"adapter before base", func(s *State) { s.Variant = "adapter" }, "the base holds 0 there"},
		{"layer", func(s *State) { s.Layer = "last" }, `layer "last"`},
		{"prompt", func(s *State) { s.Prompt = AllPrompts }, "not a prompt id"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := NewStudy(newMemoryStore(), []string{"adapter"})
			st := good
			c.edit(&st)
			if err := s.Add(st); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestAddRefusesOtherShapes(t *testing.T) {
	s := NewStudy(newMemoryStore(), []string{"adapter"})
	add := func(variant, layer string, tokens, d int) error {
		return s.Add(State{Key{variant, "p", layer, SiteResid}, tokens, d, make([]float32, tokens*d)})
	}
	if err := add(Base, "0", 4, 2); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"twice":        add(Base, "0", 4, 2),
		"other tokens": add(Base, "1", 5, 2),
		"other width":  add("adapter", "0", 4, 3),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err := s.Finish(context.Background(), map[string][]int{"p": {0}}, FinishOptions{})
	if err == nil || !strings.Contains(err.Error(), "variant adapter, prompt p, layer 0, site resid: no state") {
		t.Errorf("unfinished study: %v", err)
	}
}

func TestFinishRefuses(t *testing.T) {
	store := newMemoryStore()
	s := NewStudy(store, nil)
	if err := s.Add(State{Key{Base, "p", "0", SiteResid}, 3, 2, []float32{1, 0, 0, 1, 1, 1}}); err != nil {
		t.Fatal(err)
	}
	try := func(name string, keep map[string][]int, want string) {
		t.Helper()
		if _, err := s.Finish(context.Background(), keep, FinishOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	try("no mask", nil, "prompt p: no mask given")
	try("beyond", map[string][]int{"p": {0, 3}}, "position 3 of 3")
	try("twice", map[string][]int{"p": {1, 1}}, "position 1 of 3, after 1")
	keep := map[string][]int{"p": {0, 2}}
	whole := store.kept[0]
	store.kept[0] = whole[:len(whole)-8]
	try("truncated store", keep, "stored cloud")
	store.kept[0] = append(whole, 0, 0, 0, 0, 0, 0, 0, 0)
	try("longer store", keep, "stored cloud")
	store.kept = nil
	try("lost", keep, "store: no such place")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Finish(ctx, keep, FinishOptions{}); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// The base's states are released once another group of them begins.
func TestHeldStatesAreReleased(t *testing.T) {
	variants := []string{Base, "adapter"}
	s := NewStudy(newMemoryStore(), variants[1:])
	fill(t, s, variants, testLayers...)
	if len(s.held) != 1 {
		t.Errorf("%d states held after a run layer by layer and prompt by prompt, want 1", len(s.held))
	}
	s = NewStudy(newMemoryStore(), nil)
	fill(t, s, variants[:1], testLayers...)
	if len(s.held) != 0 {
		t.Errorf("%d states held without adapters", len(s.held))
	}
}
