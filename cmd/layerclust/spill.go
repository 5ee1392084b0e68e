package main

import (
	"encoding/binary"
	"fmt"
	"os"
)

// spill is an analyze.Store in one file: what a study keeps between the forward
// pass and the analysis grows with layers, variants and prompts, and memory must
// not. Each entry is its length as uint64, little-endian, and its bytes.
type spill struct {
	file *os.File
	size int64
}

// openSpill opens the file at path as it was when it had the given size; what
// came after is lost. Of size 0 it is made.
func openSpill(path string, size int64) (*spill, error) {
	flags := os.O_RDWR
	if size == 0 {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("%s: %d bytes, there were %d", path, info.Size(), size)
	}
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &spill{file: f, size: size}, nil
}

// lengthSize is how many bytes come before those of an entry.
const lengthSize = 8

func (s *spill) Put(b []byte) (int64, error) {
	at := s.size
	if _, err := s.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), at); err != nil {
		return 0, err
	}
	if _, err := s.file.WriteAt(b, at+lengthSize); err != nil {
		return 0, err
	}
	s.size += lengthSize + int64(len(b))
	return at, nil
}

func (s *spill) Get(at int64) ([]byte, error) {
	var length [lengthSize]byte
	if _, err := s.file.ReadAt(length[:], at); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > uint64(s.size-at) {
		return nil, fmt.Errorf("%s: an entry of %d bytes at %d of %d", s.file.Name(), n, at, s.size)
	}
	b := make([]byte, n)
	_, err := s.file.ReadAt(b, at+lengthSize)
	return b, err
}

func (s *spill) close() { s.file.Close() }
