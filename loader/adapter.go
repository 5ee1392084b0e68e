package loader

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// File names that PEFT gives to an adapter.
const (
	adapterConfigName = "adapter_config.json"
	adapterFileName   = "adapter_model.safetensors"
	adapterPickleName = "adapter_model.bin"
)

// Adapter is an opened PEFT folder. The weight of a module of Modules becomes
//
//	W' = W + s B A                              LoRA (Hu et al. 2021)
//	W' = diag(m / |W + s B A|) (W + s B A)      DoRA (Liu et al. 2024, eq. 5)
//
// with s the module's scale and |.| the norm of each row, and the model is run
// with W + Scale (W' - W).
type Adapter struct {
	Name     string
	Dir      string
	Scale    float64 // AdapterRef.Scale
	Config   AdapterConfig
	Modules  map[string]*LoRA // by module path, as Model.ModulePath gives it
	Paths    []string         // keys of Modules, by layer, then in the order of Projections
	Warnings []string         // what a user should know though it is no error
}

// LoRA is the update of one linear map.
type LoRA struct {
	Rank, In, Out int
	A             []float32 // (r, in)
	B             []float32 // (out, r)
	Scale         float64   // factor of B A
	Magnitude     []float32 // (out); nil without DoRA
}

// AdapterOptions are choices of the user that hold for every adapter.
type AdapterOptions struct {
	// PaperScale drops the factor alpha/r of PEFT, as the paper does where it
	// writes V + B A: every LoRA.Scale is 1.
	PaperScale bool
}

// OpenAdapter reads an adapter and matches it with the model. Every tensor must
// belong to a linear map of the model and fit it, every module must have its
// whole set of tensors, and the modules must be those that the configuration
// selects, at the ranks that it gives; anything else is an error that lists what
// does not fit. With m nil, only the adapter's own files are compared.
func OpenAdapter(ref AdapterRef, m *Model, opts AdapterOptions) (*Adapter, error) {
	config, err := ReadAdapterConfig(filepath.Join(ref.Dir, adapterConfigName))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(ref.Dir, adapterFileName)
	if !exists(path) && exists(filepath.Join(ref.Dir, adapterPickleName)) {
		return nil, inputErrorf("%s: %s is a pickle, which can run code when it is read; convert it with PEFT: "+
			"PeftModel.from_pretrained(BASE, DIR).save_pretrained(OUT)", ref.Dir, adapterPickleName)
	}
	file, err := OpenSafetensors(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a := &Adapter{Name: ref.Name, Dir: ref.Dir, Scale: ref.Scale, Config: config, Modules: map[string]*LoRA{}}
	sets, err := groupKeys(file)
	if err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	if err := a.match(sets, m); err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	for _, module := range a.Paths {
		if err := a.load(file, module, sets[module], opts); err != nil {
			return nil, err
		}
	}
	if m != nil {
		a.warnOtherBase(m)
	}
	return a, nil
}

// Zero reports whether the adapter changes nothing: every B A is 0 and there are
// no magnitudes, which could rescale a weight all the same.
func (a *Adapter) Zero() bool {
	zero := func(x []float32) bool { return !slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) }
	for _, l := range a.Modules {
		if l.Magnitude != nil || l.Scale != 0 && !zero(l.B) && !zero(l.A) {
			return false
		}
	}
	return true
}

// tensorSet is the tensors of one module, by the field of LoRA that they fill.
type tensorSet struct{ a, b, magnitude *TensorInfo }

// adapterKey takes a tensor's name apart. PEFT leaves its adapter name
// ("default") out when it saves; other tools keep it. DoRA's magnitude has no
// ".weight" in files that PEFT writes, and may have one in others.
var adapterKey = regexp.MustCompile(
	`^base_model\.model\.(.+)\.(?:(lora_A|lora_B)(?:\.default)?\.weight|(lora_magnitude_vector)(?:\.default)?(?:\.weight)?)$`)

// groupKeys sorts the file's tensors by module.
func groupKeys(file *File) (map[string]*tensorSet, error) {
	sets := map[string]*tensorSet{}
	var strange []string
	for _, name := range file.Names() {
		parts := adapterKey.FindStringSubmatch(name)
		if parts == nil {
			strange = append(strange, shown(name)+keyReason(name))
			continue
		}
		set := sets[parts[1]]
		if set == nil {
			set = &tensorSet{}
			sets[parts[1]] = set
		}
		slot := &set.magnitude
		switch parts[2] {
		case "lora_A":
			slot = &set.a
		case "lora_B":
			slot = &set.b
		}
		if *slot != nil {
			return nil, fmt.Errorf("tensors %s and %s are the same one", shown((*slot).Name), shown(name))
		}
		info, _ := file.Info(name)
		*slot = &info
	}
	if len(strange) > 0 {
		return nil, fmt.Errorf("%d tensors are not supported: %s", len(strange), listed(strange))
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("there is no tensor in it")
	}
	return sets, nil
}

// keyReason explains some names that are no LoRA pair of a linear map.
func keyReason(name string) string {
	switch {
	case strings.Contains(name, "lora_embedding_"):
		return " (LoRA of an embedding)"
	case strings.HasSuffix(name, ".bias"):
		return " (a bias)"
	case !strings.HasPrefix(name, "base_model.model."):
		return " (does not start with base_model.model.)"
	}
	return ""
}

// match compares the modules with the configuration and the model, and fills
// Paths.
func (a *Adapter) match(sets map[string]*tensorSet, m *Model) error {
	a.Paths = sortedKeys(sets)
	slices.SortStableFunc(a.Paths, comparePaths)
	var unfit, unselected []string
	for _, path := range a.Paths {
		if reason := a.unfit(path, sets[path], m); reason != "" {
			unfit = append(unfit, shownKey(path)+": "+reason)
		} else if !a.Config.targets.selects(path) {
			unselected = append(unselected, path)
		}
	}
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
	if missing := a.withoutTensors(sets, m); len(missing) > 0 {
		return fmt.Errorf("%d modules are selected by %s but have no tensors: %s", len(missing), adapterConfigName, listed(missing))
	}
	return nil
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
func (a *Adapter) unfit(path string, set *tensorSet, m *Model) string {
	layer, module, ok := splitPath(path)
	switch {
	case !ok && (strings.HasSuffix(path, "lm_head") || strings.HasSuffix(path, "embed_tokens")):
		return "adapters of the embedding and the head are not supported"
	case !ok:
		return "not a linear map of a Llama block"
	case m != nil && layer >= m.Config.NumLayers:
		return fmt.Sprintf("the base has %d layers", m.Config.NumLayers)
	}
	if reason := a.broken(path, set); reason != "" || m == nil {
		return reason
	}
	out, in := set.b.Shape[0], set.a.Shape[1]
	if wantOut, wantIn := m.Config.ProjectionShape(module); wantOut != out || wantIn != in {
		return fmt.Sprintf("lora_B lora_A is (%d, %d), the base's weight (%d, %d)", out, in, wantOut, wantIn)
	}
	return ""
}

// broken says why a module's tensors are not the set that the configuration
// speaks of; "" where they are.
func (a *Adapter) broken(path string, set *tensorSet) string {
	switch {
	case set.a == nil:
		return "lora_A is missing"
	case set.b == nil:
		return "lora_B is missing"
	case len(set.a.Shape) != 2 || len(set.b.Shape) != 2 || set.a.Shape[0] != set.b.Shape[1]:
		return fmt.Sprintf("lora_A %v and lora_B %v are not (r, in) and (out, r)", set.a.Shape, set.b.Shape)
	case set.a.Shape[0] != a.Config.rank(path):
		return fmt.Sprintf("lora_A %v has another rank than %s gives, %d", set.a.Shape, adapterConfigName, a.Config.rank(path))
	case a.Config.UseDoRA && set.magnitude == nil:
		return "lora_magnitude_vector is missing, but use_dora=true"
	case !a.Config.UseDoRA && set.magnitude != nil:
		return "there is a lora_magnitude_vector, but use_dora=false"
	case set.magnitude != nil && !slices.Equal(set.magnitude.Shape, set.b.Shape[:1]):
		return fmt.Sprintf("lora_magnitude_vector %v is not (%d)", set.magnitude.Shape, set.b.Shape[0])
	}
	return ""
}

// withoutTensors lists the modules of the model that the configuration selects
// and the file does not hold. Without a model, a name in a list of target
// modules that no tensor answers to is told all the same.
func (a *Adapter) withoutTensors(sets map[string]*tensorSet, m *Model) []string {
	t := &a.Config.targets
	var missing []string
	if m == nil {
		for _, name := range t.suffixes {
			answers := func(path string) bool { return matchesSuffix([]string{name}, path) }
			if !slices.ContainsFunc(sortedKeys(sets), answers) {
				missing = append(missing, shown(name))
			}
		}
		return missing
	}
	for _, path := range m.modulePaths() {
		if t.selects(path) && sets[path] == nil {
			missing = append(missing, path)
		}
	}
	return missing
}

// modulePaths lists the modules of transformers' LlamaForCausalLM that have a
// weight: those that target_modules can mean.
func (m *Model) modulePaths() []string {
	paths := []string{"model.embed_tokens"}
	for layer := range m.Config.NumLayers {
		for _, module := range projections {
			paths = append(paths, modulePath(layer, module))
		}
		paths = append(paths, modulePath(layer, "input_layernorm"), modulePath(layer, "post_attention_layernorm"))
	}
	return append(paths, "model.norm", "lm_head")
}

// comparePaths orders by layer, then as the forward pass does.
func comparePaths(a, b string) int {
	layerA, moduleA, _ := splitPath(a)
	layerB, moduleB, _ := splitPath(b)
	return cmp.Or(cmp.Compare(layerA, layerB),
		cmp.Compare(slices.Index(projections, moduleA), slices.Index(projections, moduleB)))
}

// load reads the tensors of one module.
func (a *Adapter) load(file *File, module string, set *tensorSet, opts AdapterOptions) error {
	l := &LoRA{Rank: set.a.Shape[0], In: set.a.Shape[1], Out: set.b.Shape[0], Scale: a.Config.scale(module)}
	if opts.PaperScale {
		l.Scale = 1
	}
	var err error
	if l.A, err = readFinite(file, set.a); err != nil {
		return err
	}
	if l.B, err = readFinite(file, set.b); err != nil {
		return err
	}
	if set.magnitude != nil {
		if l.Magnitude, err = readFinite(file, set.magnitude); err != nil {
			return err
		}
	}
	a.Modules[module] = l
	return nil
}

// readFinite reads a tensor and refuses NaN and infinity in it.
func readFinite(file *File, t *TensorInfo) ([]float32, error) {
	x := make([]float32, t.Len())
	if err := file.ReadFloat32(t.Name, x); err != nil {
		return nil, err
	}
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, &FormatError{file.path, t.Name, fmt.Sprintf("element %d is %v", i, v)}
		}
	}
	return x, nil
}

// warnOtherBase warns where the adapter names a base that is clearly not the
// folder it is opened with. A name is only a hint: folders are renamed, so
// anything that looks alike passes.
func (a *Adapter) warnOtherBase(m *Model) {
	asked := plainLetters(filepath.Base(strings.ReplaceAll(a.Config.BaseModel, `\`, "/")))
	if len(asked) < 3 {
		return
	}
	dir, err := filepath.Abs(m.Dir)
	if err != nil {
		dir = m.Dir
	}
	for parent := range strings.SplitSeq(filepath.ToSlash(dir), "/") {
		if strings.Contains(plainLetters(parent), asked) { // a hub cache has the name above the snapshot
			return
		}
	}
	source, _ := m.Config.Raw["_name_or_path"].(string)
	for _, name := range []string{filepath.Base(dir), filepath.Base(source)} {
		if name = plainLetters(name); len(name) >= 3 && strings.Contains(asked, name) {
			return
		}
	}
	a.Warnings = append(a.Warnings, fmt.Sprintf("adapter %s was trained on %s, and is applied to %s",
		a.Name, shown(a.Config.BaseModel), filepath.Base(dir)))
}

// plainLetters keeps the letters and digits of a name, in lower case.
func plainLetters(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}
