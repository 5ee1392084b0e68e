package main

import (
	"fmt"
	"os"

	"github.com/layerclust/layerclust/analyze"
)

// spill is an analyze.Store in one temporary file: what a study keeps between
// the forward pass and the analysis grows with layers, variants and prompts,
// and memory must not.
type spill struct {
	file *os.File
	size int64
	at   map[analyze.Key]extent
}

// extent is where a key's bytes lie.
type extent struct {
	offset int64
	n      int
}

// newSpill makes a file in dir that is gone when it is closed or the process
// ends.
func newSpill(dir string) (*spill, error) {
	f, err := os.CreateTemp(dir, "clouds-")
	if err != nil {
		return nil, err
	}
	return &spill{file: f, at: map[analyze.Key]extent{}}, nil
}

func (s *spill) Put(k analyze.Key, b []byte) error {
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return err
	}
	s.at[k] = extent{s.size, len(b)}
	s.size += int64(len(b))
	return nil
}

func (s *spill) Get(k analyze.Key) ([]byte, error) {
	e, ok := s.at[k]
	if !ok {
		return nil, fmt.Errorf("%s was not stored", k)
	}
	b := make([]byte, e.n)
	_, err := s.file.ReadAt(b, e.offset)
	return b, err
}

func (s *spill) close() {
	s.file.Close()
	os.Remove(s.file.Name())
}
