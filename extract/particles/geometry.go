package particles

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/layerclust/layerclust/analyze/theory"
)

// Geometry is a clustering of the paper's script: tokens, and what Q'K and V
// make of them before and after an adapter.
type Geometry struct {
	Name     string
	Expected string // what the theory, or the paper, leads one to expect
	Base     *System
	Adapted  *System // nil where the experiment has no adapter
	X0       []float64
	T, Dt    float64
}

// GeometryOptions are what a geometry may be varied by. Zero is the paper's
// value.
type GeometryOptions struct {
	Seed uint32
	N, D int // default 50 and 2
	// Compat adds what the script's "LoRA" adds to V, a constant in every entry,
	// and takes absolute values; otherwise V + mu v v' is meant.
	Compat bool
}

// geometry is how one is made. Random matrices are drawn after the tokens.
type geometry struct {
	name, expected string
	d              int // default dimension
	build          func(g *Geometry, r *Random, compat bool) error
}

// The paper's script, then the low-rank attentions that SCIENCE 2.6 derives.
var geometries = []geometry{
	{"polytope", "tokens at points of a polytope", 2, func(g *Geometry, _ *Random, _ bool) error {
		return g.set(Identity(g.Base.D), Identity(g.Base.D), nil)
	}},
	{"hyperplanes", "2, at most 3, values of the leading left eigenvector", 2, func(g *Geometry, r *Random, _ bool) error {
		return g.set(Identity(g.Base.D), r.Uniform(0, 1, g.Base.D*g.Base.D), nil)
	}},
	{"lora", "2 values of the leading left eigenvector before and after", 2, buildLoRA},
	{"v-finetune", "more clusters before the adapter than after", 2, func(g *Geometry, _ *Random, _ bool) error {
		return g.set(Identity(g.Base.D), Identity(g.Base.D), leadingDiagonal(g.Base.D, 0.9))
	}},
	{"v-finetune-3", "2 values of coordinate 1 after the adapter, the others frozen", 2, func(g *Geometry, _ *Random, _ bool) error {
		return g.set(Identity(g.Base.D), Identity(g.Base.D), leadingDiagonal(g.Base.D, 0))
	}},
	{"rank-one", "", 2, func(g *Geometry, _ *Random, _ bool) error {
		first := leadingDiagonal(g.Base.D, 0)
		count := theory.RankOneClusters(Project(g.X0, first[:g.Base.D]))
		g.Expected = fmt.Sprintf("%d clusters in the full space, by the signs of the first coordinate", count)
		return g.set(first, Identity(g.Base.D), nil)
	}},
	{"degenerate", "1 cluster at the mean", 2, func(g *Geometry, _ *Random, _ bool) error {
		return g.set(make([]float64, g.Base.D*g.Base.D), Identity(g.Base.D), nil)
	}},
	{"codimension-k", "2 values of the leading eigenvector", 2, func(g *Geometry, r *Random, _ bool) error {
		d := g.Base.D
		v := r.Uniform(0, 1, d*d)
		symmetrised := make([]float64, d*d)
		for i := range d {
			for j := range d {
				symmetrised[i*d+j] = (v[i*d+j] + v[j*d+i]) / 2
			}
		}
		return g.set(Identity(d), symmetrised, nil)
	}},
	{"hyperplanes-polytope", "a polytope in all coordinates but the last, which diverges", 2, func(g *Geometry, _ *Random, _ bool) error {
		d := g.Base.D
		v := Identity(d)
		v[d*d-1] = -0.5
		return g.set(Identity(d), v, nil)
	}},
	{"low-rank", "the clusters of a plane, though the tokens live in space", 3, func(g *Geometry, _ *Random, _ bool) error {
		d := g.Base.D
		a := Identity(d)
		a[d*d-1] = 0
		return g.set(a, Identity(d), nil)
	}},
	{"lora-new-clusters", "2 clusters at rank one; a rank-one update of Q and K makes new vertices", 2, buildNewClusters},
}

// GeometryNames lists the presets of one kind.
func GeometryNames() []string {
	names := make([]string, len(geometries))
	for i, g := range geometries {
		names[i] = g.name
	}
	return names
}

// NewGeometry draws the tokens and matrices of one preset.
func NewGeometry(name string, o GeometryOptions) (*Geometry, error) {
	k := slices.IndexFunc(geometries, func(g geometry) bool { return g.name == name })
	if k < 0 {
		return nil, fmt.Errorf("no geometry is called %q", name)
	}
	n, d := 50, geometries[k].d
	if o.N > 0 {
		n = o.N
	}
	if o.D > 0 {
		d = o.D
	}
	const mostDims, mostTokens = 64, 5000 // beyond them nothing is seen and all is slow
	if d < 2 || d > mostDims || n > mostTokens {
		return nil, fmt.Errorf("n, d: %d x %d is not within %d x 2 to %d", n, d, mostTokens, mostDims)
	}
	r := NewRandom(o.Seed)
	g := &Geometry{Name: name, Expected: geometries[k].expected, X0: r.Uniform(-5, 5, n*d), T: 40, Dt: 0.1}
	g.Base = New(Rescaled, n, d, nil, nil, nil)
	if err := geometries[k].build(g, r, o.Compat); err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", name, o.Seed, err)
	}
	return g, nil
}

// set makes the systems of Q = K = a and V, and of V~ where there is one.
func (g *Geometry) set(a, v, adapted []float64) error {
	g.Base.Layers = []Layer{{Heads: []Head{{Q: a, K: a, V: v}}}}
	if adapted != nil {
		s := *g.Base
		s.Layers = []Layer{{Heads: []Head{{Q: a, K: a, V: adapted}}}}
		g.Adapted = &s
	}
	return nil
}

// leadingDiagonal is diag(1, rest, .., rest).
func leadingDiagonal(d int, rest float64) []float64 {
	values := slices.Repeat([]float64{rest}, d)
	values[0] = 1
	return Diagonal(values)
}

// buildLoRA is V = rand/2 and V + mu v v', v the eigenvector of the least
// eigenvalue. The script takes a row of the matrix of eigenvectors for v and
// adds mu |row|^2, a number, to every entry.
func buildLoRA(g *Geometry, r *Random, compat bool) error {
	const mu = 0.4
	d := g.Base.D
	v := r.Uniform(0, 1, d*d)
	for i := range v {
		v[i] /= 2
	}
	vectors, least, err := realEigenvectors(v, d)
	if err != nil {
		return err
	}
	adapted := slices.Clone(v)
	if compat {
		var square float64
		for j := range d {
			square += real(vectors.At(least, j)) * real(vectors.At(least, j))
		}
		for i := range adapted {
			adapted[i] = math.Abs(adapted[i] + mu*square)
		}
		return g.set(Identity(d), v, adapted)
	}
	for i := range d {
		for j := range d {
			adapted[i*d+j] += mu * real(vectors.At(i, least)) * real(vectors.At(j, least))
		}
	}
	return g.set(Identity(d), v, adapted)
}

// realEigenvectors are the columns of vectors, and the place of the one of the
// least eigenvalue.
func realEigenvectors(v []float64, d int) (vectors *mat.CDense, least int, err error) {
	var eig mat.Eigen
	if !eig.Factorize(mat.NewDense(d, d, slices.Clone(v)), mat.EigenRight) {
		return nil, 0, fmt.Errorf("the eigenvalues of V were not found")
	}
	values := eig.Values(nil)
	for i, l := range values {
		if imag(l) != 0 {
			return nil, 0, fmt.Errorf("the eigenvalue %.3g of V is complex, so there is no eigenvector to adapt along; choose another seed", l)
		}
		if real(l) < real(values[least]) {
			least = i
		}
	}
	vectors = &mat.CDense{}
	eig.VectorsTo(vectors)
	return vectors, least, nil
}

// buildNewClusters is K'Q = e_1 e_1', to which an adapter of rank one adds
// e_2 e_2': Q = K = diag(1, 0, ..) becomes diag(1, 1, 0, ..).
func buildNewClusters(g *Geometry, _ *Random, _ bool) error {
	d := g.Base.D
	a := leadingDiagonal(d, 0)
	if err := g.set(a, Identity(d), nil); err != nil {
		return err
	}
	adapted := slices.Clone(a)
	adapted[d+1] = 1
	s := *g.Base
	s.Layers = []Layer{{Heads: []Head{{Q: adapted, K: adapted, V: Identity(d)}}}}
	g.Adapted = &s
	return nil
}
