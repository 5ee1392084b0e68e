package extract

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"sync"
)

// stateFile holds the set slots of a store behind one block: little-endian
// float32, one slot after the other in ascending order, nothing between them.
type stateFile struct {
	path string
	file *os.File
	at   []int64 // (slots) where each begins; -1 where it is not set
	size int64
	sum  uint32 // CRC-32C of all bytes
}

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stateChunk is how many bytes are converted at a time: they stay in the cache.
const stateChunk = 256 << 10

var stateChunks = sync.Pool{New: func() any { return new([stateChunk]byte) }}

func createStateFile(path string, slots int) (*stateFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	f := &stateFile{path: path, file: file, at: make([]int64, slots)}
	for i := range f.at {
		f.at[i] = -1
	}
	return f, nil
}

// openStateFile opens a file of which the set slots and the sizes of all are
// known.
func openStateFile(path string, set []bool, sizes []int) (*stateFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &stateFile{path: path, file: file, at: make([]int64, len(sizes))}
	for i, size := range sizes {
		f.at[i] = -1
		if set[i] {
			f.at[i] = f.size
			f.size += 4 * int64(size)
		}
	}
	return f, nil
}

// append writes slot i behind the others.
func (f *stateFile) append(i int, x []float32) error {
	buffer := stateChunks.Get().(*[stateChunk]byte)
	defer stateChunks.Put(buffer)
	f.at[i] = f.size
	for len(x) > 0 {
		n := min(len(x), stateChunk/4)
		for k, v := range x[:n] {
			binary.LittleEndian.PutUint32(buffer[4*k:], math.Float32bits(v))
		}
		if _, err := f.file.WriteAt(buffer[:4*n], f.size); err != nil {
			return err
		}
		f.sum = crc32.Update(f.sum, castagnoli, buffer[:4*n])
		f.size += 4 * int64(n)
		x = x[n:]
	}
	return nil
}

// read copies slot i, which is set, to dst.
func (f *stateFile) read(i int, dst []float32) error {
	buffer := stateChunks.Get().(*[stateChunk]byte)
	defer stateChunks.Put(buffer)
	for at := f.at[i]; len(dst) > 0; {
		n := min(len(dst), stateChunk/4)
		if _, err := f.file.ReadAt(buffer[:4*n], at); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		for k := range dst[:n] {
			dst[k] = math.Float32frombits(binary.LittleEndian.Uint32(buffer[4*k:]))
		}
		at += 4 * int64(n)
		dst = dst[n:]
	}
	return nil
}

// sumFile is the size and the CRC-32C of a file.
func sumFile(path string) (size int64, sum uint32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	h := crc32.New(castagnoli)
	size, err = io.Copy(h, f)
	return size, h.Sum32(), err
}
