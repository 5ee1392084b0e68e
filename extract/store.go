package extract

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// store holds the residual stream of every prompt under every variant between
// two blocks: in memory, or in a file where that is more than memory allows.
//
// A slot is one prompt under one variant. Over a block each slot is read and
// then written, in ascending order, and turn ends the block. A slot that is not
// written is not set: a variant that still equals the base needs none. Reads
// may come from several goroutines, but that of a slot has to be over before
// its write.
//
// Each block's states go to a file of their own, so that the states of the
// block before survive until the block is complete, and a checkpoint of states
// that are in a file copies nothing.
type store struct {
	sizes  []int       // (slots) floats of each
	dir    string      // of the files; "" for none
	layer  int         // blocks behind the states that are read; -1 before the first turn
	memory [][]float32 // (slots) nil where not set; nil as a whole where the states are in files
	now    *stateFile  // what is read; nil in memory and before the first turn
	next   *stateFile  // what is written; nil until there is something
	saved  string      // the file that the checkpoint names
	pace   pace
}

// newStore makes an empty store of slots with the given numbers of floats,
// which holds up to memory bytes of them and puts more than that into files in
// dir. Without a dir all is held in memory.
func newStore(sizes []int, memory int64, dir string) (*store, error) {
	s := &store{sizes: sizes, dir: dir, layer: -1, pace: newPace(saveEvery)}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	if dir == "" || bytesOf(sizes) <= memory {
		s.memory = make([][]float32, len(sizes))
	}
	return s, nil
}

// bytesOf is the size of all slots together, were they all set.
func bytesOf(sizes []int) int64 {
	var n int64
	for _, size := range sizes {
		n += 4 * int64(size)
	}
	return n
}

// has says whether slot i is set.
func (s *store) has(i int) bool {
	if s.memory != nil {
		return s.memory[i] != nil
	}
	return s.now != nil && s.now.at[i] >= 0
}

// read copies slot i, which is set, to dst.
func (s *store) read(i int, dst []float32) error {
	if len(dst) != s.sizes[i] || !s.has(i) {
		panic(fmt.Sprintf("extract: %d values read from slot %d of %d (set: %v)", len(dst), i, s.sizes[i], s.has(i)))
	}
	if s.memory != nil {
		copy(dst, s.memory[i])
		return nil
	}
	return s.now.read(i, dst)
}

// write takes a copy of x as the next value of slot i.
func (s *store) write(i int, x []float32) error {
	if len(x) != s.sizes[i] {
		panic(fmt.Sprintf("extract: %d values written to slot %d of %d", len(x), i, s.sizes[i]))
	}
	if s.memory != nil {
		if s.memory[i] == nil {
			s.memory[i] = make([]float32, len(x))
		}
		copy(s.memory[i], x)
		return nil
	}
	if s.next == nil {
		var err error
		if s.next, err = createStateFile(s.fileName(s.layer+1), len(s.sizes)); err != nil {
			return err
		}
	}
	return s.next.append(i, x)
}

// turn ends a block: what was written is from now on what is read. The values
// before are gone unless a checkpoint needs them.
func (s *store) turn() {
	s.layer++
	if s.memory == nil {
		s.release(s.now)
		s.now, s.next = s.next, nil
	}
}

// onDisk says whether the states are in files.
func (s *store) onDisk() bool { return s.memory == nil }

// due says whether it is time for a checkpoint.
func (s *store) due() bool { return s.dir != "" && s.pace.due(time.Now()) }

// fileName is where the states behind so many blocks go.
func (s *store) fileName(layer int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s%d", statesPrefix, layer))
}

const statesPrefix = "states-"

// release closes a file, and removes it where no checkpoint names it.
func (s *store) release(f *stateFile) {
	if f == nil {
		return
	}
	f.file.Close()
	if f.path != s.saved {
		os.Remove(f.path)
	}
}

// close lets go of memory and files; those of the checkpoint stay.
func (s *store) close() {
	s.release(s.now)
	s.release(s.next)
	s.memory, s.now, s.next = nil, nil, nil
}
