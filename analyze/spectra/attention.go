package spectra

import (
	"cmp"
	"fmt"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// Attention is what attention in one layer applies, as one variant has it. Query
// head h reads key and value head h KVHeads / Heads.
type Attention struct {
	Q                       Matrix // (Heads HeadDim, D)
	K, V                    Matrix // (KVHeads HeadDim, D)
	O                       Matrix // (D, Heads HeadDim)
	Heads, KVHeads, HeadDim int
}

// group is the key and value head that query head h reads.
func (a *Attention) group(h int) int { return h * a.KVHeads / a.Heads }

// head lends the rows of head h of Q, K or V: (HeadDim, D).
func (a *Attention) head(m Matrix, h int) Matrix {
	return m.rows(h*a.HeadDim, (h+1)*a.HeadDim)
}

// The modules that rows of spectra.csv name.
const (
	moduleV    = "v_proj"
	moduleAttn = "attn" // what two projections make
)

// epsilon32 and epsilon64 are what numpy's finfo(float32).eps and
// finfo(float64).eps are.
const (
	epsilon32 = 0x1p-23
	epsilon64 = 0x1p-52
)

// V returns v_sv, the singular values of v_proj (out, in), and where it is square
// v_eig, its eigenvalues, with what Leading says of them as v_radius and so on.
// With top above 0 only the top largest of both, and of Leading what follows from
// these. v is overwritten.
//
// These are what the paper looks at. v_proj maps into the heads, whose outputs
// o_proj maps back, so that its eigenvalues are those of no map from the residual
// stream to itself: see OV for that. With grouped heads it is not square.
func V(s Solver, v Matrix, top int) ([]Value, error) {
	sheet := sheet{module: moduleV, head: Whole}
	if v.Rows == v.Cols {
		if err := sheet.square(s, v, top); err != nil {
			return nil, fmt.Errorf("eigenvalues of v_proj: %w", err)
		}
	}
	sv, err := v.largest(s, top)
	if err != nil {
		return nil, fmt.Errorf("singular values of v_proj: %w", err)
	}
	sheet.list("v_sv", sv)
	return sheet.values, nil
}

// square adds the eigenvalues of v_proj.
func (s *sheet) square(solver Solver, v Matrix, top int) error {
	if top == 0 {
		eig, err := solver.Eigenvalues(slices.Clone(v.Data), v.Rows)
		if err == nil {
			s.eigenvalues("v", eig)
		}
		return err
	}
	eig, err := v.leadingEigenvalues(solver, min(top, v.Rows))
	if err != nil {
		return err
	}
	s.moduli("v", eig)
	return nil
}

// OV returns of every head's OV_h = W_O,h W_V,g (D, D), the map that it applies to
// what it reads, ov_eig and ov_sv: the min(HeadDim, D) eigenvalues and singular
// values that need not be zero, with Leading's as ov_radius and so on, ov_norm,
// the Frobenius norm, and ov_copying, sum of eigenvalues over the sum of their
// moduli (Elhage et al. 2021, A Mathematical Framework for Transformer Circuits:
// 1 where a head adds to what is there, -1 where it takes away).
//
// Eigenvalues come from W_V,g W_O,h (HeadDim, HeadDim), which has the same ones;
// singular values from the triangular factors of the two.
func OV(s Solver, a *Attention) ([]Value, error) {
	lowerV := make([]Matrix, a.KVHeads) // (HeadDim, k)
	for g := range lowerV {
		lowerV[g] = a.head(a.V, g).lower()
	}
	var all []Value
	for h := range a.Heads {
		sheet := sheet{module: moduleAttn, head: h}
		wv, wo := a.head(a.V, a.group(h)), a.O.cols(h*a.HeadDim, (h+1)*a.HeadDim)
		small := wv.times(s, false, wo, false) // (HeadDim, HeadDim)
		if a.HeadDim > wo.Rows {               // the product itself is smaller
			small = wo.times(s, false, wv, false) // (D, D)
		}
		eig, err := s.Eigenvalues(small.Data, small.Rows)
		if err != nil {
			return nil, fmt.Errorf("head %d: eigenvalues of W_V W_O: %w", h, err)
		}
		sheet.eigenvalues("ov", eig)
		sheet.add("ov_copying", 0, copying(eig), 0)
		sv, err := wo.transposed().lower().times(s, true, lowerV[a.group(h)], false).singularValues(s)
		if err != nil {
			return nil, fmt.Errorf("head %d: singular values of W_O W_V: %w", h, err)
		}
		sheet.list("ov_sv", sv)
		sheet.add("ov_norm", 0, floats.Norm(sv, 2), 0)
		all = append(all, sheet.values...)
	}
	return all, nil
}

// copying is the real part of sum(eig) / sum(|eig|); 0 where all are 0.
func copying(eig []complex128) float64 {
	var sum complex128
	var moduli float64
	for _, l := range eig {
		sum += l
		moduli += cmplx.Abs(l)
	}
	if moduli == 0 {
		return 0
	}
	return real(sum) / moduli
}

// Leading is what theory asks of the eigenvalues of the map that attention
// applies. A conjugate pair counts as two, so that it has no gap.
type Leading struct {
	Eigenvalue complex128 // of the largest real part; that of a pair above the axis
	Gap        float64    // to the next largest real part: two directions part as exp(Gap t)
	Radius     float64    // largest modulus
	RadiusGap  float64    // to the next largest modulus
	Complex    float64    // share of eigenvalues that are not real
	Positive   float64    // share of eigenvalues with a positive real part
}

// NewLeading looks at all eigenvalues of a map.
func NewLeading(eig []complex128) Leading {
	var l Leading
	if len(eig) == 0 {
		return l
	}
	byReal := slices.SortedFunc(slices.Values(eig), func(a, b complex128) int {
		return cmp.Or(cmp.Compare(real(b), real(a)), cmp.Compare(imag(b), imag(a)))
	})
	byModulus := slices.Clone(eig)
	SortEigenvalues(byModulus)
	l.Eigenvalue, l.Radius = byReal[0], cmplx.Abs(byModulus[0])
	if len(eig) > 1 {
		l.Gap = real(byReal[0]) - real(byReal[1])
		l.RadiusGap = l.Radius - cmplx.Abs(byModulus[1])
	}
	for _, v := range eig {
		if imag(v) != 0 {
			l.Complex += 1 / float64(len(eig))
		}
		if real(v) > 0 {
			l.Positive += 1 / float64(len(eig))
		}
	}
	return l
}

// sheet gathers the values of one module or head; their variant and layer are
// not known here: see Placed.
type sheet struct {
	module string
	head   int
	values []Value
}

func (s *sheet) add(quantity string, index int, re, im float64) {
	s.values = append(s.values, Value{Module: s.module, Head: s.head, Quantity: quantity, Index: index, Re: re, Im: im})
}

func (s *sheet) list(quantity string, x []float64) {
	for i, v := range x {
		s.add(quantity, i, v, 0)
	}
}

// eigenvalues adds all of a map, and what Leading says of them.
func (s *sheet) eigenvalues(prefix string, eig []complex128) {
	s.moduli(prefix, eig)
	l := NewLeading(eig)
	s.add(prefix+"_leading", 0, real(l.Eigenvalue), imag(l.Eigenvalue))
	s.add(prefix+"_gap", 0, l.Gap, 0)
	s.add(prefix+"_complex", 0, l.Complex, 0)
	s.add(prefix+"_positive", 0, l.Positive, 0)
}

// moduli adds the eigenvalues that are known, those of the largest modulus, and
// what Leading says of moduli.
func (s *sheet) moduli(prefix string, eig []complex128) {
	sorted := slices.Clone(eig)
	SortEigenvalues(sorted)
	for i, v := range sorted {
		s.add(prefix+"_eig", i, real(v), imag(v))
	}
	l := NewLeading(eig)
	s.add(prefix+"_radius", 0, l.Radius, 0)
	if len(eig) > 1 {
		s.add(prefix+"_radius_gap", 0, l.RadiusGap, 0)
	}
}

// Placed says of which variant and layer values are.
func Placed(values []Value, variant string, layer int) []Value {
	placed := slices.Clone(values)
	for i := range placed {
		placed[i].Variant, placed[i].Layer = variant, layer
	}
	return placed
}
