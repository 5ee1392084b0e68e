package particles

import (
	"fmt"
	"io"
)

// File is a simulation as a JSON file states it. Keys that it does not know are
// ignored, so that a file may carry its own reference results.
type File struct {
	Dynamics   Dynamics      `json:"dynamics"`
	N          int           `json:"n"` // default: as many as x0 has rows
	D          int           `json:"d"`
	Beta       *float64      `json:"beta"` // default 1
	Causal     bool          `json:"causal"`
	X0         [][]float64   `json:"x0"`       // (n, d); or Seed draws it
	Seed       *uint32       `json:"seed"`     // numpy's legacy generator
	X0Range    [2]float64    `json:"x0_range"` // of the uniform draw, default -1, 1
	T          *float64      `json:"T"`
	Dt         *float64      `json:"dt"`
	L          *int          `json:"L"`        // steps of a discrete dynamics
	H          *float64      `json:"h"`        // their size, default 1
	NormEps    float64       `json:"norm_eps"` // of discrete_prenorm
	Integrator Integrator    `json:"integrator"`
	RTol       float64       `json:"rtol"`
	ATol       float64       `json:"atol"`
	Times      []float64     `json:"times"`
	Layers     []FileLayer   `json:"layers"` // or heads, or Q, K, V
	Heads      []FileHead    `json:"heads"`
	LoRA       *FileMatrices `json:"lora"` // what an adapter makes of the matrices: a second run beside the first
	FileHead
}

// FileHead is a head of a file, rows of numbers.
type FileHead struct {
	Q [][]float64 `json:"Q"` // (k, d)
	K [][]float64 `json:"K"`
	V [][]float64 `json:"V"` // (v, d)
	O [][]float64 `json:"O"` // (d, v)
}

// FileLayer is a layer of a file.
type FileLayer struct {
	Start float64    `json:"start"`
	Heads []FileHead `json:"heads"`
	FileHead
}

// FileMatrices are the matrices of an adapted system. Those of a single head
// that are left out are the base's.
type FileMatrices struct {
	Layers []FileLayer `json:"layers"`
	Heads  []FileHead  `json:"heads"`
	FileHead
}

// Setup is a simulation ready to run.
type Setup struct {
	System  *System
	Adapted *System // with the adapter's matrices, or nil
	X0      []float64
	Options Options
}

// ReadFile reads a simulation. Every error names the field at fault.
func ReadFile(r io.Reader) (*Setup, error) {
	var f File
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if err := Decode(data, &f); err != nil {
		return nil, err
	}
	return f.setup()
}

func (f *File) setup() (*Setup, error) {
	if f.Dynamics == "" {
		return nil, fmt.Errorf("missing dynamics: it is one of %s", dynamicsNames())
	}
	x0, err := f.tokens()
	if err != nil {
		return nil, err
	}
	s := &System{Dynamics: f.Dynamics, N: f.N, D: f.D, Beta: 1, Causal: f.Causal, StepSize: 1, NormEps: f.NormEps}
	if f.Beta != nil {
		s.Beta = *f.Beta
	}
	if f.H != nil {
		s.StepSize = *f.H
	}
	if s.Layers, err = fileLayers(f.Layers, f.Heads, f.FileHead, f.D); err != nil {
		return nil, err
	}
	o, err := f.options(s)
	if err != nil {
		return nil, err
	}
	setup := &Setup{System: s, X0: x0}
	if f.LoRA != nil {
		if setup.Adapted, err = f.adapted(s); err != nil {
			return nil, fmt.Errorf("lora: %w", err)
		}
	}
	for _, s := range []*System{s, setup.Adapted} {
		if s == nil {
			continue
		}
		if err := o.complete(s); err != nil {
			return nil, err
		}
	}
	setup.Options = o // completed: by the first, the second only checks
	return setup, s.checkTokens(x0)
}

// tokens is x0, checked against n and d, or drawn.
func (f *File) tokens() ([]float64, error) {
	if f.N < 0 || f.D < 0 {
		return nil, fmt.Errorf("n, d: %d x %d", f.N, f.D)
	}
	if f.X0 == nil && f.Seed == nil {
		return nil, fmt.Errorf("missing x0: give the tokens, or a seed to draw them")
	}
	if f.X0 == nil {
		return f.drawn()
	}
	if f.N == 0 {
		f.N = len(f.X0)
	}
	if f.D == 0 && len(f.X0) > 0 {
		f.D = len(f.X0[0])
	}
	if f.N == 0 || f.D == 0 {
		return nil, fmt.Errorf("x0: no tokens")
	}
	if len(f.X0) != f.N {
		return nil, fmt.Errorf("x0: %d tokens where n is %d", len(f.X0), f.N)
	}
	return flat("x0", f.X0, f.D)
}

// drawn is x0 from the seed: uniform, or uniform in direction on the sphere.
func (f *File) drawn() ([]float64, error) {
	if f.N == 0 || f.D == 0 {
		return nil, fmt.Errorf("seed: n and d say how many tokens are drawn, and they are missing")
	}
	if f.N*f.D > MaxStored {
		return nil, fmt.Errorf("n, d: %d x %d numbers are more than %d", f.N, f.D, MaxStored)
	}
	r := NewRandom(*f.Seed)
	if f.Dynamics.OnSphere() {
		x := r.Normal(f.N * f.D)
		normalised(x, x, f.D, 1)
		return x, nil
	}
	if f.X0Range == [2]float64{} {
		f.X0Range = [2]float64{-1, 1}
	}
	return r.Uniform(f.X0Range[0], f.X0Range[1], f.N*f.D), nil
}

func (f *File) options(s *System) (Options, error) {
	o := Options{Integrator: f.Integrator, RTol: f.RTol, ATol: f.ATol, Times: f.Times}
	switch {
	case s.Dynamics.InSteps() && f.L != nil:
		o.T, o.Dt = float64(*f.L), 1
	case s.Dynamics.InSteps():
		return o, fmt.Errorf("missing L: %s needs its number of steps", s.Dynamics)
	case f.T == nil:
		return o, fmt.Errorf("missing T")
	case f.Dt == nil:
		return o, fmt.Errorf("missing dt")
	default:
		o.T, o.Dt = *f.T, *f.Dt
	}
	return o, nil
}

// adapted is the system with the adapter's matrices in place of the base's.
func (f *File) adapted(base *System) (*System, error) {
	s := *base
	m := f.LoRA
	if m.Layers == nil && m.Heads == nil {
		if f.Layers != nil || f.Heads != nil {
			return nil, fmt.Errorf("the base has heads or layers, so the adapter needs all of its own")
		}
		for _, p := range []struct{ to, from *[][]float64 }{{&m.Q, &f.Q}, {&m.K, &f.K}, {&m.V, &f.V}, {&m.O, &f.O}} {
			if *p.to == nil {
				*p.to = *p.from
			}
		}
	}
	var err error
	s.Layers, err = fileLayers(m.Layers, m.Heads, m.FileHead, f.D)
	return &s, err
}

// fileLayers turns rows into layers: those given, or one of the heads given, or
// of the one head given.
func fileLayers(layers []FileLayer, heads []FileHead, one FileHead, d int) ([]Layer, error) {
	if layers == nil {
		layers = []FileLayer{{Heads: heads, FileHead: one}}
	}
	out := make([]Layer, len(layers))
	for i, l := range layers {
		if l.Heads == nil {
			l.Heads = []FileHead{l.FileHead}
		}
		out[i].Start = l.Start
		for k, h := range l.Heads {
			head, err := h.flat(d)
			if err != nil {
				if len(layers) > 1 || len(l.Heads) > 1 {
					err = fmt.Errorf("layer %d: head %d: %w", i, k, err)
				}
				return nil, err
			}
			out[i].Heads = append(out[i].Heads, head)
		}
	}
	return out, nil
}

func (h FileHead) flat(d int) (Head, error) {
	var out Head
	var err error
	for _, m := range []struct {
		name string
		rows [][]float64
		to   *[]float64
	}{{"Q", h.Q, &out.Q}, {"K", h.K, &out.K}, {"V", h.V, &out.V}} {
		if m.rows == nil {
			return out, fmt.Errorf("missing %s", m.name)
		}
		if *m.to, err = flat(m.name, m.rows, d); err != nil {
			return out, err
		}
	}
	if h.O != nil {
		out.O, err = flat("O", h.O, len(h.V))
	}
	return out, err
}

// flat joins rows of d numbers, (rows, d).
func flat(name string, rows [][]float64, d int) ([]float64, error) {
	out := make([]float64, 0, len(rows)*d)
	for i, row := range rows {
		if len(row) != d {
			return nil, fmt.Errorf("%s[%d]: %d numbers where %d are meant", name, i, len(row), d)
		}
		out = append(out, row...)
	}
	return out, nil
}
