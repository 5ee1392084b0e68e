package theory

import (
	"encoding/json"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Status says where a bound comes from.
type Status string

// The kinds of Bound.
const (
	Derived   Status = "derived"
	Condition Status = "condition"
)

// Bound is one statement about one input.
type Bound struct {
	Name        string       `json:"bound"`
	Status      Status       `json:"status"`
	Statement   string       `json:"statement"`
	Assumptions []Assumption `json:"assumptions"`
	Holds       bool         `json:"assumptions_hold"`
	Values      []Value      `json:"values"`
}

// Assumption is one premise, checked.
type Assumption struct {
	Text   string `json:"assumption"`
	Holds  bool   `json:"holds"`
	Detail string `json:"detail"` // the numbers that decide it
}

// Value is one number of a bound. NaN and infinities, which JSON lacks, are
// null there.
type Value struct {
	Name  string `json:"name"`
	Value Number `json:"value"`
	Note  string `json:"note,omitempty"`
}

// Number is a float64 that JSON can carry.
type Number float64

// MarshalJSON writes null for what is no number.
func (n Number) MarshalJSON() ([]byte, error) {
	if v := float64(n); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return json.Marshal(v)
	}
	return []byte("null"), nil
}

// Get returns a value by its name, NaN for none.
func (b *Bound) Get(name string) float64 {
	for _, v := range b.Values {
		if v.Name == name {
			return float64(v.Value)
		}
	}
	return math.NaN()
}

func (b *Bound) add(name string, v float64, note string) {
	b.Values = append(b.Values, Value{name, Number(v), note})
}

// assume adds a premise and returns whether it holds.
func (b *Bound) assume(text string, holds bool, detail string) bool {
	b.Assumptions = append(b.Assumptions, Assumption{text, holds, detail})
	b.Holds = holds && (b.Holds || len(b.Assumptions) == 1)
	return holds
}

// operatorNorm is the largest singular value of m.
func operatorNorm(m mat.Matrix) float64 {
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDNone) {
		return math.NaN()
	}
	return svd.Values(nil)[0]
}

// minus is a - b.
func minus(a, b mat.Matrix) *mat.Dense {
	var d mat.Dense
	d.Sub(a, b)
	return &d
}

// symmetric says whether m equals its transpose up to rounding.
func symmetric(m mat.Matrix) bool {
	scale := mat.Max(m) - mat.Min(m) + 1
	return mat.EqualApprox(m, m.T(), 1e-12*scale)
}

// sym is m as a symmetric matrix, its upper half.
func sym(m mat.Matrix) *mat.SymDense {
	d, _ := m.Dims()
	s := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			s.SetSym(i, j, m.At(i, j))
		}
	}
	return s
}

// eigenSym returns the eigenvalues of a symmetric matrix from the largest down
// and the eigenvectors as columns in that order.
func eigenSym(m mat.Matrix) (values []float64, vectors *mat.Dense, ok bool) {
	var eig mat.EigenSym
	if !eig.Factorize(sym(m), true) {
		return nil, nil, false
	}
	values = eig.Values(nil)
	var all mat.Dense
	eig.VectorsTo(&all)
	d := len(values)
	vectors = mat.NewDense(d, d, nil)
	for j := range d {
		for i := range d {
			vectors.Set(i, d-1-j, all.At(i, j))
		}
	}
	slices.Reverse(values)
	return values, vectors, true
}

func dot(x, y []float64) float64 {
	var s float64
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }
