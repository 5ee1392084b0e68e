package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// stateFiles writes states/VARIANT/PROMPT.safetensors while the states come in
// layer by layer. It holds nothing of the single files, which may be many.
type stateFiles struct {
	in      *inputs
	dir     string      // states
	layers  int         // L
	row     map[int]int // layer -> its place in hidden_states
	missing int64       // values that are still to come, of all files together
}

// newStateFiles describes the files of a run. create or reopen comes next.
func newStateFiles(dir string, in *inputs, layers int) *stateFiles {
	s := &stateFiles{in: in, dir: filepath.Join(dir, "states"), layers: layers, row: map[int]int{}}
	for i, layer := range in.layers.indices() {
		s.row[layer] = i
	}
	return s
}

// create starts a file for every variant and prompt.
func (s *stateFiles) create() error {
	s.missing = 0
	for v := range 1 + len(s.in.adapters) {
		if err := os.MkdirAll(filepath.Join(s.dir, s.in.variantName(v)), 0o755); err != nil {
			return err
		}
		for p := range s.in.prompts {
			specs := s.specs(p)
			w, err := loader.CreateSafetensors(s.path(v, p), specs, nil)
			if err != nil {
				return err
			}
			if err := s.writeIDs(w, p); err != nil {
				return err
			}
			s.missing += values(specs)
		}
	}
	return nil
}

// values counts the values of the states among some tensors.
func values(specs []loader.TensorSpec) int64 {
	var n int64
	for _, spec := range specs {
		if spec.DType != loader.F32 {
			continue
		}
		size := int64(1)
		for _, d := range spec.Shape {
			size *= int64(d)
		}
		n += size
	}
	return n
}

// reopen goes on with the files of an ended run, of which so many values were
// missing. One that had all of its own is begun to be written again.
func (s *stateFiles) reopen(missing int64) error {
	s.missing = missing
	return s.each(func(w *loader.Writer) error { return w.Uncommit() })
}

// syncs is how many files are made durable at a time: a disk that is told of
// many together writes them in one go.
const syncs = 16

// sync makes what was written durable.
func (s *stateFiles) sync() error {
	var wait sync.WaitGroup
	room, errs := make(chan struct{}, syncs), make(chan error, 1)
	err := s.each(func(w *loader.Writer) error {
		room <- struct{}{}
		wait.Go(func() {
			if err := w.Sync(); err != nil {
				select {
				case errs <- err:
				default: // one is enough
				}
			}
			<-room
		})
		return nil
	})
	wait.Wait()
	close(errs)
	return cmp.Or(err, <-errs)
}

// each calls do for every file.
func (s *stateFiles) each(do func(*loader.Writer) error) error {
	for v := range 1 + len(s.in.adapters) {
		for p := range s.in.prompts {
			w, err := s.writer(v, p)
			if err != nil {
				return err
			}
			if err := do(w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stateFiles) writer(v, p int) (*loader.Writer, error) {
	return loader.ReopenSafetensors(s.path(v, p), s.specs(p), nil)
}

func (s *stateFiles) path(v, p int) string {
	return filepath.Join(s.dir, s.in.variantName(v), s.in.infos[p].File+".safetensors")
}

// specs are the tensors of one prompt's file.
func (s *stateFiles) specs(p int) []loader.TensorSpec {
	t, d := len(s.in.prompts[p].IDs), s.in.model.Config.HiddenSize
	var specs []loader.TensorSpec
	for _, site := range s.in.sites {
		switch extract.Site(site) {
		case extract.Resid:
			specs = append(specs, loader.TensorSpec{Name: "hidden_states", DType: loader.F32, Shape: []int{len(s.row), t, d}})
			if _, ok := s.row[s.layers]; ok {
				specs = append(specs, loader.TensorSpec{Name: "last_block_output", DType: loader.F32, Shape: []int{t, d}})
			}
		default:
			specs = append(specs, loader.TensorSpec{Name: site, DType: loader.F32, Shape: []int{s.blocks(), t, d}})
		}
	}
	specs = append(specs, loader.TensorSpec{Name: "token_ids", DType: loader.I64, Shape: []int{t}})
	if !s.in.layers.all() {
		specs = append(specs, loader.TensorSpec{Name: "layers", DType: loader.I64, Shape: []int{len(s.row)}})
	}
	return specs
}

// blocks counts the blocks of attn and mlp: those that lead to a chosen layer.
func (s *stateFiles) blocks() int {
	n := len(s.row)
	if _, ok := s.row[0]; ok {
		n--
	}
	return n
}

// writeIDs writes the token ids and, of a choice of layers, which they are.
func (s *stateFiles) writeIDs(w *loader.Writer, p int) error {
	ids := make([]int64, len(s.in.prompts[p].IDs)) // (T)
	for i, id := range s.in.prompts[p].IDs {
		ids[i] = int64(id)
	}
	if err := w.WriteInt64("token_ids", 0, ids); err != nil || s.in.layers.all() {
		return err
	}
	var layers []int64
	for _, layer := range s.in.layers.indices() {
		layers = append(layers, int64(layer))
	}
	return w.WriteInt64("layers", 0, layers)
}

// add writes one state in its place.
func (s *stateFiles) add(st extract.States) error {
	w, err := s.writer(st.Variant, st.Prompt)
	if err != nil {
		return err
	}
	s.missing -= int64(len(st.X))
	switch {
	case st.Raw:
		return w.WriteFloat32("last_block_output", 0, st.X)
	case st.Site == extract.Resid:
		return w.WriteFloat32("hidden_states", s.row[st.Layer]*len(st.X), st.X)
	}
	row := s.row[st.Layer+1]
	if _, ok := s.row[0]; ok {
		row--
	}
	return w.WriteFloat32(string(st.Site), row*len(st.X), st.X)
}

// commit completes every file.
func (s *stateFiles) commit() error {
	if s.missing != 0 {
		return fmt.Errorf("%s: %d values of the states were not written", s.dir, s.missing)
	}
	return s.each(func(w *loader.Writer) error { return w.Commit() })
}
