package loader

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A .npy file is the magic "\x93NUMPY", a version (two bytes), the length of a
// header (2 bytes little-endian in version 1, 4 in version 2), the header, and
// the array to the end of the file. The header is the text of a Python dict
// with three keys, blanks and a newline after it:
//
//	{'descr': '<f4', 'fortran_order': False, 'shape': (31, 200, 576), }
//
// (numpy.lib.format). Read here are little-endian floats in C order with three
// axes, which is what states come as. The dict is matched, never evaluated.

// F64 is a safetensors element type that only an Array can read.
const F64 DType = "F64"

// Array is a tensor of floats that is read a piece at a time: states of a
// large model do not fit into memory together. It may be read concurrently.
type Array struct {
	Shape []int

	file *File
	info TensorInfo
}

// OpenNPY opens a .npy file of shape (n, T, D) and checks its header against
// its size. No element is read yet.
func OpenNPY(path string) (*Array, error) {
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
	t, err := readNPYHeader(path, f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Array{Shape: t.Shape, file: &File{path: path, f: f, size: info.Size()}, info: t}, nil
}

// Array gives access to a tensor of F32, F16, BF16 or F64. It lives as long as
// the file is open.
func (f *File) Array(name string) (*Array, error) {
	t, ok := f.tensors[name]
	if !ok {
		return nil, inputErrorf("%s: there is no tensor %s", f.path, shown(name))
	}
	if !t.DType.float() && t.DType != F64 {
		return nil, inputErrorf("%s: tensor %s is %s; F32, F16, BF16 and F64 can be used", f.path, shown(name), t.DType)
	}
	return &Array{Shape: t.Shape, file: f, info: t}, nil
}

// Read reads elements [at, at+len(dst)), in row-major order, as float32: those
// of F64 are rounded, the others are exact.
func (a *Array) Read(at int, dst []float32) error {
	if at < 0 || len(dst) > a.info.Len()-at {
		return inputErrorf("%s: elements [%d, %d) of an array of %d were asked for", a.file.path, at, at+len(dst), a.info.Len())
	}
	begin := a.info.Begin + int64(at)*int64(a.info.DType.size())
	if a.info.DType != F64 {
		return a.file.floats(a.info, begin, dst)
	}
	return a.file.inChunks(begin, len(dst), a.info.DType.size(), func(lo, hi int, b []byte) {
		for i := range dst[lo:hi] {
			dst[lo+i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])))
		}
	})
}

// Close closes the file that the array lies in.
func (a *Array) Close() error { return a.file.Close() }

// maxNPYHeader bounds the header, in bytes; numpy's own are below 200.
const maxNPYHeader = 1 << 16

// npyMagic starts every .npy file.
const npyMagic = "\x93NUMPY"

// npyDict matches the header as numpy writes it: keys in order, blanks free.
var npyDict = regexp.MustCompile(`^\{\s*'descr':\s*'([^']{1,16})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$`)

// npyTypes are the element types that can be read, by descr.
var npyTypes = map[string]DType{"<f2": F16, "<f4": F32, "<f8": F64}

// readNPYHeader reads and checks the header of a file of the given size.
func readNPYHeader(path string, r io.ReaderAt, size int64) (TensorInfo, error) {
	fault := func(format string, args ...any) (TensorInfo, error) {
		return TensorInfo{}, &FormatError{File: path, Reason: fmt.Sprintf(format, args...)}
	}
	prefix := make([]byte, min(size, 12)) // magic, version, the longer of the two lengths
	if _, err := r.ReadAt(prefix, 0); err != nil && err != io.EOF {
		return TensorInfo{}, inputErrorf("%s: %w", path, err)
	}
	if len(prefix) < 12 || string(prefix[:6]) != npyMagic {
		return fault("is not a .npy file")
	}
	start, n := int64(10), int64(binary.LittleEndian.Uint16(prefix[8:]))
	switch prefix[6] {
	case 1:
	case 2:
		start, n = 12, int64(binary.LittleEndian.Uint32(prefix[8:]))
	default:
		return fault(".npy version %d.%d is not supported; 1.0 and 2.0 are", prefix[6], prefix[7])
	}
	if n > maxNPYHeader || n > size-start {
		return fault("header of %d bytes does not fit the file of %d or the limit of %d", n, size, maxNPYHeader)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, start); err != nil && err != io.EOF {
		return TensorInfo{}, inputErrorf("%s: %w", path, err)
	}
	t, err := parseNPYDict(string(text))
	if err != nil {
		return fault("%v", err)
	}
	t.File, t.Begin, t.End = filepath.Base(path), start+n, size
	if need, ok := extent(t.Shape, dtypeBits[t.DType]); !ok || need != uint64(size-t.Begin) {
		return fault("shape %v of %s does not fill its %d bytes: truncated or damaged", t.Shape, t.DType, size-t.Begin)
	}
	return t, nil
}

// parseNPYDict reads the header's text into DType and Shape.
func parseNPYDict(text string) (TensorInfo, error) {
	parts := npyDict.FindStringSubmatch(text)
	if parts == nil {
		return TensorInfo{}, fmt.Errorf("header %s is not that of an array of numbers", shown(text))
	}
	dtype, ok := npyTypes[parts[1]]
	if !ok {
		return TensorInfo{}, fmt.Errorf("descr=%s is not supported; '<f4', '<f8' and '<f2' are", shown(parts[1]))
	}
	if parts[2] == "True" {
		return TensorInfo{}, fmt.Errorf("fortran_order=True is not supported; save numpy.ascontiguousarray of it")
	}
	var shape []int
	for field := range strings.SplitSeq(strings.TrimRight(parts[3], ", "), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			return TensorInfo{}, fmt.Errorf("shape=(%s) is not a tuple of sizes", parts[3])
		}
		shape = append(shape, n)
	}
	if len(shape) != 3 || slices.Contains(shape, 0) {
		return TensorInfo{}, fmt.Errorf("shape=(%s) is not that of states, (layers, tokens, hidden size)", parts[3])
	}
	return TensorInfo{DType: dtype, Shape: shape}, nil
}
