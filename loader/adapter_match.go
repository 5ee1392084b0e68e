package loader

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Paths of the modules outside the blocks that an adapter may change.
const (
	embedModule = "model.embed_tokens"
	headModule  = "lm_head"
)

// match compares the modules of the file with the configuration and the model,
// and fills Paths.
func (a *Adapter) match(sets map[string]tensorSet, m *Model) error {
	var unfit, unselected []string
	for _, path := range sortedKeys(sets) {
		set := sets[path]
		if reason := a.unfit(path, set, m); reason != "" {
			unfit = append(unfit, shownKey(path)+": "+reason)
		} else if set.hasLoRA() && !a.selects(path, m) {
			unselected = append(unselected, path)
		}
		if _, _, ok := splitPath(path); ok && set.hasLoRA() {
			a.Paths = append(a.Paths, path)
		}
	}
	slices.SortStableFunc(a.Paths, comparePaths)
	if len(unfit) > 0 {
		base := ""
		if m != nil && a.Config.BaseModel != "" {
			base = " to this base (it was trained on " + shown(a.Config.BaseModel) + ")"
		}
		return fmt.Errorf("%d of its %d modules cannot be applied%s: %s", len(unfit), len(sets), base, listed(unfit))
	}
	if len(unselected) > 0 {
		return fmt.Errorf("%d modules have tensors, but %s does not select them, so that PEFT would not apply them: %s",
			len(unselected), adapterConfigName, listed(unselected))
	}
	missing := append(a.withoutTensors(sets, m), a.withoutSaved(sets, m)...)
	if len(missing) > 0 {
		return fmt.Errorf("%d modules are selected by %s but have no tensors: %s", len(missing), adapterConfigName, listed(missing))
	}
	return nil
}

// selects reports whether PEFT puts a LoRA on the module: where the
// configuration selects it, and on a head that ensure_weight_tying ties to an
// embedding which it selects.
func (a *Adapter) selects(path string, m *Model) bool {
	if a.Config.selects(path) {
		return true
	}
	return path == headModule && a.Config.ensureTying && m != nil && m.Config.TieEmbeddings && a.Config.selects(embedModule)
}

// blockModule takes a module path apart.
var blockModule = regexp.MustCompile(`^model\.layers\.(0|[1-9]\d{0,8})\.(.+)$`)

// splitPath returns the layer and the module of a block's projection.
func splitPath(path string) (layer int, module string, ok bool) {
	parts := blockModule.FindStringSubmatch(path)
	if parts == nil || !slices.Contains(projections, parts[2]) {
		return 0, "", false
	}
	layer, err := strconv.Atoi(parts[1])
	return layer, parts[2], err == nil
}

// unfit says why a module's tensors do not belong together, or not to the
// configuration or the model; "" where they do.
func (a *Adapter) unfit(path string, set tensorSet, m *Model) string {
	if parts := blockModule.FindStringSubmatch(path); parts != nil && m != nil {
		if layer, err := strconv.Atoi(parts[1]); err == nil && layer >= m.Config.NumLayers {
			return fmt.Sprintf("the base has %d layers", m.Config.NumLayers)
		}
	}
	if set.hasLoRA() {
		if reason := a.unfitLoRA(path, set, m); reason != "" {
			return reason
		}
	}
	return cmp.Or(a.unfitRows(path, set, m), a.unfitSaved(path, set, m))
}

// unfitLoRA is unfit for the LoRA of a module.
func (a *Adapter) unfitLoRA(path string, set tensorSet, m *Model) string {
	_, module, inBlock := splitPath(path)
	if !inBlock && path != embedModule && path != headModule {
		return "not a linear map of a block, the embedding or the head"
	}
	if path == headModule && a.Config.start != StartZero {
		return fmt.Sprintf("init_lora_weights=%s is not supported on the head", shown(string(a.Config.start)))
	}
	if set.embedding() != (path == embedModule) {
		return "the form of the LoRA, of a linear map or of an embedding, is not that of the module"
	}
	if reason := a.broken(path, set); reason != "" || m == nil {
		return reason
	}
	if set.embedding() {
		a, b := set[partEmbedA].Shape, set[partEmbedB].Shape
		if a[1] != m.Config.VocabSize || b[0] != m.Config.HiddenSize {
			return fmt.Sprintf("the LoRA is (%d, %d), the base's embedding (%d, %d)", a[1], b[0], m.Config.VocabSize, m.Config.HiddenSize)
		}
		return ""
	}
	out, in := set[partB].Shape[0], set[partA].Shape[1]
	wantOut, wantIn := m.Config.ProjectionShape(module)
	if path == headModule {
		wantOut, wantIn = m.Config.VocabSize, m.Config.HiddenSize
	}
	if wantOut != out || wantIn != in {
		return fmt.Sprintf("lora_B lora_A is (%d, %d), the base's weight (%d, %d)", out, in, wantOut, wantIn)
	}
	return ""
}

// broken says why the tensors of a module's LoRA are not the set that the
// configuration speaks of; "" where they are.
func (a *Adapter) broken(path string, set tensorSet) string {
	nameA, nameB := partA, partB
	if set.embedding() {
		nameA, nameB = partEmbedA, partEmbedB
	}
	tensorA, tensorB, magnitude, bias := set[nameA], set[nameB], set[partMagnitude], set[partLoRABias]
	switch {
	case tensorA == nil:
		return nameA + " is missing"
	case tensorB == nil:
		return nameB + " is missing"
	case len(tensorA.Shape) != 2 || len(tensorB.Shape) != 2 || tensorA.Shape[0] != tensorB.Shape[1]:
		return fmt.Sprintf("%s %v and %s %v are not (r, in) and (out, r)", nameA, tensorA.Shape, nameB, tensorB.Shape)
	case tensorA.Shape[0] != a.Config.rank(path):
		return fmt.Sprintf("%s %v has another rank than %s gives, %d", nameA, tensorA.Shape, adapterConfigName, a.Config.rank(path))
	case a.Config.UseDoRA && magnitude == nil:
		return "lora_magnitude_vector is missing, but use_dora=true"
	case !a.Config.UseDoRA && magnitude != nil:
		return "there is a lora_magnitude_vector, but use_dora=false"
	case magnitude != nil && !slices.Equal(magnitude.Shape, tensorB.Shape[:1]):
		return fmt.Sprintf("lora_magnitude_vector %v is not (%d)", magnitude.Shape, tensorB.Shape[0])
	case a.Config.loraBias && bias == nil:
		return "the bias of lora_B is missing, but lora_bias=true"
	case !a.Config.loraBias && bias != nil:
		return "there is a bias of lora_B, but lora_bias=false"
	case bias != nil && !slices.Equal(bias.Shape, tensorB.Shape[:1]):
		return fmt.Sprintf("the bias of lora_B %v is not (%d)", bias.Shape, tensorB.Shape[0])
	}
	return ""
}

// withoutTensors lists the modules of the model that the configuration selects
// for LoRA and the file does not hold. Without a model, a name in a list of
// target modules that no tensor answers to is told all the same.
func (a *Adapter) withoutTensors(sets map[string]tensorSet, m *Model) []string {
	var missing []string
	if m == nil {
		for _, name := range a.Config.targets.suffixes {
			answers := func(path string) bool { return matchesSuffix([]string{name}, path) }
			if !slices.ContainsFunc(sortedKeys(sets), answers) {
				missing = append(missing, shown(name))
			}
		}
		return missing
	}
	for _, path := range m.modulePaths() {
		if a.selects(path, m) && !sets[path].hasLoRA() {
			missing = append(missing, path)
		}
	}
	return missing
}

// modulePaths lists the modules of transformers' causal model that have a
// weight: those that target_modules can mean.
func (m *Model) modulePaths() []string {
	paths := []string{embedModule}
	for layer := range m.Config.NumLayers {
		for _, module := range projections {
			paths = append(paths, modulePath(layer, module))
		}
		for _, norm := range m.Config.Norms() {
			paths = append(paths, modulePath(layer, norm.Module))
		}
	}
	return append(paths, strings.TrimSuffix(NormTensor, ".weight"), headModule)
}

// comparePaths orders by layer, then as the forward pass does.
func comparePaths(a, b string) int {
	layerA, moduleA, _ := splitPath(a)
	layerB, moduleB, _ := splitPath(b)
	return cmp.Or(cmp.Compare(layerA, layerB),
		cmp.Compare(slices.Index(projections, moduleA), slices.Index(projections, moduleB)))
}
