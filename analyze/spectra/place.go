package spectra

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
)

// Place returns how large the change dW of a weight W (out, in) is and whether it
// follows W's own directions (Hu et al. 2021, LoRA, section 7.3):
//
//	relative_norm   |dW|_F / |W|_F
//	sigma_ratio     sigma_1(dW) / sigma_1(W)
//	amplification   |dW|_F / |U' W V'|_F with U, V the singular vectors of dW, as many
//	                as the rank of its B A: large where it strengthens what W hardly has
//
// Of a change that is 0 the first two are 0, and there is no amplification.
func Place(s Solver, module string, w Matrix, c Change) ([]Value, error) {
	sheet := sheet{module: module, head: Whole}
	t, err := c.directions(s)
	if err != nil {
		return nil, fmt.Errorf("singular vectors of W' - W: %w", err)
	}
	first, err := topTriplets(s, w, 1)
	if err != nil {
		return nil, fmt.Errorf("the largest singular value: %w", err)
	}
	change := floats.Norm(t.S, 2) // of a product it has no others
	if c.Low == nil {
		change = c.Dense.Norm()
	}
	ratio := 0.0
	if len(t.S) > 0 {
		ratio = t.S[0]
	}
	sheet.ratio("relative_norm", change, w.Norm())
	sheet.ratio("sigma_ratio", ratio, first.S[0])
	if change > 0 {
		inside := t.U.times(s, true, w, false).times(s, false, t.V, true) // (k, k)
		sheet.ratio("amplification", change, inside.Norm())
	}
	return sheet.values, nil
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
