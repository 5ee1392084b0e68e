package loader

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// File names that PEFT gives to an adapter.
const (
	adapterConfigName = "adapter_config.json"
	adapterFileName   = "adapter_model.safetensors"
	adapterPickleName = "adapter_model.bin"
)

// Adapter is a change of a base model: an opened PEFT folder (OpenAdapter) or a
// fully fine-tuned model (OpenVariant). What it brings, W' being the weight that
// takes the place of W:
//
//	W' = W + s B A                              LoRA (Hu et al. 2021)
//	W' = diag(m / |W + s B A|) (W + s B A)      DoRA (Liu et al. 2024, eq. 5)
//	W' = a tensor of its own                    modules_to_save, biases, a fine-tuned model
//	W' = W with some rows of its own            trainable_token_indices
//
// with s the module's scale and |.| the norm of each row. The model is run with
// W + Scale (W' - W) for every parameter that the adapter changes.
//
// Embedding and head are taken as PEFT runs them, not as it merges them: where
// the base ties the two, an adapter of one leaves the other as it is, except for
// trainable tokens and ensure_weight_tying, which PEFT ties as well.
type Adapter struct {
	Name     string
	Dir      string
	Scale    float64 // AdapterRef.Scale
	Config   AdapterConfig
	Modules  map[string]*LoRA // linear maps of blocks by module path, as Model.ModulePath gives it
	Paths    []string         // keys of Modules, by layer, then in the order of Projections
	Embed    *LoRA            // of the embedding as a matrix (V, D), or nil
	Head     *LoRA            // of the head (V, D), or nil
	Tuned    *Model           // the fine-tuned model of OpenVariant; nil for PEFT
	Warnings []string         // what a user should know though it is no error

	file     *File                // nil for a fine-tuned model
	replaced map[string]source    // by the base's tensor name; the head is always LMHeadTensor
	rows     map[string]TokenRows // by the same names
}

// LoRA is the update of one linear map.
type LoRA struct {
	Rank, In, Out int
	A             []float32 // (r, in)
	B             []float32 // (out, r)
	Scale         float64   // factor of B A and of Bias
	Bias          []float32 // (out), added to the module's own; nil without lora_bias
	Magnitude     []float32 // (out); nil without DoRA
	ColumnWise    bool      // DoRA of an embedding: the norms are those of columns, and Magnitude is (in)
	Start         Start     // what of W training had moved into B A before it began
}

// AdapterOptions are choices of the user that hold for every adapter.
type AdapterOptions struct {
	// PaperScale drops the factor alpha/r of PEFT, as the paper does where it
	// writes V + B A: every LoRA.Scale is 1.
	PaperScale bool
}

// OpenAdapter reads an adapter and matches it with the model. Every tensor must
// belong to a module of the model and fit it, every module must have its
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
	a := &Adapter{Name: ref.Name, Dir: ref.Dir, Scale: ref.Scale, Config: config, file: file,
		Modules: map[string]*LoRA{}, replaced: map[string]source{}, rows: map[string]TokenRows{}}
	if err := a.read(path, m, opts); err != nil {
		file.Close()
		return nil, err
	}
	if err := a.noteQuantised(); err != nil {
		file.Close()
		return nil, err
	}
	if m != nil {
		a.warnOtherBase(m)
	}
	return a, nil
}

// read matches the file's tensors with the model and loads what is small.
func (a *Adapter) read(path string, m *Model, opts AdapterOptions) error {
	sets, err := groupKeys(a.file)
	if err != nil {
		return inputErrorf("%s: %w", path, err)
	}
	if err := a.match(sets, m); err != nil {
		return inputErrorf("%s: %w", path, err)
	}
	for _, module := range sortedKeys(sets) {
		if sets[module].hasLoRA() {
			if err := a.load(module, sets[module], opts); err != nil {
				return err
			}
		}
	}
	if err := a.loadRows(sets, m); err != nil {
		return err
	}
	a.replace(sets, m)
	if a.Config.start == StartPiSSA {
		a.warn("init_lora_weights=pissa: the part of the base that it replaced is computed again, about a second for every matrix of a small model and a minute of a large one; " +
			"saving the adapter once with PEFT's path_initial_model_for_weight_conversion spares that")
	}
	if a.Config.fanInFanOut {
		a.warn("fan_in_fan_out=true has no effect: the model has linear maps, and PEFT sets it to false for them")
	}
	return nil
}

func (a *Adapter) warn(format string, args ...any) {
	a.Warnings = append(a.Warnings, fmt.Sprintf(format, args...))
}

// Close closes the adapter's files.
func (a *Adapter) Close() error {
	var errs []error
	if a.file != nil {
		errs = append(errs, a.file.Close())
	}
	if a.Tuned != nil {
		errs = append(errs, a.Tuned.Close())
	}
	return errors.Join(errs...)
}

// Files lists the files of Dir that decide what the adapter does.
func (a *Adapter) Files() []string {
	if a.Tuned != nil {
		return append([]string{configName}, a.Tuned.Weights.Files()...)
	}
	return []string{adapterConfigName, adapterFileName}
}

// Zero reports whether the adapter changes nothing: it brings no tensor of its
// own, every B A is 0 and there are no magnitudes, which could rescale a weight
// all the same.
func (a *Adapter) Zero() bool {
	if len(a.replaced) > 0 || len(a.rows) > 0 {
		return false
	}
	list := []*LoRA{a.Embed, a.Head}
	for _, l := range a.Modules {
		list = append(list, l)
	}
	return !slices.ContainsFunc(list, func(l *LoRA) bool { return l != nil && !l.zero() })
}

func (l *LoRA) zero() bool {
	zero := func(x []float32) bool { return !slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) }
	return l.Magnitude == nil && l.Start == StartZero && (l.Scale == 0 || zero(l.Bias) && (zero(l.B) || zero(l.A)))
}

// load reads the LoRA of one module.
func (a *Adapter) load(module string, set tensorSet, opts AdapterOptions) error {
	l := &LoRA{Scale: a.Config.scale(module), Start: a.Config.start}
	if opts.PaperScale {
		l.Scale = 1
	}
	parts := map[string]*[]float32{partA: &l.A, partB: &l.B, partEmbedA: &l.A, partEmbedB: &l.B,
		partLoRABias: &l.Bias, partMagnitude: &l.Magnitude}
	for _, part := range loraParts {
		if set[part] == nil {
			continue
		}
		var err error
		if *parts[part], err = readFinite(a.file, set[part]); err != nil {
			return err
		}
	}
	if set.embedding() {
		l.fromEmbedding(set[partEmbedA].Shape, set[partEmbedB].Shape)
	} else {
		l.Rank, l.In, l.Out = set[partA].Shape[0], set[partA].Shape[1], set[partB].Shape[0]
	}
	switch module {
	case embedModule:
		a.Embed = l
	case headModule:
		a.Head = l
	default:
		a.Modules[module] = l
	}
	return nil
}

// fromEmbedding turns an embedding's A (r, V) and B (D, r) into those of the
// matrix (V, D): its update is (B A)ᵀ = Aᵀ Bᵀ. PEFT has no start but zero for it.
func (l *LoRA) fromEmbedding(a, b []int) {
	l.Rank, l.In, l.Out = a[0], b[0], a[1]
	l.A, l.B = transposed(l.B, b[0], b[1]), transposed(l.A, a[0], a[1]) // (r, D), (V, r)
	l.ColumnWise = l.Magnitude != nil
	l.Start = StartZero
}

// transposed is xᵀ (cols, rows) of x (rows, cols).
func transposed(x []float32, rows, cols int) []float32 {
	t := make([]float32, len(x)) // (cols, rows)
	for i := range rows {
		for j := range cols {
			t[j*rows+i] = x[i*cols+j]
		}
	}
	return t
}

// readFinite reads a tensor and refuses NaN and infinity in it.
func readFinite(file *File, t *TensorInfo) ([]float32, error) {
	x := make([]float32, t.Len())
	if err := file.ReadFloat32(t.Name, x); err != nil {
		return nil, err
	}
	return x, finite(file, t.Name, x)
}

// finite refuses NaN and infinity in what was read of a tensor.
func finite(file *File, name string, x []float32) error {
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return &FormatError{file.path, name, fmt.Sprintf("element %d is %v", i, v)}
		}
	}
	return nil
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
		if strings.HasSuffix(plainLetters(parent), asked) { // a hub cache has the name above the snapshot
			return
		}
	}
	source, _ := m.Config.Raw["_name_or_path"].(string)
	for _, name := range []string{filepath.Base(dir), filepath.Base(source)} {
		if name = plainLetters(name); len(name) >= 3 && (strings.Contains(asked, name) || strings.Contains(name, asked)) {
			return
		}
	}
	a.warn("adapter %s was trained on %s, and is applied to %s", a.Name, shown(a.Config.BaseModel), filepath.Base(dir))
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
