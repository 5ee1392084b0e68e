package loader

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// chunkBytes is how much one ReadAt asks for: large enough to hide its cost,
// small enough to stay in the second-level cache until it is converted.
const chunkBytes = 256 << 10

// maxReaders bounds the goroutines of one read. Beyond a few the page cache, not
// the conversion, is the limit.
const maxReaders = 8

// chunks holds buffers of chunkBytes.
var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// ReadFloat32 reads a whole F32, F16 or BF16 tensor, converted, into dst, whose
// length must be the tensor's.
func (f *File) ReadFloat32(name string, dst []float32) error {
	t, ok := f.tensors[name]
	if !ok {
		return inputErrorf("%s: there is no tensor %s", f.path, shown(name))
	}
	if len(dst) != t.Len() {
		return inputErrorf("%s: tensor %s has %d elements, %d were asked for", f.path, shown(name), t.Len(), len(dst))
	}
	return f.floats(t, t.Begin, dst)
}

// ReadRows reads rows [lo, hi) of a matrix into dst, row-major: (hi-lo, columns).
func (f *File) ReadRows(name string, lo, hi int, dst []float32) error {
	t, ok := f.tensors[name]
	if !ok {
		return inputErrorf("%s: there is no tensor %s", f.path, shown(name))
	}
	if len(t.Shape) != 2 {
		return inputErrorf("%s: tensor %s has shape %v, not that of a matrix", f.path, shown(name), t.Shape)
	}
	rows, columns := t.Shape[0], t.Shape[1]
	if lo < 0 || hi < lo || hi > rows {
		return inputErrorf("%s: tensor %s has %d rows, [%d, %d) were asked for", f.path, shown(name), rows, lo, hi)
	}
	if len(dst) != (hi-lo)*columns {
		return inputErrorf("%s: tensor %s: %d rows have %d elements, %d were asked for", f.path, shown(name), hi-lo, (hi-lo)*columns, len(dst))
	}
	return f.floats(t, t.Begin+int64(lo)*int64(columns)*int64(t.DType.size()), dst)
}

// ReadInt64 reads a whole I64 tensor into dst, whose length must be the tensor's.
func (f *File) ReadInt64(name string, dst []int64) error {
	t, ok := f.tensors[name]
	if !ok {
		return inputErrorf("%s: there is no tensor %s", f.path, shown(name))
	}
	if t.DType != I64 {
		return inputErrorf("%s: tensor %s is %s, not I64", f.path, shown(name), t.DType)
	}
	if len(dst) != t.Len() {
		return inputErrorf("%s: tensor %s has %d elements, %d were asked for", f.path, shown(name), t.Len(), len(dst))
	}
	return f.inChunks(t.Begin, len(dst), t.DType.size(), func(lo, hi int, b []byte) {
		for i := range dst[lo:hi] {
			dst[lo+i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
	})
}

// floats converts the len(dst) elements of t that start at byte begin.
func (f *File) floats(t TensorInfo, begin int64, dst []float32) error {
	if !t.DType.float() {
		return inputErrorf("%s: tensor %s is %s; F32, F16 and BF16 can be used", f.path, shown(t.Name), t.DType)
	}
	return f.inChunks(begin, len(dst), t.DType.size(), func(lo, hi int, b []byte) {
		decodeFloats(dst[lo:hi], b, t.DType)
	})
}

// inChunks reads n elements of the given size from byte begin on, and hands
// elements [lo, hi) with their bytes to decode; on several goroutines where
// there are several chunks.
func (f *File) inChunks(begin int64, n, size int, decode func(lo, hi int, b []byte)) error {
	if err := f.unchanged(); err != nil {
		return err
	}
	per := chunkBytes / size
	count := (n + per - 1) / per
	readers := min(count, maxReaders, runtime.GOMAXPROCS(0))
	errs := make([]error, readers)
	var next atomic.Int64
	read := func(worker int) {
		buffer := chunks.Get().(*[chunkBytes]byte)
		defer chunks.Put(buffer)
		for {
			c := int(next.Add(1)) - 1
			if c >= count {
				return
			}
			lo, hi := c*per, min((c+1)*per, n)
			b := buffer[:(hi-lo)*size]
			if _, err := f.f.ReadAt(b, begin+int64(lo)*int64(size)); err != nil {
				errs[worker] = err
				return
			}
			decode(lo, hi, b)
		}
	}
	if readers == 1 {
		read(0)
	} else {
		var wg sync.WaitGroup
		for w := range readers {
			wg.Go(func() { read(w) })
		}
		wg.Wait()
	}
	return f.readFault(cmp.Or(errs...))
}

// readFault names the file in a failed read; a file that ended early has shrunk
// since its size was checked.
func (f *File) readFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return &FormatError{File: f.path, Reason: "has become shorter while it was read"}
	}
	return inputErrorf("%s: %w", f.path, err)
}

// unchanged fails where the file's size is no longer what the header was
// checked against: its offsets would then point at other bytes.
func (f *File) unchanged() error {
	info, err := f.f.Stat()
	if err != nil {
		return inputErrorf("%s: %w", f.path, err)
	}
	if info.Size() != f.size {
		reason := fmt.Sprintf("has changed its size from %d to %d bytes since it was opened", f.size, info.Size())
		return &FormatError{File: f.path, Reason: reason}
	}
	return nil
}
