package particles

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// propagator evaluates e^{t(V - shift I)}. With the shift at the largest real
// part of an eigenvalue of V nothing grows exponentially.
type propagator struct {
	d       int
	shift   float64
	diag    []float64  // (d), where V is diagonal
	values  []float64  // (d), eigenvalues where V is symmetric
	vectors *mat.Dense // (d, d), its eigenvectors
	general *mat.Dense // (d, d), V - shift I otherwise
	scaled  mat.Dense  // (d, d), workspace
	power   mat.Dense  // (d, d), workspace
	factors []float64  // (d), workspace
}

// newPropagator prepares e^{t(V - mu I)}; literal leaves the shift out.
func newPropagator(v []float64, d int, literal bool) (*propagator, error) {
	p := &propagator{d: d, factors: make([]float64, d)}
	m := mat.NewDense(d, d, append([]float64(nil), v...))
	values, err := eigenvalues(m)
	if err != nil {
		return nil, err
	}
	if !literal {
		p.shift = math.Inf(-1)
		for _, l := range values {
			p.shift = math.Max(p.shift, real(l))
		}
	}
	switch {
	case isDiagonal(v, d):
		p.diag = make([]float64, d)
		for i := range d {
			p.diag[i] = v[i*d+i]
		}
	case isSymmetric(v, d):
		var eig mat.EigenSym
		if !eig.Factorize(mat.NewSymDense(d, append([]float64(nil), v...)), true) {
			return nil, fmt.Errorf("the eigenvalues of V were not found")
		}
		p.values, p.vectors = eig.Values(nil), &mat.Dense{}
		eig.VectorsTo(p.vectors)
	default:
		for i := range d {
			m.Set(i, i, m.At(i, i)-p.shift)
		}
		p.general = m
	}
	return p, nil
}

// eigenvalues of a general matrix, in LAPACK's order.
func eigenvalues(m *mat.Dense) ([]complex128, error) {
	var eig mat.Eigen
	if !eig.Factorize(m, mat.EigenNone) {
		return nil, fmt.Errorf("the eigenvalues of V were not found")
	}
	return eig.Values(nil), nil
}

// apply writes M e^{t(V - shift I)} to dst, (k, d), for M (k, d).
func (p *propagator) apply(dst, m []float64, t float64) {
	if p.diag != nil {
		for j, v := range p.diag {
			p.factors[j] = math.Exp(t * (v - p.shift))
		}
		for i, v := range m {
			dst[i] = v * p.factors[i%p.d]
		}
		return
	}
	if p.vectors != nil {
		p.scaled.Reset()
		p.scaled.CloneFrom(p.vectors)
		for j, v := range p.values {
			f := math.Exp(t * (v - p.shift))
			for i := range p.d {
				p.scaled.Set(i, j, p.scaled.At(i, j)*f)
			}
		}
		p.power.Reset()
		p.power.Mul(&p.scaled, p.vectors.T())
	} else {
		p.scaled.Reset()
		p.scaled.Scale(t, p.general)
		p.power.Reset()
		p.power.Exp(&p.scaled)
	}
	k := len(m) / p.d
	mat.NewDense(k, p.d, dst).Mul(mat.NewDense(k, p.d, m), &p.power)
}

func isDiagonal(v []float64, d int) bool {
	for k, x := range v {
		if x != 0 && k/d != k%d {
			return false
		}
	}
	return true
}

func isSymmetric(v []float64, d int) bool {
	for i := range d {
		for j := range i {
			if v[i*d+j] != v[j*d+i] {
				return false
			}
		}
	}
	return true
}
