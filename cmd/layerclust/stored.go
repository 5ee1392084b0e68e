package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// stored is an open file of states, ours or another tool's: hidden_states
// (n, T, D) and what stands beside it. Nothing of it is read before it is asked
// for, one state at a time.
type stored struct {
	path   string
	close  func() error
	t, d   int
	layers int     // L: the blocks that were run, as far as the file tells
	ids    []int64 // token_ids (T), nil where there are none
	choice bool    // the file holds a choice of layers
	places []place
}

// place is where one state lies.
type place struct {
	placeKey
	array *loader.Array
	row   int // along the first axis; 0 of an array without one
}

// placeKey names a state as the tables do.
type placeKey struct {
	Site  extract.Site `json:"site"`
	Layer string       `json:"layer"`
}

// The tensors of a file of states.
const (
	hiddenStates    = "hidden_states"
	lastBlockOutput = "last_block_output"
	tokenIDs        = "token_ids"
	chosenLayers    = "layers"
)

// maxBlocks bounds the layers that a file may speak of.
const maxBlocks = 1 << 16

// openStored opens .safetensors or .npy.
func openStored(path string) (*stored, error) {
	if strings.EqualFold(filepath.Ext(path), ".npy") {
		array, err := loader.OpenNPY(path)
		if err != nil {
			return nil, err
		}
		s := &stored{path: path, close: array.Close}
		return s, s.addBlocks(extract.Resid, array, counted(0, array.Shape[0]))
	}
	if !strings.EqualFold(filepath.Ext(path), ".safetensors") {
		return nil, loader.InputErrorf("%s: states come as .safetensors or .npy", path)
	}
	file, err := loader.OpenSafetensors(path)
	if err != nil {
		return nil, err
	}
	s := &stored{path: path, close: file.Close}
	if err := s.index(file); err != nil {
		file.Close()
		return nil, err
	}
	return s, nil
}

// index finds the states of a safetensors file.
func (s *stored) index(file *loader.File) error {
	chosen, err := s.readChoice(file)
	if err != nil {
		return err
	}
	for _, site := range []extract.Site{extract.Resid, extract.Attn, extract.MLP} {
		name := string(site)
		if site == extract.Resid {
			name = hiddenStates
		}
		if _, ok := file.Info(name); !ok {
			continue
		}
		array, err := file.Array(name)
		if err != nil {
			return err
		}
		if len(array.Shape) != 3 {
			return loader.InputErrorf("%s: %s has shape %v, not (layers, tokens, hidden size)", s.path, name, array.Shape)
		}
		if err := s.addBlocks(site, array, rows(site, chosen, array.Shape[0])); err != nil {
			return err
		}
	}
	if err := s.addRaw(file); err != nil {
		return err
	}
	if len(s.places) == 0 {
		return loader.InputErrorf("%s: there is none of %s, attn and mlp in it", s.path, hiddenStates)
	}
	return s.readIDs(file)
}

// readChoice reads which layers the file holds; nil for all.
func (s *stored) readChoice(file *loader.File) ([]int, error) {
	info, ok := file.Info(chosenLayers)
	if !ok {
		return nil, nil
	}
	if len(info.Shape) != 1 || info.Shape[0] > maxBlocks || info.DType != loader.I64 {
		return nil, loader.InputErrorf("%s: %s is %s %v, not a list of I64", s.path, chosenLayers, info.DType, info.Shape)
	}
	list := make([]int64, info.Shape[0])
	if err := file.ReadInt64(chosenLayers, list); err != nil {
		return nil, err
	}
	chosen := make([]int, len(list))
	for i, l := range list {
		if l < 0 || l > maxBlocks || i > 0 && l <= list[i-1] {
			return nil, loader.InputErrorf("%s: %s[%d]=%d is not above the one before it, or not below %d", s.path, chosenLayers, i, l, maxBlocks)
		}
		chosen[i] = int(l)
	}
	s.choice = true
	return chosen, nil
}

// rows lists the layers of an array's rows: hidden_states indices for the
// residual stream, else the blocks that lead to them. Without a choice they
// are all, counted from 0.
func rows(site extract.Site, chosen []int, n int) []int {
	if chosen == nil {
		return counted(0, n)
	}
	if site == extract.Resid {
		return chosen
	}
	var blocks []int
	for _, l := range chosen {
		if l > 0 {
			blocks = append(blocks, l-1)
		}
	}
	return blocks
}

// counted is from, from+1 ... n numbers.
func counted(from, n int) []int {
	list := make([]int, min(n, maxBlocks))
	for i := range list {
		list[i] = from + i
	}
	return list
}

// addBlocks adds the rows of an array (n, T, D), whose layers are given.
func (s *stored) addBlocks(site extract.Site, array *loader.Array, layers []int) error {
	n, t, d := array.Shape[0], array.Shape[1], array.Shape[2]
	if n != len(layers) {
		return loader.InputErrorf("%s: %s has %d rows for %d layers", s.path, site, n, len(layers))
	}
	if err := s.fits(string(site), t, d); err != nil {
		return err
	}
	for i, layer := range layers {
		s.places = append(s.places, place{placeKey{site, extract.States{Layer: layer}.LayerName()}, array, i})
		if site == extract.Resid {
			s.layers = max(s.layers, layer)
		} else {
			s.layers = max(s.layers, layer+1)
		}
	}
	return nil
}

// addRaw adds the last block's output (T, D), which belongs to layer L.
func (s *stored) addRaw(file *loader.File) error {
	if _, ok := file.Info(lastBlockOutput); !ok {
		return nil
	}
	array, err := file.Array(lastBlockOutput)
	if err != nil {
		return err
	}
	if len(array.Shape) != 2 || len(s.places) == 0 {
		return loader.InputErrorf("%s: %s has shape %v, not (tokens, hidden size), or stands alone", s.path, lastBlockOutput, array.Shape)
	}
	if err := s.fits(lastBlockOutput, array.Shape[0], array.Shape[1]); err != nil {
		return err
	}
	name := extract.States{Layer: s.layers, Raw: true}.LayerName()
	at := slices.IndexFunc(s.places, func(p place) bool { return p.Site != extract.Resid })
	if at < 0 {
		at = len(s.places)
	}
	s.places = slices.Insert(s.places, at, place{placeKey{extract.Resid, name}, array, 0})
	return nil
}

// fits demands that all arrays are of the same tokens.
func (s *stored) fits(name string, t, d int) error {
	if t < 1 || d < 1 {
		return loader.InputErrorf("%s: %s is empty: %d tokens of %d coordinates", s.path, name, t, d)
	}
	if s.t != 0 && (t != s.t || d != s.d) {
		return loader.InputErrorf("%s: %s is of %d tokens of %d coordinates, what comes before it of %d of %d", s.path, name, t, d, s.t, s.d)
	}
	s.t, s.d = t, d
	return nil
}

// readIDs reads token_ids, where they are there.
func (s *stored) readIDs(file *loader.File) error {
	info, ok := file.Info(tokenIDs)
	if !ok {
		return nil
	}
	if !slices.Equal(info.Shape, []int{s.t}) {
		return loader.InputErrorf("%s: %s has shape %v, not (%d)", s.path, tokenIDs, info.Shape, s.t)
	}
	s.ids = make([]int64, s.t)
	return file.ReadInt64(tokenIDs, s.ids)
}

// read reads tokens [lo, lo+n) of a state into dst (n, D).
func (s *stored) read(p place, lo int, dst []float32) error {
	return p.array.Read((p.row*s.t+lo)*s.d, dst)
}

// find returns the place of that name.
func (s *stored) find(k placeKey) (place, bool) {
	i := slices.IndexFunc(s.places, func(p place) bool { return p.placeKey == k })
	if i < 0 {
		return place{}, false
	}
	return s.places[i], true
}

// alike demands that two files are of the same tokens.
func (s *stored) alike(o *stored) error {
	if s.t != o.t || s.d != o.d {
		return loader.InputErrorf("%s has %d tokens of %d coordinates, %s %d of %d", s.path, s.t, s.d, o.path, o.t, o.d)
	}
	if s.ids != nil && o.ids != nil {
		for i := range s.ids {
			if s.ids[i] != o.ids[i] {
				return loader.InputErrorf("%s: token %d has id %d, in %s it has %d", s.path, i, s.ids[i], o.path, o.ids[i])
			}
		}
	}
	return nil
}
