package extract_test

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// engines lists what this machine has.
func engines(t *testing.T) []string {
	t.Helper()
	if _, err := native.Open(); err != nil {
		t.Logf("the graph alone: %v", err)
		return []string{extract.EngineGo}
	}
	return []string{extract.EngineNative, extract.EngineGo}
}

// crowd is a model with adapters of several kinds and prompts of several
// lengths, more than a tile of rows among them.
func crowd(t *testing.T, spec testmodel.Spec) (*loader.Model, []*loader.Adapter, []extract.Prompt) {
	t.Helper()
	s := newSmallOf(t, spec)
	adapters := []*loader.Adapter{
		s.adapter(t, "all", 1, testmodel.AdapterSpec{Modules: allModules, Seed: 5}),
		s.adapter(t, "late", 1, testmodel.AdapterSpec{Modules: []string{"v_proj", "down_proj"}, Layers: []int{2}, Seed: 6}),
		s.adapter(t, "half", 0.5, testmodel.AdapterSpec{Modules: []string{"up_proj", "o_proj"}, Layers: []int{1, 2}, DoRA: true, Seed: 7}),
	}
	var prompts []extract.Prompt
	for i, n := range []int{33, 1, 70, 16, 130} {
		prompts = append(prompts, extract.Prompt{ID: string(rune('a' + i)), IDs: ids(n, i)})
	}
	return s.model, adapters, prompts
}

// TestEnginesAgree: the kernels against the graph, for every type of weight. Both
// sum in float32, in different orders.
func TestEnginesAgree(t *testing.T) {
	if len(engines(t)) < 2 {
		t.Skip("there is one engine")
	}
	for _, dtype := range []string{"F32", "F16", "BF16"} {
		t.Run(dtype, func(t *testing.T) {
			m, adapters, prompts := crowd(t, testmodel.Spec{Layers: 3, Hidden: 48, FFN: 104, Biases: true, DType: dtype, Seed: 7})
			opts := extract.Options{LastLayer: -1, Sites: []extract.Site{extract.Attn, extract.MLP}}
			opts.Backend = extract.EngineNative
			got, trace := collect(t, m, adapters, prompts, opts)
			opts.Backend = extract.EngineGo
			want, other := collect(t, m, adapters, prompts, opts)
			for v := range got {
				for p := range prompts {
					a, b := got[v][p], want[v][p]
					for i, x := range [][2][]float32{{a.hidden, b.hidden}, {a.last, b.last}, {a.attn, b.attn}, {a.mlp, b.mlp}} {
						// Each may be the tolerance off, to either side.
						if ratio, row := worst(x[0], x[1], a.d); !(ratio <= 2*tolerance) {
							t.Errorf("variant %d, prompt %s, output %d: row %d is %.2g off", v, prompts[p].ID, i, row, ratio)
						}
					}
					if a, b := trace.Loss[v][p], other.Loss[v][p]; !(a-b < 1e-5 && b-a < 1e-5) && len(prompts[p].IDs) > 1 {
						t.Errorf("variant %d, prompt %s: loss %v and %v", v, prompts[p].ID, a, b)
					}
				}
			}
		})
	}
}

// TestNothingButTheTextMatters: with other threads and waves of other sizes, with
// fewer variants and prompts, every state is the same to the last bit.
func TestNothingButTheTextMatters(t *testing.T) {
	for _, engine := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			m, adapters, prompts := crowd(t, testmodel.Spec{Layers: 3, Hidden: 48, FFN: 104, DType: "BF16", Seed: 7})
			opts := extract.Options{LastLayer: -1, Backend: engine, Sites: []extract.Site{extract.Attn, extract.MLP}}
			want, whole := collect(t, m, adapters, prompts, opts)
			same := func(name string, adapters []*loader.Adapter, variants, places []int, opts extract.Options) {
				t.Helper()
				var some []extract.Prompt
				for _, p := range places {
					some = append(some, prompts[p])
				}
				got, trace := collect(t, m, adapters, some, opts)
				for i, v := range variants {
					for j, p := range places {
						a, b := got[i][j], want[v][p]
						if !slices.Equal(a.hidden, b.hidden) || !slices.Equal(a.last, b.last) || !slices.Equal(a.attn, b.attn) || !slices.Equal(a.mlp, b.mlp) {
							t.Errorf("%s: variant %d of prompt %s differs", name, v, prompts[p].ID)
						}
						if trace.Loss[i][j] != whole.Loss[v][p] && len(prompts[p].IDs) > 1 {
							t.Errorf("%s: the loss of variant %d of prompt %s differs", name, v, prompts[p].ID)
						}
					}
				}
			}
			all := []int{0, 1, 2, 3, 4}
			same("again", adapters, []int{0, 1, 2, 3}, all, opts)
			same("alone", nil, []int{0}, []int{2}, opts)
			same("one adapter", adapters[1:2], []int{0, 2}, []int{4, 0}, opts)
			narrow := opts
			narrow.MaxMemory = least(t, m, adapters, prompts, opts)
			same("small waves", adapters, []int{0, 1, 2, 3}, all, narrow)
			before := runtime.GOMAXPROCS(1)
			defer runtime.GOMAXPROCS(before)
			same("one thread", adapters, []int{0, 1, 2, 3}, all, opts)
			runtime.GOMAXPROCS(3)
			same("three threads", adapters, []int{0, 1, 2, 3}, all, opts)
		})
	}
}

// least is a memory limit that lets no more rows pass a block together than the
// longest prompt has.
func least(t *testing.T, m *loader.Model, adapters []*loader.Adapter, prompts []extract.Prompt, o extract.Options) int64 {
	t.Helper()
	longest := slices.MaxFunc(prompts, func(a, b extract.Prompt) int { return len(a.IDs) - len(b.IDs) })
	plan, err := extract.MakePlan(m, nil, []extract.Prompt{longest}, o)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxMemory = plan.Work
	if whole, err := extract.MakePlan(m, adapters, prompts, o); err != nil || whole.Rows != native.Padded(len(longest.IDs)) {
		t.Fatalf("%d rows within %d bytes, want %d (%v)", whole.Rows, o.MaxMemory, native.Padded(len(longest.IDs)), err)
	}
	return plan.Work
}

// TestLesserProcessors runs the tests of the engine as on processors without AMX
// and without AVX-512, and without the library: DNNL_MAX_CPU_ISA caps all of it.
func TestLesserProcessors(t *testing.T) {
	if os.Getenv("DNNL_MAX_CPU_ISA") != "" {
		t.Skip("this is the capped run")
	}
	for _, c := range []struct{ isa, mode string }{{"AVX512_CORE", "avx512"}, {"AVX2", "avx2"}, {"SSE41", "portable"}} {
		t.Run(c.isa, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.v", "-test.run", "TestMode|TestParityGoldens|TestEnginesAgree|TestNothingButTheTextMatters|TestBF16|TestIdentityAdapters")
			cmd.Env = append(os.Environ(), "DNNL_MAX_CPU_ISA="+c.isa)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(string(out), "provider: "+c.mode) && !strings.Contains(string(out), "provider: native, "+c.mode) {
				if strings.Contains(string(out), "provider: portable") {
					t.Skipf("no %s here: %s", c.mode, firstLine(string(out), "advice:"))
				}
				t.Errorf("not %s:\n%s", c.mode, firstLine(string(out), "provider:"))
			}
		})
	}
}

// TestMode tells the provider to TestLesserProcessors, and what would be better.
func TestMode(t *testing.T) {
	name, advice, err := extract.Provider(extract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("provider: %s", name)
	t.Logf("advice: %s", advice)
	if strings.HasPrefix(name, "portable") != (advice != "") {
		t.Errorf("%q with the advice %q", name, advice)
	}
	if _, _, err := extract.Provider(extract.Options{Backend: "gpu"}); err == nil || !strings.Contains(err.Error(), `"gpu"`) {
		t.Errorf("an engine that is none: %v", err)
	}
}

// firstLine is the first line of text that has a word.
func firstLine(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
