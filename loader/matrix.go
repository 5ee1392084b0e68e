package loader

import "fmt"

// Matrix is a weight (Rows, Cols) that is read some rows at a time, as its file
// has it: for whoever can compute with 16 bits there is no sense in widening them.
type Matrix struct {
	Name       string
	DType      DType // F32, F16 or BF16
	Rows, Cols int
	file       *File
	begin      int64
}

// Matrix returns a weight of the model.
func (w *Weights) Matrix(name string) (*Matrix, error) {
	f, err := w.file(name)
	if err != nil {
		return nil, err
	}
	return f.matrix(name)
}

// Matrix returns a weight that the adapter replaces, as Replaces says.
func (a *Adapter) Matrix(name string) (*Matrix, error) {
	s := a.replaced[name]
	return s.file.matrix(s.name)
}

func (f *File) matrix(name string) (*Matrix, error) {
	t, ok := f.tensors[name]
	switch {
	case !ok:
		return nil, inputErrorf("%s: there is no tensor %s", f.path, shown(name))
	case len(t.Shape) != 2:
		return nil, inputErrorf("%s: tensor %s has shape %v, not that of a matrix", f.path, shown(name), t.Shape)
	case !t.DType.float():
		return nil, inputErrorf("%s: tensor %s is %s; F32, F16 and BF16 can be used", f.path, shown(name), t.DType)
	}
	return &Matrix{Name: name, DType: t.DType, Rows: t.Shape[0], Cols: t.Shape[1], file: f, begin: t.Begin}, nil
}

// RowBytes is the length of a row in its file.
func (m *Matrix) RowBytes() int { return m.Cols * m.DType.size() }

// ReadBytes reads rows [lo, hi) into raw, little-endian, whose length must be
// theirs. It may be called concurrently.
func (m *Matrix) ReadBytes(lo, hi int, raw []byte) error {
	if lo < 0 || hi < lo || hi > m.Rows || len(raw) != (hi-lo)*m.RowBytes() {
		panic(fmt.Sprintf("loader: rows [%d, %d) of %d into %d bytes", lo, hi, m.Rows, len(raw)))
	}
	if err := m.file.unchanged(); err != nil {
		return err
	}
	_, err := m.file.f.ReadAt(raw, m.begin+int64(lo)*int64(m.RowBytes()))
	return m.file.readFault(err)
}

// Mapped lends rows [lo, hi) as they lie in the file, little-endian, without
// reading them; ok is false where the file is only read. They are valid until
// Release. A file that becomes shorter while it is mapped ends the process when
// it is touched, so its size is compared first.
func (m *Matrix) Mapped(lo, hi int) (rows []byte, ok bool, err error) {
	data := m.file.mapped()
	if data == nil {
		return nil, false, nil
	}
	if err := m.file.unchanged(); err != nil {
		return nil, false, err
	}
	size := int64(m.RowBytes())
	begin, n := m.begin+int64(lo)*size, int64(hi-lo)*size
	touch(data, begin, n)
	return data[begin : begin+n], true, nil
}

// Release gives back rows [lo, hi) that Mapped lent: they leave this process's
// memory, and stay in the machine's.
func (m *Matrix) Release(lo, hi int) {
	size := int64(m.RowBytes())
	release(m.file.mapped(), m.begin+int64(lo)*size, int64(hi-lo)*size)
}

// Prefetch asks the system to have the matrix in memory soon, where it can be
// asked: reading it from disk then goes on beside whatever is computed first.
func (m *Matrix) Prefetch() { willNeed(m.file.f, m.begin, int64(m.Rows)*int64(m.RowBytes())) }
