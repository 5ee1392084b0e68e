package loader

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File names that transformers gives to weights.
const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// maxIndex bounds the index file, in bytes; the largest known ones hold 10 MB.
const maxIndex = 100_000_000

// Weights are the tensors of a model folder, in one file or in shards. Methods
// may be called concurrently.
type Weights struct {
	shards map[string]*File // by base name
	home   map[string]*File // by tensor name
	index  string           // base name of the index; empty for a single file
}

// OpenWeights opens model.safetensors or, where there is none, the shards that
// model.safetensors.index.json names. The index and the shards must agree on
// every tensor.
func OpenWeights(dir string) (*Weights, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, &inputError{err}
	} else if !info.IsDir() {
		return nil, inputErrorf("%s: is not a folder", dir)
	}
	if exists(filepath.Join(dir, singleName)) {
		return openAll(dir, []string{singleName})
	}
	index := filepath.Join(dir, indexName)
	if !exists(index) {
		return nil, noSafetensors(dir)
	}
	data, err := readBounded(index, maxIndex)
	if err != nil {
		return nil, err
	}
	where, err := parseIndex(data)
	if err != nil {
		return nil, inputErrorf("%s: %w", index, err)
	}
	shards := slices.Compact(slices.Sorted(maps.Values(where)))
	w, err := openAll(dir, shards)
	if err != nil {
		return nil, err
	}
	w.index = indexName
	if err := w.agrees(dir, where); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// parseIndex returns the base name of the shard of every tensor.
func parseIndex(data []byte) (map[string]string, error) {
	o, err := parseObject(data)
	if err != nil {
		return nil, &inputError{err}
	}
	entries, ok := o.values["weight_map"].(*object)
	if !ok || len(entries.keys) == 0 {
		return nil, inputErrorf("weight_map is not an object with entries")
	}
	where := make(map[string]string, len(entries.keys))
	for _, tensor := range entries.keys {
		name, ok := entries.values[tensor].(string)
		if !ok || !plainName(name) {
			return nil, inputErrorf("weight_map: %s: %s is not a plain file name", shown(tensor), shown(entries.values[tensor]))
		}
		if !strings.HasSuffix(name, ".safetensors") {
			return nil, inputErrorf("weight_map: %s: %s is not a .safetensors file", shown(tensor), shown(name))
		}
		where[tensor] = name
	}
	return where, nil
}

// plainName accepts a file name that cannot lead out of its folder on any
// system.
func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 &&
		!strings.ContainsAny(name, "/\\:\x00")
}

// openAll opens the files; a tensor held by two of them is refused.
func openAll(dir string, names []string) (*Weights, error) {
	w := &Weights{shards: map[string]*File{}, home: map[string]*File{}}
	for _, name := range names {
		f, err := OpenSafetensors(filepath.Join(dir, name))
		if err != nil {
			w.Close()
			return nil, err
		}
		w.shards[name] = f
		for _, tensor := range f.Names() {
			if other, twice := w.home[tensor]; twice {
				w.Close()
				return nil, &FormatError{f.path, tensor, "is also in " + filepath.Base(other.path)}
			}
			w.home[tensor] = f
		}
	}
	return w, nil
}

// agrees demands that index and shards hold the same tensors in the same places.
func (w *Weights) agrees(dir string, where map[string]string) error {
	for _, tensor := range sortedKeys(where) {
		if _, ok := w.shards[where[tensor]].tensors[tensor]; !ok {
			return &FormatError{filepath.Join(dir, where[tensor]), tensor, "is missing, though " + indexName + " lists it here"}
		}
	}
	for _, tensor := range w.Names() {
		if _, ok := where[tensor]; !ok {
			return &FormatError{w.home[tensor].path, tensor, "is not listed in " + indexName}
		}
	}
	return nil
}

// Close closes every file.
func (w *Weights) Close() error {
	var errs []error
	for _, name := range sortedKeys(w.shards) {
		errs = append(errs, w.shards[name].Close())
	}
	return errors.Join(errs...)
}

// Info returns a tensor's entry.
func (w *Weights) Info(name string) (TensorInfo, bool) {
	f, ok := w.home[name]
	if !ok {
		return TensorInfo{}, false
	}
	return f.Info(name)
}

// Names lists the tensors, sorted.
func (w *Weights) Names() []string { return sortedKeys(w.home) }

// Files lists the base names of the files that hold the weights, the index
// included, sorted.
func (w *Weights) Files() []string {
	names := sortedKeys(w.shards)
	if w.index != "" {
		names = append(names, w.index)
		slices.Sort(names)
	}
	return names
}

// ReadFloat32 reads a whole F32, F16 or BF16 tensor, converted, into dst, whose
// length must be the tensor's.
func (w *Weights) ReadFloat32(name string, dst []float32) error {
	f, err := w.file(name)
	if err != nil {
		return err
	}
	return f.ReadFloat32(name, dst)
}

// ReadRows reads rows [lo, hi) of a matrix into dst, row-major: (hi-lo, columns).
func (w *Weights) ReadRows(name string, lo, hi int, dst []float32) error {
	f, err := w.file(name)
	if err != nil {
		return err
	}
	return f.ReadRows(name, lo, hi, dst)
}

// ReadRow reads one row of a matrix, such as the embedding of a token, into dst:
// (columns).
func (w *Weights) ReadRow(name string, row int, dst []float32) error {
	return w.ReadRows(name, row, row+1, dst)
}

func (w *Weights) file(name string) (*File, error) {
	f, ok := w.home[name]
	if !ok {
		return nil, inputErrorf("there is no tensor %s in %s", shown(name), listed(sortedKeys(w.shards)))
	}
	return f, nil
}

// noSafetensors explains a folder without safetensors weights.
func noSafetensors(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return &inputError{err}
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".bin", ".pt", ".pth", ".pkl":
			return inputErrorf("%s: %s is a pickle, which can run code when it is read; convert it with transformers: "+
				"AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(OUT)", dir, shown(e.Name()))
		}
	}
	return inputErrorf("%s: there is no %s and no %s", dir, singleName, indexName)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
