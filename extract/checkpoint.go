package extract

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// checkpoint is what a run has to know, besides the states, to go on behind a
// block.
type checkpoint struct {
	Layer   int       // blocks done; 0: only the embedding
	Changed []bool    // (variants) whether the states may differ from the base's
	Norms   []normSum // (variants) of what has been applied so far
}

// fits demands that a checkpoint is of a run of so many variants and blocks.
func (c *checkpoint) fits(variants, depth int) error {
	if len(c.Changed) != variants || len(c.Norms) != variants || c.Layer > depth {
		return fmt.Errorf("the checkpoint is of layer %d and %d variants, the run of %d layers and %d variants", c.Layer, len(c.Changed), depth, variants)
	}
	return nil
}

// normSum is a changeNorms as a checkpoint keeps it, to the last bit.
type normSum struct {
	Modules             int
	Change, Weight, Max exactFloat
}

func (n changeNorms) sum() normSum {
	return normSum{n.modules, exactFloat(n.change), exactFloat(n.weight), exactFloat(n.max)}
}

func (n normSum) norms() changeNorms {
	return changeNorms{n.Modules, float64(n.Change), float64(n.Weight), float64(n.Max)}
}

// exactFloat is a float64 that JSON keeps, infinite or not a number as it may be.
type exactFloat float64

// MarshalText writes the number in hexadecimal.
func (f exactFloat) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(f), 'x', -1, 64), nil
}

// UnmarshalText reads what MarshalText wrote.
func (f *exactFloat) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	*f = exactFloat(v)
	return err
}

// save makes a checkpoint of the states that are read now. saved is called when
// they are safe and before the checkpoint names them: what it makes durable is
// of the same layer, whenever the process ends. The checkpoint before is valid
// until this one is.
func (s *store) save(c checkpoint, saved func(layer int) error) error {
	c.Layer = s.layer
	if s.saved == s.fileName(s.layer) {
		return nil // the run went on from here
	}
	start := time.Now()
	f := s.now
	if s.memory != nil {
		var err error
		if f, err = s.dump(); err != nil {
			s.release(f)
			return err
		}
		defer s.release(f)
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	if saved != nil {
		if err := saved(c.Layer); err != nil {
			return err
		}
	}
	if err := writeManifest(s.dir, s.manifest(c, f)); err != nil {
		return err
	}
	old := s.saved
	s.saved = f.path
	if old != "" {
		os.Remove(old)
	}
	s.pace.made(start, time.Now())
	return nil
}

// dump writes the states in memory to a file.
func (s *store) dump() (*stateFile, error) {
	f, err := createStateFile(s.fileName(s.layer), len(s.sizes))
	for i, x := range s.memory {
		if err == nil && x != nil {
			err = f.append(i, x)
		}
	}
	return f, err
}

// Finished is how many blocks the checkpoint in a folder has behind it; not ok
// where there is none, or none that is whole. A run that is given the folder
// goes on from there.
func Finished(dir string) (layer int, ok bool) {
	m, ok := readManifest(dir)
	if !ok {
		return 0, false
	}
	return m.Layer, true
}

// loadCheckpoint opens the checkpoint of a folder and a store with its states;
// nil where there is none that is whole. What an ended run left half done is
// removed.
func loadCheckpoint(sizes []int, memory int64, dir string) (*checkpoint, *store, error) {
	m, ok := readManifest(dir)
	if !ok {
		return nil, nil, nil
	}
	if m.Slots != len(sizes) {
		return nil, nil, fmt.Errorf("%s: a checkpoint of %d states, not %d", filepath.Join(dir, manifestName), m.Slots, len(sizes))
	}
	s, err := newStore(sizes, memory, dir)
	if err != nil {
		return nil, nil, err
	}
	s.layer, s.saved = m.Layer, filepath.Join(dir, m.File)
	f, err := openStateFile(s.saved, m.isSet(), sizes)
	if err != nil {
		return nil, nil, err
	}
	f.sum = m.CRC32
	if f.size != m.Size {
		f.file.Close()
		return nil, nil, fmt.Errorf("%s: %d bytes of states, not %d", s.saved, m.Size, f.size)
	}
	s.tidy()
	if s.now = f; s.memory != nil {
		err = s.undump()
	}
	return &m.checkpoint, s, err
}

// undump reads the states of the checkpoint's file into memory.
func (s *store) undump() error {
	f := s.now
	s.now = nil
	defer f.file.Close()
	for i, at := range f.at {
		if at < 0 {
			continue
		}
		s.memory[i] = make([]float32, s.sizes[i])
		if err := f.read(i, s.memory[i]); err != nil {
			return err
		}
	}
	return nil
}

// tidy removes the files of states that the checkpoint does not name.
func (s *store) tidy() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return // nothing that could be in the way
	}
	for _, e := range entries {
		path := filepath.Join(s.dir, e.Name())
		if strings.HasPrefix(e.Name(), statesPrefix) && path != s.saved {
			os.Remove(path)
		}
	}
}
