package spectra

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
)

// Placing sets changes of one weight beside it.
type Placing struct {
	solver      Solver
	w           Matrix  // (out, in)
	norm, sigma float64 // |W|_F, sigma_1(W)
}

// NewPlacing takes the weight W (out, in) that is changed, and keeps it.
func NewPlacing(s Solver, w Matrix) (*Placing, error) {
	first, err := topTriplets(s, w, 1)
	if err != nil {
		return nil, fmt.Errorf("the largest singular value of W: %w", err)
	}
	return &Placing{s, w, w.Norm(), first.S[0]}, nil
}

// Place returns how large a change dW is and whether it follows W's own directions
// (Hu et al. 2021, LoRA, section 7.3):
//
//	relative_norm   |dW|_F / |W|_F
//	sigma_ratio     sigma_1(dW) / sigma_1(W)
//	amplification   |dW|_F / |U' W V'|_F with U, V the singular vectors of dW, as many
//	                as the rank of its B A: large where it strengthens what W hardly has
//
// and of one that is no product B A, whose singular values are not lora_sv,
//
//	effective_sv    its singular values, the top largest ones or all for 0
//	effective_norm  |dW|_F
//
// Of a change that is 0 the ratios are 0, and there is no amplification.
func (p *Placing) Place(module string, c Change, top int) ([]Value, error) {
	sheet := sheet{module: module, head: Whole}
	t, err := c.directions(p.solver)
	if err != nil {
		return nil, fmt.Errorf("singular vectors of W' - W: %w", err)
	}
	norm, sigma := floats.Norm(t.S, 2), 0.0 // of a product it has no other values
	if len(t.S) > 0 {
		sigma = t.S[0]
	}
	if c.Low == nil {
		norm = c.Dense.Norm()
		if err := sheet.effective(p.solver, c.Dense, norm, top); err != nil {
			return nil, err
		}
	}
	sheet.ratio("relative_norm", norm, p.norm)
	sheet.ratio("sigma_ratio", sigma, p.sigma)
	if norm > 0 {
		inside := t.U.times(p.solver, true, p.w, false).times(p.solver, false, t.V, true) // (k, k)
		sheet.ratio("amplification", norm, inside.Norm())
	}
	return sheet.values, nil
}

func (s *sheet) effective(solver Solver, dense Matrix, norm float64, top int) error {
	sv, err := dense.Clone().largest(solver, top)
	if err != nil {
		return fmt.Errorf("singular values of W' - W: %w", err)
	}
	s.list("effective_sv", sv)
	s.add("effective_norm", 0, norm, 0)
	return nil
}

// ratio adds a / b, unless b is 0.
func (s *sheet) ratio(quantity string, a, b float64) {
	if r := a / b; !math.IsNaN(r) && !math.IsInf(r, 0) {
		s.add(quantity, 0, r, 0)
	}
}

// shares adds where the change lies in the singular basis of its weight: share_left
// and share_right are |U_k' dW|_F^2 / |dW|_F^2 and |dW V_k'|_F^2 / |dW|_F^2 with the
// k leading singular vectors of W. Their index is k, the powers of two below the
// rank of the basis; a random change has k/out and k/in in the mean.
func (s *sheet) shares(solver Solver, basis *Basis, c Change) error {
	left, right, total, err := basis.squares(solver, c)
	if err != nil || total == 0 {
		return err
	}
	for _, side := range []struct {
		quantity string
		squares  []float64 // (k) of dW along each singular vector of W
	}{{"share_left", left}, {"share_right", right}} {
		var sum float64
		for i, v := range side.squares {
			sum += v
			if k := i + 1; k&(k-1) == 0 && k < len(side.squares) {
				s.add(side.quantity, k, sum/total, 0)
			}
		}
	}
	return nil
}

// squares are the squared norms of u_i' dW and dW v_i, and that of dW.
func (b *Basis) squares(s Solver, c Change) (left, right []float64, total float64, err error) {
	if c.Low == nil {
		n := c.Dense.Norm()
		return rowSquares(b.U.times(s, true, c.Dense, false)), rowSquares(b.V.times(s, false, c.Dense, true)), n * n, nil
	}
	t, err := c.directions(s)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("singular vectors of W' - W: %w", err)
	}
	l, r := b.U.times(s, true, t.U, false), b.V.times(s, false, t.V, true) // (k, r)
	l.ScaleCols(t.S)
	r.ScaleCols(t.S)
	n := floats.Norm(t.S, 2)
	return rowSquares(l), rowSquares(r), n * n, nil
}

// rowSquares are the squared norms of the rows.
func rowSquares(m Matrix) []float64 {
	squares := make([]float64, m.Rows)
	for i := range squares {
		for _, v := range m.row(i) {
			squares[i] += v * v
		}
	}
	return squares
}
