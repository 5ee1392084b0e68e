package loader

import (
	"fmt"
	"slices"
	"strings"
)

// Beside LoRA an adapter may hold parameters whole: modules_to_save, biases, and
// copies of the embedding and the head, which PEFT saves with an adapter of
// theirs; and rows of the embedding (trainable_token_indices).

// source is a tensor of an open file that takes the place of one of the base's.
type source struct {
	file *File
	name string
}

// TokenRows are rows (D) of the embedding or the head by token id.
type TokenRows map[int][]float32

// Replaces reports whether the adapter has a tensor of its own in the place of
// the base's. The names are those of a model whose head is not tied to its
// embedding: the head is LMHeadTensor whatever the base does.
func (a *Adapter) Replaces(name string) bool {
	_, ok := a.replaced[name]
	return ok
}

// ReadFloat32 reads a tensor that the adapter replaces, as Replaces says, into
// dst, whose length must be the tensor's. NaN and infinity are refused.
func (a *Adapter) ReadFloat32(name string, dst []float32) error {
	s := a.replaced[name]
	if err := s.file.ReadFloat32(s.name, dst); err != nil {
		return err
	}
	return finite(s.file, s.name, dst)
}

// ReadRows reads rows [lo, hi) of a matrix that the adapter replaces into dst,
// row-major. NaN and infinity are refused.
func (a *Adapter) ReadRows(name string, lo, hi int, dst []float32) error {
	s := a.replaced[name]
	if err := s.file.ReadRows(s.name, lo, hi, dst); err != nil {
		return err
	}
	return finite(s.file, s.name, dst)
}

// Changed lists the paths of the modules that the adapter changes, sorted.
func (a *Adapter) Changed() []string {
	paths := map[string]bool{}
	for path := range a.Modules {
		paths[path] = true
	}
	for _, names := range [][]string{sortedKeys(a.replaced), sortedKeys(a.rows)} {
		for _, name := range names {
			paths[name[:strings.LastIndexByte(name, '.')]] = true
		}
	}
	if a.Embed != nil {
		paths[embedModule] = true
	}
	if a.Head != nil {
		paths[headModule] = true
	}
	return sortedKeys(paths)
}

// TokenRows are the rows of the embedding or the head (EmbedTensor,
// LMHeadTensor) that the adapter replaces one by one; nil where it does not.
func (a *Adapter) TokenRows(name string) TokenRows { return a.rows[name] }

// saves reports whether modules_to_save takes in a tensor: PEFT matches the end
// of a module's path, not whole names, so that "norm" is input_layernorm too,
// and a module brings all that is below it.
func (c *AdapterConfig) saves(tensor string) bool {
	module := tensor[:strings.LastIndexByte(tensor, '.')]
	for {
		if slices.ContainsFunc(c.modulesToSave, func(name string) bool { return strings.HasSuffix(module, name) }) {
			return true
		}
		dot := strings.LastIndexByte(module, '.')
		if dot < 0 {
			return false
		}
		module = module[:dot]
	}
}

// unfitSaved says why a parameter that a module holds whole cannot be applied;
// "" where it can.
func (a *Adapter) unfitSaved(path string, set tensorSet, m *Model) string {
	for _, part := range []string{partWeight, partBias, partBaseWeight, partBaseBias} {
		t := set[part]
		if t == nil {
			continue
		}
		name := path + "." + strings.TrimPrefix(part, "base_layer.")
		if reason := a.unexpected(path, name, part, set); reason != "" {
			return reason
		}
		if m == nil {
			continue
		}
		shape := m.Config.shapeOf(name)
		switch {
		case shape == nil:
			return fmt.Sprintf("it has a %s, but the base has none there", strings.TrimPrefix(part, "base_layer."))
		case !slices.Equal(shape, t.Shape):
			hint := ""
			if path == embedModule || path == headModule {
				hint = "; if the vocabulary was extended for training, extend the base's as well and save it"
			}
			return fmt.Sprintf("its %s is %v, the base's %v%s", strings.TrimPrefix(part, "base_layer."), t.Shape, shape, hint)
		}
		if !t.DType.float() {
			return fmt.Sprintf("its %s is %s; F32, F16 and BF16 can be used", part, t.DType)
		}
	}
	return ""
}

// unexpected says why the configuration does not account for a whole parameter.
func (a *Adapter) unexpected(path, name, part string, set tensorSet) string {
	table := path == embedModule || path == headModule
	switch part {
	case partBaseWeight:
		if !table || !set.hasLoRA() && set[partTokens] == nil {
			return "a base_layer.weight is known only beside an adapter of the embedding or the head"
		}
	case partBaseBias:
		if a.Config.bias == "none" || !set.hasLoRA() {
			return fmt.Sprintf("it has a base_layer.bias, but bias=%s", shown(a.Config.bias))
		}
	default:
		biases := part == partBias && a.Config.bias == "all" && !set.hasLoRA()
		if !a.Config.saves(name) && !biases && !(table && part == partWeight) {
			return fmt.Sprintf("it has a %s that neither modules_to_save nor bias=%s accounts for", part, shown(a.Config.bias))
		}
		if set.hasLoRA() {
			return "it is saved whole and has a LoRA too"
		}
	}
	return ""
}

// shapeOf is the shape of a tensor of the model; a head counts though it be
// tied. nil where there is no such tensor.
func (c Config) shapeOf(name string) []int {
	if name == LMHeadTensor {
		return []int{c.VocabSize, c.HiddenSize}
	}
	for _, want := range c.wants() {
		if want.name == name {
			return want.shape
		}
	}
	return nil
}

// withoutSaved lists what the configuration says is saved whole, or in rows,
// and the file does not hold.
func (a *Adapter) withoutSaved(sets map[string]tensorSet, m *Model) []string {
	var missing []string
	for _, module := range sortedKeys(a.Config.tokens) {
		tied := module == headModule && a.tiesRows(sets, m)
		if sets[module][partTokens] == nil && !tied {
			missing = append(missing, module+" (trainable tokens)")
		}
	}
	if m == nil {
		return missing
	}
	names := m.Config.wants()
	if m.Config.TieEmbeddings {
		names = append(names, wanted{name: LMHeadTensor})
	}
	for _, want := range names {
		dot := strings.LastIndexByte(want.name, '.')
		set, part := sets[want.name[:dot]], want.name[dot+1:]
		needed := a.Config.saves(want.name)
		if part == partBias && a.Config.bias != "none" {
			needed = needed || a.Config.bias == "all" || set.hasLoRA()
		}
		if needed && set[part] == nil && set["base_layer."+part] == nil {
			missing = append(missing, want.name)
		}
	}
	return missing
}

// replace notes which of the base's tensors the file has whole. What PEFT copies
// into the base itself reaches a tied head as well: a base_layer.weight, and an
// embedding that was saved without being asked for.
func (a *Adapter) replace(sets map[string]tensorSet, m *Model) {
	for _, path := range sortedKeys(sets) {
		for _, part := range []string{partWeight, partBias, partBaseWeight, partBaseBias} {
			if t := sets[path][part]; t != nil {
				a.replaced[path+"."+strings.TrimPrefix(part, "base_layer.")] = source{a.file, t.Name}
			}
		}
	}
	embed := sets[embedModule]
	ofBase := embed[partBaseWeight] != nil || embed[partWeight] != nil && !a.Config.saves(EmbedTensor)
	if m != nil && m.Config.TieEmbeddings && ofBase && !a.Replaces(LMHeadTensor) {
		a.replaced[LMHeadTensor] = a.replaced[EmbedTensor]
	}
}

// tiesRows reports whether the head shares the embedding's trainable tokens: PEFT
// ties them on a tied base unless the head has other ones of its own.
func (a *Adapter) tiesRows(sets map[string]tensorSet, m *Model) bool {
	if m != nil && !m.Config.TieEmbeddings || sets[embedModule][partTokens] == nil || sets[headModule][partTokens] != nil {
		return false
	}
	own, ok := a.Config.tokens[headModule]
	return !ok || slices.Equal(own, a.Config.tokens[embedModule])
}

// unfitRows says why trainable tokens cannot be applied; "" where they can.
func (a *Adapter) unfitRows(path string, set tensorSet, m *Model) string {
	t := set[partTokens]
	if t == nil {
		return ""
	}
	ids, ok := a.Config.tokens[path]
	switch {
	case !ok:
		return "it has trainable tokens that trainable_token_indices does not name"
	case set.hasLoRA() || set[partWeight] != nil:
		return "it has trainable tokens and another adapter too"
	case len(t.Shape) != 2 || t.Shape[0] != len(ids):
		return fmt.Sprintf("trainable_tokens_delta %v does not have the %d rows of trainable_token_indices", t.Shape, len(ids))
	case m != nil && t.Shape[1] != m.Config.HiddenSize:
		return fmt.Sprintf("trainable_tokens_delta %v does not have hidden_size=%d columns", t.Shape, m.Config.HiddenSize)
	case m != nil && slices.Max(ids) >= m.Config.VocabSize:
		return fmt.Sprintf("trainable_token_indices: token %d is outside the base's vocabulary of %d", slices.Max(ids), m.Config.VocabSize)
	}
	return ""
}

// loadRows reads the trainable tokens: whole rows, whatever "delta" says.
func (a *Adapter) loadRows(sets map[string]tensorSet, m *Model) error {
	for _, tensor := range []string{EmbedTensor, LMHeadTensor} {
		module := strings.TrimSuffix(tensor, ".weight")
		t := sets[module][partTokens]
		if t == nil {
			continue
		}
		x, err := readFinite(a.file, t) // (tokens, D)
		if err != nil {
			return err
		}
		a.rows[tensor] = TokenRows{}
		d := t.Shape[1]
		for i, id := range a.Config.tokens[module] {
			a.rows[tensor][id] = x[i*d : (i+1)*d]
		}
	}
	if m != nil && m.Config.TieEmbeddings && a.tiesRows(sets, m) {
		a.rows[LMHeadTensor] = a.rows[EmbedTensor]
	}
	return nil
}
