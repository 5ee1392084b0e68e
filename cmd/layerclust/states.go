package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// stateFiles writes states/VARIANT/PROMPT.safetensors while the states come in
// layer by layer.
type stateFiles struct {
	in     *inputs
	layers int                       // L
	row    map[int]int               // layer -> its place in hidden_states
	open   map[[2]int]*loader.Writer // (variant, prompt) ->
}

// newStateFiles starts a file for every variant and prompt.
func newStateFiles(dir string, in *inputs, layers int) (*stateFiles, error) {
	s := &stateFiles{in: in, layers: layers, row: map[int]int{}, open: map[[2]int]*loader.Writer{}}
	for i, layer := range in.layers.indices() {
		s.row[layer] = i
	}
	for v := range 1 + len(in.adapters) {
		folder := filepath.Join(dir, "states", in.variantName(v))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return s, err
		}
		for p := range in.prompts {
			w, err := loader.CreateSafetensors(filepath.Join(folder, in.infos[p].File+".safetensors"), s.specs(p), nil)
			if err != nil {
				return s, err
			}
			s.open[[2]int{v, p}] = w
			if err := s.writeIDs(w, p); err != nil {
				return s, err
			}
		}
	}
	return s, nil
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
	w := s.open[[2]int{st.Variant, st.Prompt}]
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
	var errs []error
	for _, w := range s.open {
		errs = append(errs, w.Commit())
	}
	return errors.Join(errs...)
}
