package loader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
)

// TensorSpec declares a tensor that a Writer is to write.
type TensorSpec struct {
	Name  string
	DType DType // F32, BF16 or I64
	Shape []int
}

// NamedTensor is a tensor in memory, row-major; one of the two slices holds it.
type NamedTensor struct {
	Name    string
	Shape   []int
	Float32 []float32
	Int64   []int64
}

// Writer writes one safetensors file whose tensors come in pieces, in any order:
// the states of a prompt are born layer by layer, and a run has more prompts
// than a process may have open files. So no file is held open between calls.
//
// The data are written to a file beside the final one, which Commit renames;
// what a broken run leaves behind can never be taken for a result. The bytes
// depend on the declared tensors, the metadata and the data only, and are those
// that Python's safetensors writes.
type Writer struct {
	path     string
	tensors  map[string]*pending
	reopened bool // what was written before is not known
}

// pending is a declared tensor and how much of it has been written.
type pending struct {
	TensorInfo
	written int // elements
}

// partialSuffix marks a file that is still being written.
const partialSuffix = ".partial"

// WriteSafetensors writes tensors to a file, replacing what was there.
func WriteSafetensors(path string, tensors []NamedTensor, metadata map[string]string) error {
	specs := make([]TensorSpec, len(tensors))
	for i, t := range tensors {
		specs[i] = TensorSpec{t.Name, F32, t.Shape}
		if t.Int64 != nil {
			specs[i].DType = I64
		}
	}
	w, err := CreateSafetensors(path, specs, metadata)
	if err != nil {
		return err
	}
	for _, t := range tensors {
		if t.Int64 != nil {
			err = w.WriteInt64(t.Name, 0, t.Int64)
		} else {
			err = w.WriteFloat32(t.Name, 0, t.Float32)
		}
		if err != nil {
			w.Abort()
			return err
		}
	}
	return w.Commit()
}

// CreateSafetensors starts a file with the given tensors and metadata. Either
// Commit or Abort must end it.
func CreateSafetensors(path string, specs []TensorSpec, metadata map[string]string) (*Writer, error) {
	w := &Writer{path: path, tensors: map[string]*pending{}}
	head, err := w.layout(specs, metadata)
	if err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path+partialSuffix, head, 0o666); err != nil {
		w.Abort()
		return nil, &inputError{err}
	}
	return w, nil
}

// ReopenSafetensors goes on with a file that CreateSafetensors started with the
// same tensors and metadata, in this process or in one that was killed. Elements
// may be written again. What was written before is not known, so it is for the
// caller to know that nothing is missing at Commit.
//
// It does not open the file: of thousands that grow side by side none needs to
// be remembered.
func ReopenSafetensors(path string, specs []TensorSpec, metadata map[string]string) (*Writer, error) {
	w := &Writer{path: path, tensors: map[string]*pending{}, reopened: true}
	if _, err := w.layout(specs, metadata); err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	return w, nil
}

// layout places the tensors and returns the file's start. As in the reference
// implementation, wider types come first, so that all are aligned, then names in
// order, and spaces pad the header to a multiple of 8 bytes.
func (w *Writer) layout(specs []TensorSpec, metadata map[string]string) ([]byte, error) {
	order := slices.Clone(specs)
	slices.SortStableFunc(order, func(a, b TensorSpec) int {
		if a.DType.size() != b.DType.size() {
			return b.DType.size() - a.DType.size()
		}
		return strings.Compare(a.Name, b.Name)
	})
	header := object{values: map[string]any{}}
	if len(metadata) > 0 {
		header.keys = append(header.keys, metadataKey)
		header.values[metadataKey] = metadata
	}
	var at int64
	for _, spec := range order {
		length, ok := extent(spec.Shape, dtypeBits[spec.DType])
		switch {
		case spec.DType != F32 && spec.DType != BF16 && spec.DType != I64:
			return nil, fmt.Errorf("tensor %s: cannot write dtype %s", shown(spec.Name), spec.DType)
		case !ok || length > math.MaxInt64/2 || slices.ContainsFunc(spec.Shape, func(d int) bool { return d < 0 }):
			return nil, fmt.Errorf("tensor %s: cannot write shape %v", shown(spec.Name), spec.Shape)
		case w.tensors[spec.Name] != nil || spec.Name == metadataKey:
			return nil, fmt.Errorf("tensor %s: the name is taken", shown(spec.Name))
		}
		info := TensorInfo{Name: spec.Name, DType: spec.DType, Shape: spec.Shape, Begin: at, End: at + int64(length)}
		w.tensors[spec.Name] = &pending{TensorInfo: info}
		header.keys = append(header.keys, spec.Name)
		header.values[spec.Name] = headerEntry{spec.DType, append([]int{}, spec.Shape...), [2]int64{info.Begin, info.End}}
		at = info.End
	}
	return w.headerBytes(&header)
}

// headerEntry is a tensor's entry in the order of the reference implementation.
type headerEntry struct {
	DType   DType    `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// headerBytes encodes the header and moves the tensors behind it.
func (w *Writer) headerBytes(header *object) ([]byte, error) {
	body, err := header.MarshalJSON()
	if err != nil {
		return nil, err
	}
	for len(body)%8 != 0 {
		body = append(body, ' ')
	}
	if len(body) > maxHeader {
		return nil, fmt.Errorf("header of %d bytes is above the limit of %d", len(body), maxHeader)
	}
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(body)))
	head = append(head, body...)
	for t := range maps.Values(w.tensors) {
		t.Begin += int64(len(head))
		t.End += int64(len(head))
	}
	return head, nil
}

// WriteFloat32 writes elements [at, at+len(data)) of an F32 tensor, or of a BF16
// one, to which they are rounded. Each element is to be written once.
func (w *Writer) WriteFloat32(name string, at int, data []float32) error {
	if t := w.tensors[name]; t != nil && t.DType == BF16 {
		return w.write(name, BF16, at, len(data), func(b []byte, i int) {
			binary.LittleEndian.PutUint16(b, roundBF16(data[i]))
		})
	}
	return w.write(name, F32, at, len(data), func(b []byte, i int) {
		binary.LittleEndian.PutUint32(b, math.Float32bits(data[i]))
	})
}

// WriteInt64 writes elements [at, at+len(data)) of an I64 tensor. Each element is
// to be written once.
func (w *Writer) WriteInt64(name string, at int, data []int64) error {
	return w.write(name, I64, at, len(data), func(b []byte, i int) {
		binary.LittleEndian.PutUint64(b, uint64(data[i]))
	})
}

// write encodes n elements in chunks.
func (w *Writer) write(name string, dtype DType, at, n int, put func(b []byte, i int)) error {
	t := w.tensors[name]
	if t == nil || t.DType != dtype || at < 0 || n > t.Len()-at {
		return inputErrorf("%s: elements [%d, %d) do not fit a tensor %s of %s", w.path, at, at+n, shown(name), dtype)
	}
	f, err := os.OpenFile(w.path+partialSuffix, os.O_WRONLY, 0)
	if err != nil {
		return &inputError{err}
	}
	buffer := chunks.Get().(*[chunkBytes]byte)
	defer chunks.Put(buffer)
	size := dtype.size()
	per := chunkBytes / size
	for lo := 0; lo < n; lo += per {
		hi := min(lo+per, n)
		for i := lo; i < hi; i++ {
			put(buffer[(i-lo)*size:], i)
		}
		if _, err := f.WriteAt(buffer[:(hi-lo)*size], t.Begin+int64(at+lo)*int64(size)); err != nil {
			f.Close()
			return &inputError{err}
		}
	}
	if err := f.Close(); err != nil {
		return &inputError{err}
	}
	t.written += n
	return nil
}

// Sync makes what was written durable.
func (w *Writer) Sync() error {
	f, err := os.OpenFile(w.path+partialSuffix, os.O_WRONLY, 0)
	if err != nil {
		return &inputError{err}
	}
	err = f.Sync()
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return &inputError{err}
	}
	return nil
}

// Commit gives the file its name. A tensor that has not been written in full is
// an error, and no file appears.
func (w *Writer) Commit() error {
	for _, name := range sortedKeys(w.tensors) {
		if t := w.tensors[name]; !w.reopened && t.written != t.Len() {
			w.Abort()
			return inputErrorf("%s: tensor %s: %d of %d elements were written", w.path, shown(name), t.written, t.Len())
		}
	}
	if err := os.Rename(w.path+partialSuffix, w.path); err != nil {
		w.Abort()
		return &inputError{err}
	}
	return nil
}

// Uncommit makes sure that the file of a reopened Writer is there to be gone on
// with. Where an earlier Commit has given it its name, it takes that back.
func (w *Writer) Uncommit() error {
	err := os.Rename(w.path, w.path+partialSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(w.path + partialSuffix)
	}
	if err != nil {
		return &inputError{err}
	}
	return nil
}

// Abort removes what was written.
func (w *Writer) Abort() { os.Remove(w.path + partialSuffix) }
