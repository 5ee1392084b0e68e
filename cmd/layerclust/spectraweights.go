package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"sync"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// spectraWeights reads the weights of a model, and what adapters make of them, in
// float64: W + Scale (W' - W), with W' as loader.Adapter says. Its methods may be
// called concurrently.
type spectraWeights struct {
	model   *loader.Model
	sums    sync.Map // content digests by name: func() (string, error)
	started sync.Map // LoRAs with a Start on their base, by adapter and path: func() (*loader.LoRA, error)
}

// readRows is how many values are read at once.
const readRows = 1 << 20

// base reads a weight (out, in) as the model has it.
func (w *spectraWeights) base(layer int, module string) (spectra.Matrix, error) {
	out, in := w.model.Config.ProjectionShape(module)
	name := w.model.ModulePath(layer, module) + ".weight"
	return readMatrix(out, in, name, func(lo, hi int, dst []float32) error { return w.model.Weights.ReadRows(name, lo, hi, dst) })
}

// readMatrix widens a matrix some rows at a time, and refuses NaN and infinity.
func readMatrix(rows, cols int, name string, read func(lo, hi int, dst []float32) error) (spectra.Matrix, error) {
	m := spectra.NewMatrix(rows, cols)
	per := max(1, readRows/cols)
	buffer := make([]float32, per*cols)
	for lo := 0; lo < rows; lo += per {
		hi := min(lo+per, rows)
		part := buffer[:(hi-lo)*cols]
		if err := read(lo, hi, part); err != nil {
			return m, err
		}
		for i, v := range part {
			x := float64(v)
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return m, loader.InputErrorf("%s: row %d, column %d is %v", name, lo+i/cols, i%cols, v)
			}
			m.Data[lo*cols+i] = x
		}
	}
	return m, nil
}

// changed says whether an adapter brings something for a module.
func (w *spectraWeights) changed(a *loader.Adapter, layer int, module string) bool {
	path := w.model.ModulePath(layer, module)
	return a.Modules[path] != nil || a.Replaces(path+".weight")
}

// change is what an adapter that changes a module does to its weight, of which
// base is the base's.
func (w *spectraWeights) change(a *loader.Adapter, layer int, module string, base spectra.Matrix) (spectra.Change, error) {
	path := w.model.ModulePath(layer, module)
	l := a.Modules[path]
	if l == nil {
		name := path + ".weight"
		own, err := readMatrix(base.Rows, base.Cols, a.Name+": "+name, func(lo, hi int, dst []float32) error { return a.ReadRows(name, lo, hi, dst) })
		for i, v := range base.Data {
			own.Data[i] = a.Scale * (own.Data[i] - v)
		}
		return spectra.Change{Dense: own}, err
	}
	rank := l.Rank
	l, err := w.onBase(a, path, base)
	if err != nil {
		return spectra.Change{}, fmt.Errorf("adapter %s: %s: %w", a.Name, path, err)
	}
	if l.Magnitude == nil {
		return spectra.Change{Low: &spectra.Factors{Rank: l.Rank, In: l.In, Out: l.Out, A: l.A, B: l.B, Scale: a.Scale * l.Scale}, Rank: l.Rank}, nil
	}
	dense := spectra.NewMatrix(l.Out, l.In)
	row := make([]float32, l.In)
	for o := range l.Out {
		narrow(row, base.Data[o*l.In:])
		d := dense.Data[o*l.In : (o+1)*l.In]
		l.ChangeRow(o, row, d)
		for i := range d {
			d[i] *= a.Scale
		}
	}
	return spectra.Change{Dense: dense, Rank: rank}, nil
}

// narrow gives dst the values of x, which a file had in 32 bits or fewer.
func narrow(dst []float32, x []float64) {
	for i := range dst {
		dst[i] = float32(x[i])
	}
}

// onBase is the LoRA of a module without a Start: one is worked out once, since
// that may take a minute.
func (w *spectraWeights) onBase(a *loader.Adapter, path string, base spectra.Matrix) (*loader.LoRA, error) {
	l := a.Modules[path]
	if l.Start == loader.StartZero {
		return l, nil
	}
	once, _ := w.started.LoadOrStore(a.Name+"\x00"+path, sync.OnceValues(func() (*loader.LoRA, error) {
		values := make([]float32, len(base.Data))
		narrow(values, base.Data)
		whole, err := l.OnBase(values)
		if err != nil {
			return nil, loader.InputErrorf("%w", err)
		}
		return whole, nil
	}))
	return once.(func() (*loader.LoRA, error))()
}

// weight is a weight as a variant has it; a is nil for the base.
func (w *spectraWeights) weight(a *loader.Adapter, layer int, module string) (spectra.Matrix, error) {
	m, err := w.base(layer, module)
	if err != nil || a == nil || !w.changed(a, layer, module) {
		return m, err
	}
	c, err := w.change(a, layer, module, m)
	if err != nil {
		return m, err
	}
	c.AddTo(m)
	return m, nil
}

// gain is the gain of a norm of a block as a variant has it.
func (w *spectraWeights) gain(a *loader.Adapter, layer int, norm loader.Norm) ([]float64, error) {
	name := w.model.ModulePath(layer, norm.Module) + ".weight"
	read := func(read func(string, []float32) error) (spectra.Matrix, error) {
		return readMatrix(1, norm.Size, name, func(_, _ int, dst []float32) error { return read(name, dst) })
	}
	base, err := read(w.model.Weights.ReadFloat32)
	if err != nil || a == nil || !a.Replaces(name) {
		return base.Data, err
	}
	own, err := read(a.ReadFloat32)
	for i, v := range base.Data {
		own.Data[i] = v + a.Scale*(own.Data[i]-v)
	}
	return own.Data, err
}

// changesNorm says whether an adapter brings a gain of its own.
func (w *spectraWeights) changesNorm(a *loader.Adapter, layer int, norm loader.Norm) bool {
	return a.Replaces(w.model.ModulePath(layer, norm.Module) + ".weight")
}

// content is a digest of the values of a tensor as a variant has it: of the bytes
// of the base's, and of what an adapter adds.
func (w *spectraWeights) content(a *loader.Adapter, layer int, module string) (string, error) {
	path := w.model.ModulePath(layer, module)
	base, err := w.sum("", path+".weight", w.model.Weights)
	if err != nil || a == nil {
		return base, err
	}
	switch {
	case a.Replaces(path + ".weight"):
		own, err := w.sum(a.Name, path+".weight", a)
		return digest([]any{base, own, a.Scale}), err
	case a.Modules[path] != nil:
		return digest([]any{base, loraDigest(a.Modules[path]), a.Scale}), nil
	}
	return base, nil
}

// matrices is where a weight's bytes come from: the model or an adapter.
type matrices interface {
	Matrix(name string) (*loader.Matrix, error)
}

// sum is the SHA-256 of a matrix's bytes in its file, with its type and shape,
// taken once.
func (w *spectraWeights) sum(of, name string, from matrices) (string, error) {
	once, _ := w.sums.LoadOrStore(of+"\x00"+name, sync.OnceValues(func() (string, error) {
		m, err := from.Matrix(name)
		if err != nil {
			return "", err
		}
		hash := sha256.New()
		fmt.Fprintln(hash, m.DType, m.Rows, m.Cols)
		per := max(1, readRows/max(1, m.RowBytes()))
		buffer := make([]byte, per*m.RowBytes())
		for lo := 0; lo < m.Rows; lo += per {
			hi := min(lo+per, m.Rows)
			part := buffer[:(hi-lo)*m.RowBytes()]
			if err := m.ReadBytes(lo, hi, part); err != nil {
				return "", err
			}
			hash.Write(part)
		}
		return hex.EncodeToString(hash.Sum(nil)), nil
	}))
	return once.(func() (string, error))()
}

// loraDigest is a digest of everything that a LoRA does.
func loraDigest(l *loader.LoRA) string {
	hash := sha256.New()
	fmt.Fprintln(hash, l.Rank, l.In, l.Out, math.Float64bits(l.Scale), l.Start, len(l.Magnitude))
	for _, x := range [][]float32{l.A, l.B, l.Magnitude} {
		binary.Write(hash, binary.LittleEndian, x) //nolint:errcheck // a hash takes everything
	}
	return hex.EncodeToString(hash.Sum(nil))
}
