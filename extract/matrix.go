package extract

import (
	"encoding/binary"
	"math"
	"runtime"
	"sync"
	"unsafe"

	"github.com/layerclust/layerclust/internal/vec"
	"github.com/layerclust/layerclust/loader"
)

// matrix is a weight (out, in) that is read some rows at a time: one of a file,
// one in memory, or one that is made as it is read. The same value is the same
// weight, whose products variants share.
type matrix interface {
	shape() (out, in int)
	dtype() loader.DType // F32, F16 or BF16
	// read gives rows [lo, hi) as a file would have them, little-endian. It is
	// called from several goroutines at once.
	read(lo, hi int, raw []byte) error
	// lend is read without the copy, where that can be had: nil where not. What
	// it gives is valid until release.
	lend(lo, hi int) ([]byte, error)
	release(lo, hi int)
	prefetch()
}

// owned is the part of a matrix that is not one of a file.
type owned struct{}

func (owned) lend(lo, hi int) ([]byte, error) { return nil, nil }
func (owned) release(lo, hi int)              {}
func (owned) prefetch()                       {}

// fileMatrix is a weight of the model or of a fine-tuned one.
type fileMatrix struct{ *loader.Matrix }

func (m fileMatrix) shape() (out, in int)              { return m.Rows, m.Cols }
func (m fileMatrix) dtype() loader.DType               { return m.DType }
func (m fileMatrix) read(lo, hi int, raw []byte) error { return m.ReadBytes(lo, hi, raw) }
func (m fileMatrix) release(lo, hi int)                { m.Release(lo, hi) }
func (m fileMatrix) prefetch()                         { m.Prefetch() }

func (m fileMatrix) lend(lo, hi int) ([]byte, error) {
	rows, _, err := m.Mapped(lo, hi)
	return rows, err
}

// rowsMatrix is a float32 weight whose rows are made when they are read.
type rowsMatrix struct {
	owned
	out, in int
	rows    func(lo, hi int, dst []float32) error // (hi-lo, in)
}

func (m *rowsMatrix) shape() (out, in int) { return m.out, m.in }
func (m *rowsMatrix) dtype() loader.DType  { return loader.F32 }

func (m *rowsMatrix) read(lo, hi int, raw []byte) error {
	dst := make([]float32, (hi-lo)*m.in)
	if err := m.rows(lo, hi, dst); err != nil {
		return err
	}
	copy(raw, floatBytes(dst))
	return nil
}

// littleEndian says whether this machine has numbers as files have them.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// floatBytes are the bytes of x as a file would have them.
func floatBytes(x []float32) []byte {
	if littleEndian {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
	}
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// rowBytes is the length of a row of m as read gives it.
func rowBytes(m matrix) int {
	_, in := m.shape()
	if m.dtype() == loader.F32 {
		return 4 * in
	}
	return 2 * in
}

// readFloats reads rows [lo, hi) of m, widened, into dst (hi-lo, in).
func readFloats(m matrix, lo, hi int, dst []float32) error {
	raw := make([]byte, (hi-lo)*rowBytes(m))
	if err := m.read(lo, hi, raw); err != nil {
		return err
	}
	if m.dtype() != loader.F32 {
		vec.Widen(dst, raw, m.dtype() == loader.BF16)
		return nil
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// overRows passes over m in pieces of whole rows, on all processors: use gets
// rows [lo, hi) as values (hi-lo, in), valid until it returns.
func overRows(m matrix, use func(lo, hi int, values []float32) error) error {
	out, in := m.shape()
	const piece = 1 << 17 // values: they stay in the second-level cache
	step := max(1, piece/in)
	pieces := (out + step - 1) / step
	buffers := sync.Pool{New: func() any { return new([]float32) }}
	return parallel(pieces, runtime.GOMAXPROCS(0), func(_, i int) error {
		lo, hi := i*step, min((i+1)*step, out)
		buffer := buffers.Get().(*[]float32)
		defer buffers.Put(buffer)
		*buffer = resized(*buffer, (hi-lo)*in)
		if err := readFloats(m, lo, hi, *buffer); err != nil {
			return err
		}
		return use(lo, hi, *buffer)
	})
}

// readAll reads the whole of m, widened, into dst (out, in).
func readAll(m matrix, dst []float32) error {
	_, in := m.shape()
	return overRows(m, func(lo, hi int, values []float32) error {
		copy(dst[lo*in:hi*in], values)
		return nil
	})
}

// rowSquares are the squared norms of the rows of m, (out).
func rowSquares(m matrix) ([]float64, error) {
	out, in := m.shape()
	squares := make([]float64, out)
	return squares, overRows(m, func(lo, hi int, values []float32) error {
		for i := lo; i < hi; i++ {
			squares[i] = vec.SumSquares(values[(i-lo)*in : (i-lo+1)*in])
		}
		return nil
	})
}

// resized gives a slice of n, the same memory where that is enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// heldMatrix is a float32 weight in memory.
type heldMatrix struct {
	owned
	out, in int
	values  []float32 // (out, in)
}

func (m heldMatrix) shape() (out, in int) { return m.out, m.in }
func (m heldMatrix) dtype() loader.DType  { return loader.F32 }

func (m heldMatrix) lend(lo, hi int) ([]byte, error) {
	return floatBytes(m.values[lo*m.in : hi*m.in]), nil
}

func (m heldMatrix) read(lo, hi int, raw []byte) error {
	copy(raw, floatBytes(m.values[lo*m.in:hi*m.in]))
	return nil
}
