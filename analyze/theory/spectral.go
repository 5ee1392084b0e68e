package theory

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Blocks is a change DV seen from the leading eigenvector u_1 of V: a along it,
// b and c off it, E in its complement.
type Blocks struct {
	Gap         float64   // lambda_1 - lambda_2
	A           float64   // u_1' DV u_1
	B, C        float64   // |P DV u_1|, |P DV' u_1| with P off u_1
	E           float64   // ||P DV P||
	FirstOrder  float64   // sum_j (alpha_j/(lambda_1 - lambda_j - e_j))^2, first-order perturbation
	Leading     []float64 // u_1
	Eigenvalues []float64 // of V, from the largest down
}

// NewBlocks splits DV = adapted - v. V must be symmetric, of two dimensions or
// more.
func NewBlocks(v, adapted *mat.Dense) (*Blocks, error) {
	d, _ := v.Dims()
	if d < 2 {
		return nil, fmt.Errorf("with %d dimensions V has no second eigenvalue", d)
	}
	values, vectors, ok := eigenSym(v)
	if !ok {
		return nil, fmt.Errorf("the eigenvalues of V were not found")
	}
	var half, inner mat.Dense // DV in the eigenbasis
	half.Mul(vectors.T(), minus(adapted, v))
	inner.Mul(&half, vectors)
	k := &Blocks{Gap: values[0] - values[1], A: inner.At(0, 0), Leading: mat.Col(nil, 0, vectors), Eigenvalues: values}
	k.B = norm(mat.Col(nil, 0, inner.Slice(1, d, 0, 1)))
	k.C = norm(mat.Row(nil, 0, inner.Slice(0, 1, 1, d)))
	k.E = operatorNorm(inner.Slice(1, d, 1, d))
	for j := 1; j < d; j++ {
		q := inner.At(j, 0) / (values[0] - values[j] - inner.At(j, j))
		k.FirstOrder += q * q
	}
	return k, nil
}

// SymmetricTan bounds tan angle(u_1, u~_1) for a symmetric DV: |b|/(gap + a -
// ||E||). From the block eigenvalue equation (lambda~ - V_P - E) y = b and
// lambda~ >= lambda_1 + a. NaN where the denominator is not positive.
func (k *Blocks) SymmetricTan() float64 {
	if m := k.Gap + k.A - k.E; m > 0 {
		return k.B / m
	}
	return math.NaN()
}

// GeneralTan bounds the same for any DV, by a fixed point as Stewart's: 2|b|/m,
// m = gap + a - ||E||, where m > 2 sqrt(|b||c|); the leading right eigenvector
// then exists and is real.
func (k *Blocks) GeneralTan() float64 {
	if m := k.Gap + k.A - k.E; m > 2*math.Sqrt(k.B*k.C) && m > 0 {
		return 2 * k.B / m
	}
	return math.NaN()
}

// Spectral gives both bounds on how far DV turns the leading direction, beside
// the condition of the paper's second version and the angle itself.
func Spectral(v, adapted *mat.Dense, x0 *mat.Dense) ([]*Bound, error) {
	if !symmetric(v) {
		return nil, fmt.Errorf("the bounds are about a symmetric V, and this one is not")
	}
	k, err := NewBlocks(v, adapted)
	if err != nil {
		return nil, err
	}
	angle := LeadingAngle(k.Leading, adapted)
	bounds := []*Bound{k.derived(symmetric(minus(adapted, v))), k.condition(x0)}
	for _, b := range bounds {
		for _, q := range []struct {
			name, note string
			v          float64
		}{{"gap", "lambda_1 - lambda_2 of V", k.Gap}, {"a", "u_1' DV u_1", k.A}, {"b", "|P DV u_1|", k.B},
			{"c", "|P DV' u_1|", k.C}, {"E", "||P DV P||", k.E},
			{"tan_angle", "tan angle(u_1, u~_1) as computed; null where the leading eigenvalue of V~ is complex", math.Tan(angle)},
			{"distance", "|u_1 - u~_1| as computed", 2 * math.Sin(angle/2)}} {
			b.add(q.name, q.v, q.note)
		}
	}
	return bounds, nil
}

func (k *Blocks) derived(symmetricChange bool) *Bound {
	b := &Bound{Name: "spectral", Status: Derived}
	m := k.Gap + k.A - k.E
	b.assume("lambda_1 is simple", k.Gap > 0, fmt.Sprintf("gap = %.4g", k.Gap))
	if symmetricChange {
		b.Statement = "tan angle(u_1, u~_1) <= |b|/(gap + a - ||E||), symmetric DV"
		b.assume("gap + a - ||E|| > 0", m > 0, fmt.Sprintf("%.4g", m))
		b.add("bound", k.SymmetricTan(), "")
		return b
	}
	b.Statement = "tan angle(u_1, u~_1) <= 2|b|/m, m = gap + a - ||E||"
	b.assume("m > 2 sqrt(|b||c|)", m > 2*math.Sqrt(k.B*k.C), fmt.Sprintf("m = %.4g, 2 sqrt(|b||c|) = %.4g", m, 2*math.Sqrt(k.B*k.C)))
	b.add("bound", k.GeneralTan(), "")
	return b
}

// condition is the inequality of the second version as notes give it.
func (k *Blocks) condition(x0 *mat.Dense) *Bound {
	b := &Bound{Name: "spectral", Status: Condition,
		Statement: "proposition 3.3 of the second version of the paper, as notes give it: gap + a > 2|b| + ||E|| keeps the leading direction; |u_1 - u~_1| is then of the order of (2|b| + ||E||)/(gap + a), with a constant that the source does not give"}
	last := k.Eigenvalues[len(k.Eigenvalues)-1]
	b.assume("V is positive semidefinite", last >= -1e-12*math.Abs(k.Eigenvalues[0]), fmt.Sprintf("least eigenvalue %.4g", last))
	b.assume("gap + a > 2|b| + ||E||", k.Gap+k.A > 2*k.B+k.E, fmt.Sprintf("%.4g against %.4g", k.Gap+k.A, 2*k.B+k.E))
	if x0 != nil {
		least := leastAlong(x0, k.Leading)
		b.assume("<x_i(0), u_1> >= gamma > 0 for all tokens", least > 0, fmt.Sprintf("least %.4g", least))
	}
	b.add("order", (2*k.B+k.E)/(k.Gap+k.A), "(2|b| + ||E||)/(gap + a), up to the constant")
	b.add("first_order", k.FirstOrder, "sum_j (alpha_j/(lambda_1 - lambda_j - e_j))^2, first-order perturbation")
	return b
}

// leastAlong is the least component of a token along u or -u, whichever side
// more tokens are on.
func leastAlong(x *mat.Dense, u []float64) float64 {
	n, _ := x.Dims()
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range n {
		p := dot(x.RawRowView(i), u)
		lo, hi = math.Min(lo, p), math.Max(hi, p)
	}
	return math.Max(lo, -hi)
}

// LeadingAngle is the angle between u and the line of the leading right
// eigenvector of m, NaN where its leading eigenvalue is complex.
func LeadingAngle(u []float64, m *mat.Dense) float64 {
	var eig mat.Eigen
	if !eig.Factorize(m, mat.EigenRight) {
		return math.NaN()
	}
	values := eig.Values(nil)
	best := 0
	for i, l := range values {
		if real(l) > real(values[best]) {
			best = i
		}
	}
	if imag(values[best]) != 0 {
		return math.NaN()
	}
	var vectors mat.CDense
	eig.VectorsTo(&vectors)
	w := make([]float64, len(u))
	for i := range w {
		w[i] = real(vectors.At(i, best))
	}
	along := dot(u, w)
	off := make([]float64, len(u))
	for i := range off {
		off[i] = w[i] - along*u[i]
	}
	return math.Atan2(norm(off), math.Abs(along))
}
