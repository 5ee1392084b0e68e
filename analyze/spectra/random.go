package spectra

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// RandomReference is what an update of a shape looks like that training did not
// shape: B A with independent normal elements, at |B A|_F = 1. The intervals hold
// 95 % of the draws.
type RandomReference struct {
	Draws                   int
	Sigma, Lo, Hi           []float64 // (min(r, in, out)) singular values: mean, 2.5 and 97.5 % quantile
	Ratio, RatioLo, RatioHi float64   // |lambda_1| / sigma_1, of a square one
}

// NewRandomReference draws updates (out, in) of rank r. The matrices are never
// formed: with A = L_A Q, L_A lower triangular by Bartlett's decomposition
// (Muirhead, Aspects of Multivariate Statistical Theory, theorem 3.2.14) and the
// rows of Q turned onto the first unit vectors, which the distribution of B does
// not notice,
//
//	B A = B [L_A 0],  A B = L_A B[:r]
//
// and of the rows of B below those only their triangular factor counts. The
// result depends on the shape, the draws and the seed alone.
func NewRandomReference(out, in, r int, seed int64) (*RandomReference, error) {
	ref := &RandomReference{Draws: randomDraws(r)}
	k := min(r, in, out)
	sigma, _ := newRows(k, ref.Draws)
	var ratio []float64
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(out)<<42^uint64(in)<<21^uint64(r)))
	for d := range ref.Draws {
		l := bartlett(rng, in, r) // L_Aᵀ (ka, r)
		top := 0                  // rows of B that meet L_A in A B
		if in == out {
			top = min(in, r)
		}
		b := stacked(gaussian(rng, top, r), bartlett(rng, out-top, r), r) // (top + kb, r)
		var core, product mat.Dense
		core.Mul(b, l.T()) // (top + kb, ka)
		values := singularOf(&core)
		norm := math.Sqrt(sumSquares(values))
		for i := range k {
			sigma[i][d] = values[i] / norm
		}
		if in == out {
			product.Mul(l.T(), b.Slice(0, top, 0, r)) // (r, r): A B
			eigen, err := eigenvalues(slices.Clone(product.RawMatrix().Data), r)
			if err != nil {
				return nil, fmt.Errorf("random update (%d, %d) of rank %d: %w", out, in, r, err)
			}
			ratio = append(ratio, cmplx.Abs(eigen[0])/values[0])
		}
	}
	for _, s := range sigma {
		mean, lo, hi := interval(s)
		ref.Sigma, ref.Lo, ref.Hi = append(ref.Sigma, mean), append(ref.Lo, lo), append(ref.Hi, hi)
	}
	if ratio != nil {
		ref.Ratio, ref.RatioLo, ref.RatioHi = interval(ratio)
	}
	return ref, nil
}

// randomDraws is fewer for large ranks, whose values vary less from draw to draw
// and cost more.
func randomDraws(r int) int { return max(40, min(200, 200*16/r)) }

// bartlett is the triangular factor L (r, k), k = min(r, n), of a matrix (r, n)
// of standard normal elements, transposed: R (k, r) as B = Q R has it.
func bartlett(rng *rand.Rand, n, r int) *mat.Dense {
	k := min(n, r)
	if k == 0 {
		return &mat.Dense{}
	}
	t := mat.NewDense(k, r, nil)
	for i := range k {
		t.Set(i, i, chi(rng, n-i))
		for j := i + 1; j < r; j++ {
			t.Set(i, j, rng.NormFloat64())
		}
	}
	return t
}

// chi is the norm of k standard normal numbers, for k of 1 or more: through a
// gamma variate of shape k/2 (Marsaglia and Tsang 2000), boosted below 1.
func chi(rng *rand.Rand, k int) float64 {
	if k == 1 {
		return math.Abs(rng.NormFloat64())
	}
	d := float64(k)/2 - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return math.Sqrt(2 * d * v)
		}
	}
}

func gaussian(rng *rand.Rand, rows, cols int) *mat.Dense {
	if rows == 0 {
		return &mat.Dense{}
	}
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = rng.NormFloat64()
	}
	return m
}

// stacked is a above b, both of r columns or empty.
func stacked(a, b *mat.Dense, r int) *mat.Dense {
	data := slices.Concat(a.RawMatrix().Data, b.RawMatrix().Data)
	return mat.NewDense(len(data)/r, r, data)
}

func sumSquares(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// interval is the mean of x and what holds the middle 95 % of it; it sorts x.
func interval(x []float64) (mean, lo, hi float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	slices.Sort(x)
	return mean, quantile(x, 0.025), quantile(x, 0.975)
}

// quantile p of sorted x, linear between its points (type 7 of Hyndman and Fan).
func quantile(x []float64, p float64) float64 {
	at := p * float64(len(x)-1)
	i := min(int(at), len(x)-2)
	return x[i] + (at-float64(i))*(x[i+1]-x[i])
}

// Values are the rows of spectra.csv of the reference of an update with the given
// Frobenius norm. Those of an update that is zero are zero, too.
func (r *RandomReference) Values(variant string, layer int, module string, norm float64) []Value {
	var rows []Value
	add := func(quantity string, index int, v float64) {
		rows = append(rows, Value{variant, layer, module, Whole, quantity, index, v, 0})
	}
	for i := range r.Sigma {
		add("lora_sv_random", i, norm*r.Sigma[i])
		add("lora_sv_random_lo", i, norm*r.Lo[i])
		add("lora_sv_random_hi", i, norm*r.Hi[i])
	}
	if r.Ratio > 0 {
		add("eig_ratio_random", 0, r.Ratio)
		add("eig_ratio_random_lo", 0, r.RatioLo)
		add("eig_ratio_random_hi", 0, r.RatioHi)
	}
	return rows
}
