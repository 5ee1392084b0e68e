package spectra

// Change is W' - W of one weight (out, in): the product s B A where it is known to
// be one, as LoRA's is, or else a matrix of any rank: DoRA's, a tensor saved whole.
//
// DoRA's W' = diag(m / |W + s B A|) (W + s B A) (Liu et al. 2024, eq. 5; the norms
// are those of rows) moves every row along itself too, so that its change has full
// rank, whatever the rank of B A.
type Change struct {
	Low   *Factors // or nil:
	Dense Matrix   // (out, in)
	Rank  int      // of Dense, r where it comes of a B A; 0 where there is none
}

// AddTo adds the change to w (out, in).
func (c Change) AddTo(w Matrix) {
	if c.Low == nil {
		for i, v := range c.Dense.Data {
			w.Data[i] += v
		}
		return
	}
	f := c.Low
	for o := range f.Out {
		row := w.row(o)
		for i := range f.Rank {
			b := f.Scale * float64(f.B[o*f.Rank+i])
			for k, a := range f.A[i*f.In : (i+1)*f.In] {
				row[k] += b * float64(a)
			}
		}
	}
}

// Triplets are singular triplets, from the largest.
type Triplets struct {
	U Matrix    // (out, k)
	S []float64 // (k)
	V Matrix    // (k, in)
}

// defaultDirections is how many directions are looked at where nothing says: the
// k of Shuttleworth et al. 2024.
const defaultDirections = 10

// directions are the leading singular triplets of the change, as many as the rank
// of its B A; of a product that is all of them.
func (c Change) directions(s Solver) (Triplets, error) {
	if c.Low == nil {
		k := c.Rank
		if k == 0 {
			k = defaultDirections
		}
		return topTriplets(s, c.Dense, k)
	}
	u, err := Decompose(c.Low, true)
	if err != nil {
		return Triplets{}, err
	}
	k := rank(u.Sigma, max(u.Out, u.In), epsilon64) // what rounding cannot have made
	t := Triplets{NewMatrix(u.Out, k), u.Sigma[:k], NewMatrix(k, u.In)}
	for j := range k {
		copy(t.V.row(j), u.V[j])
		for i, v := range u.U[j] {
			t.U.row(i)[j] = v
		}
	}
	return t, nil
}

// first are the k leading ones.
func (t Triplets) first(k int) Triplets {
	k = min(k, len(t.S))
	return Triplets{t.U.cols(0, k), t.S[:k], t.V.rows(0, k)}
}
