package loader

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// openPair writes a small model and an adapter for it, changes the adapter, and
// opens both.
func openPair(t testing.TB, spec testmodel.AdapterSpec, opts AdapterOptions, change func(dir string)) (*Adapter, error) {
	t.Helper()
	root := t.TempDir()
	modelDir, adapterDir := filepath.Join(root, "model"), filepath.Join(root, "adapter")
	testmodel.WriteModel(t, modelDir, testmodel.Spec{})
	testmodel.WriteAdapter(t, adapterDir, testmodel.Spec{}, spec)
	if change != nil {
		change(adapterDir)
	}
	m, err := Open(modelDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return OpenAdapter(AdapterRef{"a", adapterDir, 0.5}, m, opts)
}

func TestOpenAdapter(t *testing.T) {
	all := []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
	a, err := openPair(t, testmodel.AdapterSpec{Modules: all, Rank: 4, Alpha: 6, RSLoRA: true, DoRA: true}, AdapterOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Paths) != 14 || len(a.Modules) != 14 || a.Scale != 0.5 || a.Name != "a" || len(a.Warnings) > 0 {
		t.Errorf("got %d paths, %+v", len(a.Paths), a)
	}
	for i, module := range Projections() { // layer by layer, in forward order
		if got, want := a.Paths[7+i], "model.layers.1."+module; got != want {
			t.Errorf("path %d is %s, want %s", 7+i, got, want)
		}
	}
	l := a.Modules["model.layers.1.mlp.down_proj"] // (16, 32)
	if l.Rank != 4 || l.In != 32 || l.Out != 16 || len(l.A) != 4*32 || len(l.B) != 16*4 || len(l.Magnitude) != 16 || l.Scale != 3 {
		t.Errorf("down_proj is (%d, %d) of rank %d, scale %v", l.Out, l.In, l.Rank, l.Scale)
	}
}

func TestOpenAdapterScale(t *testing.T) {
	for _, c := range []struct {
		spec testmodel.AdapterSpec
		opts AdapterOptions
		want float64
	}{
		{testmodel.AdapterSpec{Rank: 4, Alpha: 6}, AdapterOptions{}, 1.5},
		{testmodel.AdapterSpec{Rank: 4, Alpha: 6, RSLoRA: true}, AdapterOptions{}, 3},
		{testmodel.AdapterSpec{Rank: 4, Alpha: 6, RSLoRA: true}, AdapterOptions{PaperScale: true}, 1},
	} {
		a, err := openPair(t, c.spec, c.opts, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Modules[a.Paths[0]].Scale; got != c.want {
			t.Errorf("%+v: scale %v, want %v", c, got, c.want)
		}
	}
}

func TestZero(t *testing.T) {
	for _, c := range []struct {
		spec testmodel.AdapterSpec
		want bool
	}{
		{testmodel.AdapterSpec{}, false},
		{testmodel.AdapterSpec{Zero: true}, true},
		{testmodel.AdapterSpec{Zero: true, DoRA: true}, false},
	} {
		a, err := openPair(t, c.spec, AdapterOptions{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Zero() != c.want {
			t.Errorf("%+v: Zero is %v", c.spec, a.Zero())
		}
	}
}

// TestUpdateNorms compares with W' - W formed entry by entry.
func TestUpdateNorms(t *testing.T) {
	for _, dora := range []bool{false, true} {
		a, err := openPair(t, testmodel.AdapterSpec{Rank: 3, DoRA: dora}, AdapterOptions{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		l := a.Modules["model.layers.1.self_attn.v_proj"]
		w := make([]float32, l.Out*l.In)
		for i := range w {
			w[i] = float32(i%7) - 2.5
		}
		var squares, base float64
		for o := range l.Out {
			row, norm := make([]float64, l.In), 0.0
			for k := range l.In {
				row[k] = float64(w[o*l.In+k])
				base += row[k] * row[k]
				for r := range l.Rank {
					row[k] += l.Scale * float64(l.B[o*l.Rank+r]) * float64(l.A[r*l.In+k])
				}
				norm += row[k] * row[k]
			}
			for k := range l.In {
				if dora {
					row[k] *= float64(l.Magnitude[o]) / math.Sqrt(norm)
				}
				d := row[k] - float64(w[o*l.In+k])
				squares += d * d
			}
		}
		gotUpdate, gotBase := l.UpdateNorms(w)
		if math.Abs(gotUpdate-math.Sqrt(squares)) > 1e-12*gotUpdate || math.Abs(gotBase-math.Sqrt(base)) > 1e-12*gotBase {
			t.Errorf("DoRA %v: got %v of %v, want %v of %v", dora, gotUpdate, gotBase, math.Sqrt(squares), math.Sqrt(base))
		}
	}
}

// adapterTensors returns a change that rewrites an adapter's tensors.
func adapterTensors(t testing.TB, change func(map[string]NamedTensor)) func(string) {
	return func(dir string) {
		path := filepath.Join(dir, adapterFileName)
		if err := os.Rename(path, filepath.Join(dir, singleName)); err != nil {
			t.Fatal(err)
		}
		rewrite(t, dir, change)
		if err := os.Rename(filepath.Join(dir, singleName), path); err != nil {
			t.Fatal(err)
		}
	}
}

// adapterField returns a change that adds a field to an adapter's configuration.
func adapterField(t testing.TB, field string) func(string) {
	return func(dir string) {
		data, err := os.ReadFile(filepath.Join(dir, adapterConfigName))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, adapterConfigName, []byte(strings.Replace(string(data), "{", "{"+field+",", 1)))
	}
}

const prefix = "base_model.model."

func TestOpenAdapterAcceptsOtherSpellings(t *testing.T) {
	rename := func(old, new string) func(map[string]NamedTensor) {
		return func(w map[string]NamedTensor) {
			for _, name := range sortedKeys(w) {
				if tensor := w[name]; strings.HasSuffix(name, old) {
					delete(w, name)
					tensor.Name = strings.TrimSuffix(name, old) + new
					w[tensor.Name] = tensor
				}
			}
		}
	}
	for _, c := range [][2]string{
		{"lora_A.weight", "lora_A.default.weight"},
		{"lora_B.weight", "lora_B.default.weight"},
		{"lora_magnitude_vector", "lora_magnitude_vector.default"},
		{"lora_magnitude_vector", "lora_magnitude_vector.weight"},
		{"lora_magnitude_vector", "lora_magnitude_vector.default.weight"},
	} {
		a, err := openPair(t, testmodel.AdapterSpec{DoRA: true}, AdapterOptions{}, adapterTensors(t, rename(c[0], c[1])))
		if err != nil || len(a.Modules) != 4 {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}

func TestOpenAdapterRefuses(t *testing.T) {
	const path = "model.layers.1.self_attn.v_proj"
	const a, b = prefix + path + ".lora_A.weight", prefix + path + ".lora_B.weight" // (2, 16), (8, 2)
	dora := testmodel.AdapterSpec{DoRA: true}
	set := func(name string, shape ...int) func(map[string]NamedTensor) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return func(w map[string]NamedTensor) {
			w[name] = NamedTensor{Name: name, Shape: shape, Float32: make([]float32, n)}
		}
	}
	without := func(names ...string) func(map[string]NamedTensor) {
		return func(w map[string]NamedTensor) {
			for _, name := range names {
				delete(w, name)
			}
		}
	}
	tensors := func(f func(map[string]NamedTensor)) func(string) { return adapterTensors(t, f) }
	for _, c := range []struct {
		name   string
		spec   testmodel.AdapterSpec
		change func(string)
		want   string
	}{
		{"no A", testmodel.AdapterSpec{}, tensors(without(a)), path + ": lora_A is missing"},
		{"no B", testmodel.AdapterSpec{}, tensors(without(b)), path + ": lora_B is missing"},
		{"module without tensors", testmodel.AdapterSpec{}, tensors(without(a, b)), "1 modules are selected by adapter_config.json but have no tensors: " + path},
		{"no magnitude", dora, tensors(without(prefix + path + ".lora_magnitude_vector")), path + ": lora_magnitude_vector is missing, but use_dora=true"},
		{"magnitude without use_dora", testmodel.AdapterSpec{}, tensors(set(prefix+path+".lora_magnitude_vector", 8)), "use_dora=false"},
		{"magnitude twice", dora, tensors(set(prefix+path+".lora_magnitude_vector.weight", 8)), "are the same one"},
		{"magnitude's shape", dora, tensors(set(prefix+path+".lora_magnitude_vector", 1, 8)), "lora_magnitude_vector [1 8] is not (8)"},
		{"another width", testmodel.AdapterSpec{}, tensors(set(a, 2, 15)), path + ": lora_B lora_A is (8, 15), the base's weight (8, 16)"},
		{"another height", testmodel.AdapterSpec{}, tensors(set(b, 16, 2)), path + ": lora_B lora_A is (16, 16), the base's weight (8, 16)"},
		{"ranks that differ", testmodel.AdapterSpec{}, tensors(set(a, 3, 16)), "lora_A [3 16] and lora_B [8 2] are not (r, in) and (out, r)"},
		{"a vector", testmodel.AdapterSpec{}, tensors(set(a, 32)), "lora_A [32] and lora_B [8 2] are not"},
		{"rank of the configuration", testmodel.AdapterSpec{}, adapterField(t, `"rank_pattern":{"v_proj":4}`), "lora_A [2 16] has another rank than adapter_config.json gives, 4"},
		{"one layer too many", testmodel.AdapterSpec{}, tensors(func(w map[string]NamedTensor) {
			name := prefix + "model.layers.2.self_attn.v_proj."
			set(name+"lora_A.weight", 2, 16)(w)
			set(name+"lora_B.weight", 8, 2)(w)
		}), `1 of its 5 modules cannot be applied: model.layers.2.self_attn.v_proj: the base has 2 layers`},
		{"layer with a zero", testmodel.AdapterSpec{}, tensors(set(prefix+"model.layers.01.self_attn.v_proj.lora_A.weight", 2, 16)), "not a linear map of a block, the embedding or the head"},
		{"head", testmodel.AdapterSpec{}, tensors(set(prefix+"lm_head.lora_A.weight", 2, 16)), `lm_head: lora_B is missing`},
		{"another architecture", testmodel.AdapterSpec{}, tensors(set(prefix+"transformer.h.0.attn.c_attn.lora_A.weight", 2, 16)), "not a linear map of a block, the embedding or the head"},
		{"LoRA of the embedding", testmodel.AdapterSpec{}, tensors(set(prefix+"model.embed_tokens.lora_embedding_A", 2, 64)), `model.embed_tokens: lora_embedding_B is missing`},
		{"bias of B", testmodel.AdapterSpec{}, tensors(set(prefix+path+".lora_B.bias", 8)), "there is a bias of lora_B, but lora_bias=false"},
		{"no prefix", testmodel.AdapterSpec{}, tensors(set(path+".lora_A.weight", 2, 16)), "(does not start with base_model.model.)"},
		{"adapter of another name", testmodel.AdapterSpec{}, tensors(set(prefix+path+".lora_A.other.weight", 2, 16)), "1 tensors are not supported"},
		{"saved module", testmodel.AdapterSpec{}, tensors(set(prefix+"model.norm.weight", 16)), `model.norm: it has a weight that neither modules_to_save nor bias="none" accounts for`},
		{"no tensors", testmodel.AdapterSpec{}, tensors(func(w map[string]NamedTensor) { clear(w) }), "there is no tensor in it"},
		{"not selected", testmodel.AdapterSpec{}, adapterField(t, `"exclude_modules":["layers.1.self_attn.v_proj"]`), "1 modules have tensors, but adapter_config.json does not select them, so that PEFT would not apply them: " + path},
		{"NaN", testmodel.AdapterSpec{}, tensors(func(w map[string]NamedTensor) { w[b].Float32[3] = float32(math.NaN()) }), `tensor "` + b + `": element 3 is NaN`},
		{"infinity", testmodel.AdapterSpec{}, tensors(func(w map[string]NamedTensor) { w[a].Float32[0] = float32(math.Inf(-1)) }), `tensor "` + a + `": element 0 is -Inf`},
		{"integers", testmodel.AdapterSpec{}, tensors(func(w map[string]NamedTensor) {
			w[a] = NamedTensor{Name: a, Shape: []int{2, 16}, Int64: make([]int64, 32)}
		}), "is I64; F32, F16 and BF16 can be used"},
		{"an option", testmodel.AdapterSpec{}, adapterField(t, `"use_qalora":true`), "adapter_config.json: use_qalora=true is not supported"},
		{"pickle", testmodel.AdapterSpec{}, func(dir string) {
			if err := os.Rename(filepath.Join(dir, adapterFileName), filepath.Join(dir, adapterPickleName)); err != nil {
				t.Fatal(err)
			}
		}, "adapter_model.bin is a pickle"},
		{"no file", testmodel.AdapterSpec{}, func(dir string) { os.Remove(filepath.Join(dir, adapterFileName)) }, adapterFileName},
		{"no configuration", testmodel.AdapterSpec{}, func(dir string) { os.Remove(filepath.Join(dir, adapterConfigName)) }, adapterConfigName},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openPair(t, c.spec, AdapterOptions{}, c.change)
			refused(t, err, c.want)
		})
	}
}

// TestOpenAdapterAlone: without a base, an adapter is compared with itself only.
func TestOpenAdapterAlone(t *testing.T) {
	dir := t.TempDir()
	testmodel.WriteAdapter(t, dir, testmodel.Spec{}, testmodel.AdapterSpec{})
	a, err := OpenAdapter(AdapterRef{"a", dir, 1}, nil, AdapterOptions{})
	if err != nil || len(a.Paths) != 4 {
		t.Fatalf("%+v, %v", a, err)
	}
	adapterTensors(t, func(w map[string]NamedTensor) {
		for name := range w {
			if strings.Contains(name, "q_proj") {
				delete(w, name)
			}
		}
	})(dir)
	_, err = OpenAdapter(AdapterRef{"a", dir, 1}, nil, AdapterOptions{})
	refused(t, err, `1 modules are selected by adapter_config.json but have no tensors: "q_proj"`)
}

func TestWarnOtherBase(t *testing.T) {
	for _, c := range []struct {
		asked, dir string
		warns      bool
	}{
		{"meta-llama/Llama-2-7b-hf", "/m/llama-2-7b", false},
		{"/home/x/SmolLM2-135M", "/m/smollm2_135m-instruct", false},
		{`C:\models\tiny`, "/m/tiny", false},
		{"HuggingFaceTB/SmolLM2-135M", "/hub/models--HuggingFaceTB--SmolLM2-135M/snapshots/93efa2f", false},
		{"", "/m/tiny", false},
		{"meta-llama/Llama-3.2-1B", "/m/smollm2", true},
	} {
		a := &Adapter{Name: "a", Config: AdapterConfig{BaseModel: c.asked}}
		a.warnOtherBase(&Model{Dir: c.dir})
		if (len(a.Warnings) > 0) != c.warns {
			t.Errorf("%s on %s: warnings %q", c.asked, c.dir, a.Warnings)
		}
	}
}
