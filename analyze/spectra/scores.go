package spectra

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
)

// QK returns, of the bilinear form QK_h = W_Q,h' R W_K,g (D, D) by which head h
// scores a query against a key, for each offset of positions:
//
//	qk_sv               its min(HeadDim, D) singular values that need not be zero
//	qk_norm             its Frobenius norm
//	qk_rank             how many exceed D eps32 times the largest: what numpy's
//	                    matrix_rank answers of the float32 matrix, the paper's rule
//	qk_rank_float64     the same with float64's epsilon: what the weights hold
//	qk_symmetric        |(B + B')/2|_F^2 / |B|_F^2 with B = QK_h; the rest is antisymmetric
//
// The names of offsets other than 0 end in the offset: qk_sv@16. The offset is the
// query's position less the key's, m - n; as R_m and R_n are the rotations of the
// rotary embedding, (R_m q)' (R_n k) = (R_(m-n) q)' k. frequencies are the radians
// per position of a head's HeadDim/2 pairs, the first half of a head paired with
// the second. At offset 0, W_Q,h' W_K,g itself, nothing is rotated or rounded.
//
// Left out are the factor 1/sqrt(HeadDim) of the scores, YaRN's factor of cosines
// and sines, biases, and the division by the length of query and key in models
// that normalise them.
func QK(s Solver, a *Attention, offsets []int, frequencies []float64) ([]Value, error) {
	lowerK := make([]Matrix, a.KVHeads) // (HeadDim, k)
	for g := range lowerK {
		lowerK[g] = a.head(a.K, g).lower()
	}
	var all []Value
	for h := range a.Heads {
		sheet := sheet{module: moduleAttn, head: h}
		wq, g := a.head(a.Q, h), a.group(h)
		lowerQ := wq.lower()
		product := wq.times(s, false, a.head(a.K, g), true) // W_Q W_K' (HeadDim, HeadDim)
		for _, offset := range offsets {
			turnedQ, turned := rotated(lowerQ, offset, frequencies), rotated(product, offset, frequencies)
			sv, err := turnedQ.times(s, true, lowerK[g], false).singularValues(s)
			if err != nil {
				return nil, fmt.Errorf("head %d: singular values of W_Q' W_K at offset %d: %w", h, offset, err)
			}
			sheet.scores(offset, sv, traceOfSquare(turned), a.Q.Cols)
		}
		all = append(all, sheet.values...)
	}
	return all, nil
}

// scores adds what is known of one form; square is the trace of its square, d
// its dimension.
func (s *sheet) scores(offset int, sv []float64, square float64, d int) {
	at := ""
	if offset != 0 {
		at = fmt.Sprintf("@%d", offset)
	}
	s.list("qk_sv"+at, sv)
	s.add("qk_norm"+at, 0, floats.Norm(sv, 2), 0)
	s.add("qk_rank"+at, 0, float64(rank(sv, d, epsilon32)), 0)
	s.add("qk_rank_float64"+at, 0, float64(rank(sv, d, epsilon64)), 0)
	var squares, share float64
	for _, v := range sv {
		squares += v * v
	}
	if squares > 0 {
		share = (1 + square/squares) / 2 // |B + B'|^2 = 2 |B|^2 + 2 tr(B B)
	}
	s.add("qk_symmetric"+at, 0, share, 0)
}

// rank counts the singular values above d eps times the largest, numpy's default
// of a matrix whose larger side is d.
func rank(sv []float64, d int, eps float64) int {
	n := 0
	for _, v := range sv {
		if v > float64(d)*eps*sv[0] {
			n++
		}
	}
	return n
}

// ScoreTolerance is what multiplies the largest singular value in qk_rank and
// qk_rank_layer, and in their float64 forms; d is the model's width.
func ScoreTolerance(d int) (single, double float64) {
	return float64(d) * epsilon32, float64(d) * epsilon64
}

// traceOfSquare is tr(M M) of a square matrix.
func traceOfSquare(m Matrix) float64 {
	var sum float64
	for i := range m.Rows {
		for j := range m.Cols {
			sum += m.Data[i*m.Cols+j] * m.Data[j*m.Cols+i]
		}
	}
	return sum
}

// rotated is R m, the rows of m (HeadDim, n) turned in pairs (i, i + HeadDim/2) by
// offset times frequencies[i]; m itself at offset 0.
func rotated(m Matrix, offset int, frequencies []float64) Matrix {
	if offset == 0 {
		return m
	}
	half := m.Rows / 2
	if len(frequencies) != half {
		panic(fmt.Sprintf("spectra: %d frequencies for heads of %d", len(frequencies), m.Rows))
	}
	r := NewMatrix(m.Rows, m.Cols)
	for i, f := range frequencies {
		sin, cos := math.Sincos(float64(offset) * f)
		first, second := m.row(i), m.row(i+half)
		for c := range m.Cols {
			r.row(i)[c] = cos*first[c] - sin*second[c]
			r.row(i + half)[c] = sin*first[c] + cos*second[c]
		}
	}
	return r
}

// QKLayer returns what the paper asks of a whole layer, K'Q = W_K' W_Q (D, D), the
// sum of the transposed forms of all heads: qk_sv_layer, its singular values, and
// qk_rank_layer with qk_rank_layer_float64, how many exceed D eps times the
// largest, as in QK. With grouped heads each W_K,g meets the sum of the W_Q,h that
// read it, as if W_K were repeated. With top above 0 only the top largest values,
// which give no rank.
//
// The sum mixes heads, so that the rank says little: each term has HeadDim at
// most, and what counts as zero hangs on float32's epsilon alone.
func QKLayer(s Solver, a *Attention, top int) ([]Value, error) {
	q := a.groupedQ() // (KVHeads HeadDim, D)
	var small Matrix
	if a.K.Rows < a.K.Cols {
		small = a.K.lower().times(s, true, q.lower(), false) // (KVHeads HeadDim)^2
	} else {
		small = a.K.times(s, true, q, false) // (D, D)
	}
	sv, err := small.largest(s, top)
	if err != nil {
		return nil, fmt.Errorf("singular values of W_K' W_Q: %w", err)
	}
	sheet := sheet{module: moduleAttn, head: Whole}
	sheet.list("qk_sv_layer", sv)
	if top == 0 {
		sheet.add("qk_rank_layer", 0, float64(rank(sv, a.Q.Cols, epsilon32)), 0)
		sheet.add("qk_rank_layer_float64", 0, float64(rank(sv, a.Q.Cols, epsilon64)), 0)
	}
	return sheet.values, nil
}

// groupedQ adds up the heads of Q that read one key head; Q itself where each has
// its own.
func (a *Attention) groupedQ() Matrix {
	if a.Heads == a.KVHeads {
		return a.Q
	}
	sum := NewMatrix(a.K.Rows, a.K.Cols)
	for h := range a.Heads {
		into := a.head(sum, a.group(h))
		for i, v := range a.head(a.Q, h).Data {
			into.Data[i] += v
		}
	}
	return sum
}
