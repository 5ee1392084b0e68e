package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/loader"
)

// adapterList is what inspect says of an adapter, or of a folder of
// checkpoints.
type adapterList struct {
	Kind     string          `json:"kind"` // adapter
	Base     string          `json:"base,omitempty"`
	Adapters []*adapterFacts `json:"adapters"`
}

type adapterFacts struct {
	Name      string        `json:"name"`
	Path      string        `json:"path"`
	Type      string        `json:"peft_type"`
	Alpha     float64       `json:"lora_alpha"` // where no alpha_pattern matches
	RSLoRA    bool          `json:"use_rslora"`
	DoRA      bool          `json:"use_dora"`
	BaseModel string        `json:"base_model_name_or_path"`
	Zero      bool          `json:"changes_nothing"`
	Modules   int           `json:"modules"`
	Targets   []targetFacts `json:"targets"`
	Relative  *float64      `json:"relative_norm,omitempty"` // |W'-W|_F / |W|_F over the modules; with --base
	Warnings  []string      `json:"warnings"`
}

// targetFacts sum up one kind of module over the layers.
type targetFacts struct {
	Name     string    `json:"name"` // as self_attn.q_proj
	Layers   []int     `json:"layers"`
	Ranks    []int     `json:"ranks"`  // distinct, ascending
	Scales   []float64 `json:"scales"` // distinct, ascending: the factor of B A
	Norm     float64   `json:"norm"`   // |scale B A|_F of all layers together
	Relative *float64  `json:"relative_norm,omitempty"`
}

// inspectAdapters opens the adapters and, where a base is named, matches them
// with it.
func inspectAdapters(refs []loader.AdapterRef, base string) (inspection, error) {
	var m *loader.Model
	list := &adapterList{Kind: "adapter", Base: base}
	if base != "" {
		var err error
		if m, err = loader.Open(base); err != nil {
			return nil, err
		}
		defer m.Close()
	}
	for _, ref := range refs {
		a, err := loader.OpenAdapter(ref, m, loader.AdapterOptions{})
		if err != nil {
			return nil, err
		}
		facts, err := inspectAdapter(a, m)
		a.Close()
		if err != nil {
			return nil, err
		}
		list.Adapters = append(list.Adapters, facts)
	}
	return list, nil
}

func inspectAdapter(a *loader.Adapter, m *loader.Model) (*adapterFacts, error) {
	kind, _ := a.Config.Raw["peft_type"].(string)
	facts := &adapterFacts{Name: a.Name, Path: absolute(a.Dir), Type: kind, Alpha: a.Config.Alpha, RSLoRA: a.Config.UseRSLoRA,
		DoRA: a.Config.UseDoRA, BaseModel: a.Config.BaseModel, Zero: a.Zero(), Modules: len(a.Modules), Warnings: nonNil(a.Warnings)}
	sums := map[string]*targetSum{}
	var all targetSum
	for _, path := range a.Paths {
		layer, name, err := moduleName(path)
		if err != nil {
			return nil, err
		}
		if sums[name] == nil {
			sums[name] = &targetSum{}
		}
		for _, sum := range []*targetSum{sums[name], &all} {
			if err := sum.add(layer, path, a.Modules[path], m); err != nil {
				return nil, err
			}
		}
	}
	order := loader.Projections()
	names := slices.SortedFunc(maps.Keys(sums), func(x, y string) int {
		return cmp.Compare(slices.Index(order, x), slices.Index(order, y))
	})
	for _, name := range names {
		facts.Targets = append(facts.Targets, sums[name].facts(name))
	}
	facts.Relative = all.facts("").Relative
	return facts, nil
}

// moduleName takes "model.layers.3.self_attn.q_proj" apart.
func moduleName(path string) (layer int, name string, err error) {
	if _, err := fmt.Sscanf(path, "model.layers.%d.", &layer); err != nil {
		return 0, "", fmt.Errorf("module %q: it is in no layer", path)
	}
	return layer, strings.SplitN(path, ".", 4)[3], nil
}

// targetSum gathers modules.
type targetSum struct {
	layers, ranks []int
	scales        []float64
	norm          float64 // squares of |scale B A|_F
	update, base  float64 // squares of |W'-W|_F and |W|_F
}

func (s *targetSum) add(layer int, path string, l *loader.LoRA, m *loader.Model) error {
	s.layers = append(s.layers, layer)
	s.ranks = append(s.ranks, l.Rank)
	s.scales = append(s.scales, l.Scale)
	product := *l
	product.Magnitude = nil // of DoRA the product alone, which needs no weights
	norm, _ := product.UpdateNorms(nil)
	s.norm += norm * norm
	if m == nil {
		return nil
	}
	w := make([]float32, l.Out*l.In) // (out, in)
	if err := m.Weights.ReadFloat32(path+".weight", w); err != nil {
		return err
	}
	whole, err := l.OnBase(w) // of an adapter that began as a part of the base
	if err != nil {
		return loader.InputErrorf("%s: %w", path, err)
	}
	update, base := whole.UpdateNorms(w)
	s.update += update * update
	s.base += base * base
	return nil
}

func (s *targetSum) facts(name string) targetFacts {
	f := targetFacts{Name: name, Layers: distinct(s.layers), Ranks: distinct(s.ranks), Scales: distinct(s.scales), Norm: math.Sqrt(s.norm)}
	if s.base > 0 {
		relative := math.Sqrt(s.update / s.base)
		f.Relative = &relative
	}
	return f
}

func distinct[T cmp.Ordered](list []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func (l *adapterList) write(w io.Writer) error {
	for i, a := range l.Adapters {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := a.write(w); err != nil {
			return err
		}
	}
	return nil
}

func (a *adapterFacts) write(w io.Writer) error {
	s := newSheet(w)
	s.line("adapter", "%s (%s)", a.Name, a.Path)
	s.line("type", "%s%s, lora_alpha %g", a.Type, a.variants(), a.Alpha)
	s.line("trained on", "%s", a.BaseModel)
	s.line("modules", "%d", a.Modules)
	for _, t := range a.Targets {
		s.line(t.Name, "layers %s, rank %s, scale %s, |scale B A| %.4g%s", spans(t.Layers), joined(t.Ranks), joined(t.Scales), t.Norm, relativeText(t.Relative))
	}
	s.line("all modules", "%s", strings.TrimPrefix(relativeText(a.Relative), ", "))
	if a.Zero {
		s.line("note", "it changes nothing: B = 0, as before training")
	}
	s.warnings(a.Warnings)
	return s.close()
}

func (a *adapterFacts) variants() string {
	text := ""
	if a.RSLoRA {
		text += ", rank-stabilised (rsLoRA)"
	}
	if a.DoRA {
		text += ", DoRA"
	}
	return text
}

func relativeText(r *float64) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf(", |ΔW|/|W| %.4g", *r)
}

func joined[T any](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}
