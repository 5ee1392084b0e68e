package loader

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
)

// A safetensors file is the length n of a header (8 bytes, little-endian), a
// JSON object of n bytes, and a buffer to the end of the file. The object maps
// each tensor's name to its dtype, its shape and its [begin, end) in the
// buffer; the optional "__metadata__" maps strings to strings. Tensors are
// row-major and little-endian.
//
// The format is meant to be safe to read without trust, and this reader holds
// to all of its rules. Refused are: a header above 100 MB or longer than the
// file, a key given twice, a negative size, a shape whose product overflows or
// does not fill its extent, an extent outside the buffer, two that overlap, and
// bytes that belong to no tensor.

// maxHeader is the limit that the format itself sets, in bytes.
const maxHeader = 100_000_000

// metadataKey is the one header entry that is no tensor.
const metadataKey = "__metadata__"

// TensorInfo is a tensor's entry in the header.
type TensorInfo struct {
	Name       string
	DType      DType
	Shape      []int
	File       string // base name of the file that holds it
	Begin, End int64  // bytes, from the start of the file
}

// Len is the number of elements.
func (t TensorInfo) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// File is an open safetensors file. Its methods may be called concurrently.
type File struct {
	Metadata map[string]string

	path    string
	f       *os.File
	size    int64
	tensors map[string]TensorInfo

	mapping sync.Once
	data    []byte // the whole file, mapped when it is first asked for; nil where it is only read
}

// OpenSafetensors opens a file and checks its header against its size. No
// tensor is read yet.
func OpenSafetensors(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &inputError{err}
	}
	if !info.Mode().IsRegular() {
		return nil, &FormatError{File: path, Reason: "is not a regular file"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &inputError{err}
	}
	info, err = f.Stat()
	if err != nil {
		f.Close()
		return nil, &inputError{err}
	}
	h, err := readHeader(path, f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{Metadata: h.metadata, path: path, f: f, size: info.Size(), tensors: h.tensors}, nil
}

// mapped is the whole file, mapped, or nil.
func (f *File) mapped() []byte {
	f.mapping.Do(func() { f.data = mapFile(f.f, f.size) })
	return f.data
}

// Close closes the file. No rows that Matrix.Mapped lent may be used after it.
func (f *File) Close() error {
	var err error
	if f.data != nil {
		err = unmapFile(f.data)
	}
	return cmp.Or(f.f.Close(), err)
}

// Info returns a tensor's entry.
func (f *File) Info(name string) (TensorInfo, bool) {
	t, ok := f.tensors[name]
	return t, ok
}

// Names lists the tensors, sorted.
func (f *File) Names() []string { return sortedKeys(f.tensors) }

type header struct {
	tensors  map[string]TensorInfo
	metadata map[string]string
}

// readHeader reads and checks the header of a file of the given size.
func readHeader(path string, r io.ReaderAt, size int64) (*header, error) {
	fault := func(format string, args ...any) error {
		return &FormatError{File: path, Reason: fmt.Sprintf(format, args...)}
	}
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return nil, fault("%d bytes are too few for a safetensors file", size)
	}
	if _, err := r.ReadAt(prefix[:], 0); err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader {
		return nil, fault("header of %d bytes is above the limit of %d: not a safetensors file", n, maxHeader)
	}
	if int64(n) > size-int64(len(prefix)) {
		return nil, fault("header of %d bytes does not fit the file of %d: truncated", n, size)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, int64(len(prefix))); err != nil && n > 0 {
		return nil, inputErrorf("%s: %w", path, err)
	}
	if n == 0 || text[0] != '{' {
		return nil, fault("header does not start with '{'")
	}
	return parseHeader(path, text, int64(len(prefix))+int64(n), size)
}

// parseHeader decodes the JSON; the buffer is bytes [start, size) of the file.
func parseHeader(path string, text []byte, start, size int64) (*header, error) {
	h := &header{tensors: map[string]TensorInfo{}}
	err := visitObject(text, func(name string, v any) error {
		if name == metadataKey {
			var err error
			h.metadata, err = parseMetadata(v)
			if err != nil {
				return &FormatError{File: path, Reason: err.Error()}
			}
			return nil
		}
		t, err := parseTensor(v, uint64(size-start))
		if err != nil {
			return &FormatError{File: path, Tensor: name, Reason: err.Error()}
		}
		t.Name, t.File = name, filepath.Base(path)
		t.Begin += start
		t.End += start
		h.tensors[name] = t
		return nil
	})
	if err != nil {
		if _, ok := err.(*FormatError); ok {
			return nil, err
		}
		return nil, &FormatError{File: path, Reason: "header " + err.Error()}
	}
	return h, checkCover(path, h.tensors, start, size)
}

func parseMetadata(v any) (map[string]string, error) {
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("%s is not an object", metadataKey)
	}
	m := make(map[string]string, len(o.keys))
	for _, key := range o.keys {
		s, ok := o.values[key].(string)
		if !ok {
			return nil, fmt.Errorf("%s: %s is not a string", metadataKey, shown(key))
		}
		m[key] = s
	}
	return m, nil
}

// parseTensor checks one entry by itself. Begin and End of the result count
// from the start of the buffer.
func parseTensor(v any, buffer uint64) (TensorInfo, error) {
	o, ok := v.(*object)
	if !ok {
		return TensorInfo{}, fmt.Errorf("%s is not an object", shown(v))
	}
	for _, key := range o.keys {
		if key != "dtype" && key != "shape" && key != "data_offsets" {
			return TensorInfo{}, fmt.Errorf("unknown field %s", shown(key))
		}
	}
	name, _ := o.values["dtype"].(string)
	width, ok := dtypeBits[DType(name)]
	if !ok {
		return TensorInfo{}, fmt.Errorf("unknown dtype %s", shown(o.values["dtype"]))
	}
	shape, ok := sizes(o.values["shape"])
	if !ok {
		return TensorInfo{}, fmt.Errorf("shape %s is not a list of sizes", shown(o.values["shape"]))
	}
	offsets, ok := sizes(o.values["data_offsets"])
	if !ok || len(offsets) != 2 {
		return TensorInfo{}, fmt.Errorf("data_offsets %s is not [begin, end]", shown(o.values["data_offsets"]))
	}
	begin, end := uint64(offsets[0]), uint64(offsets[1])
	if begin > end || end > buffer {
		return TensorInfo{}, fmt.Errorf("data_offsets [%d, %d] do not lie in the %d bytes of data: truncated or damaged", begin, end, buffer)
	}
	need, ok := extent(shape, width)
	if !ok || need != end-begin {
		return TensorInfo{}, fmt.Errorf("shape %s of %s does not fill its %d bytes", shown(o.values["shape"]), name, end-begin)
	}
	return TensorInfo{DType: DType(name), Shape: shape, Begin: int64(begin), End: int64(end)}, nil
}

// sizes reads a list of integers that are not negative.
func sizes(v any) ([]int, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]int, len(list))
	for i, e := range list {
		n, ok := integer(e)
		if !ok || n < 0 {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// extent is the bytes of a shape of elements of width bits; false where the
// product overflows or ends inside a byte.
func extent(shape []int, width uint64) (uint64, bool) {
	if slices.Contains(shape, 0) {
		return 0, true
	}
	total := width
	for _, d := range shape {
		high, low := bits.Mul64(total, uint64(d))
		if high != 0 {
			return 0, false
		}
		total = low
	}
	return total / 8, total%8 == 0
}

// checkCover demands that the tensors tile [start, size) without overlap or
// hole.
func checkCover(path string, tensors map[string]TensorInfo, start, size int64) error {
	order := make([]TensorInfo, 0, len(tensors))
	for _, t := range tensors {
		order = append(order, t)
	}
	slices.SortFunc(order, func(a, b TensorInfo) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End), cmp.Compare(a.Name, b.Name))
	})
	at := start
	for _, t := range order {
		if t.Begin < at {
			return &FormatError{path, t.Name, "overlaps the tensor before it by " + strconv.FormatInt(at-t.Begin, 10) + " bytes"}
		}
		if t.Begin > at {
			return &FormatError{path, t.Name, "leaves a hole of " + strconv.FormatInt(t.Begin-at, 10) + " bytes before it"}
		}
		at = t.End
	}
	if at != size {
		return &FormatError{File: path, Reason: fmt.Sprintf("%d bytes after the last tensor belong to none", size-at)}
	}
	return nil
}
