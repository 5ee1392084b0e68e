package spectra

import (
	"encoding/json"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// goldenUpdate is an update of testdata/lowrank.json, with what numpy says of
// the dense product.
type goldenUpdate struct {
	Name          string
	Out, In, Rank int
	Scale         float64
	A, B          []float32
	Sigma         []float64
	Stable        float64
	Effective     float64
	Energy        []float64
	Eig           [][2]float64
}

func (g *goldenUpdate) factors() *Factors {
	return &Factors{Rank: g.Rank, In: g.In, Out: g.Out, A: g.A, B: g.B, Scale: g.Scale}
}

func (g *goldenUpdate) decompose(t *testing.T) *Update {
	t.Helper()
	u, err := Decompose(g.factors(), true)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// lowrankGoldens is testdata/lowrank.json, made by make_lowrank.py with numpy
// 2.4.6 and scipy 1.17.1.
type lowrankGoldens struct {
	Updates []goldenUpdate
	Pairs   []struct {
		X, Y   goldenUpdate
		Cosine float64
		Sides  map[string]struct {
			Phi    float64
			Angles []float64
		}
	}
	Path struct {
		Series      []goldenUpdate
		CosFinal    []float64 `json:"cos_final"`
		CosPrevious []float64 `json:"cos_previous"`
		StepNorm    []float64 `json:"step_norm"`
		StepCos     []float64 `json:"step_cos"`
	}
	Random []struct {
		Out, In, Rank            int
		Sigma, Deviation, Lo, Hi []float64
		Ratio                    float64
		RatioDeviation           float64 `json:"ratio_deviation"`
	}
}

func readGoldens(t *testing.T) *lowrankGoldens {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "lowrank.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g lowrankGoldens
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return &g
}

// near demands |got - want| within tol.
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: %v, want %v within %g", what, got, want, tol)
	}
}

// Tolerances are of rounding, relative to the largest singular value: numpy's
// own of the dense product are no better.
func TestDecomposeNumpy(t *testing.T) {
	for _, g := range readGoldens(t).Updates {
		u := g.decompose(t)
		top := g.Sigma[0]
		if len(u.Sigma) != len(g.Sigma) || (u.Eigen != nil) != (g.Eig != nil) || len(u.Eigen) != len(g.Eig) {
			t.Fatalf("%s: %d singular values, %d eigenvalues; want %d, %d", g.Name, len(u.Sigma), len(u.Eigen), len(g.Sigma), len(g.Eig))
		}
		for i, s := range g.Sigma {
			near(t, fmt.Sprintf("%s: singular value %d", g.Name, i), u.Sigma[i], s, 1e-14*top)
		}
		if worst := matched(u.Eigen, g.Eig); worst > 1e-12*top {
			t.Errorf("%s: an eigenvalue is %g off", g.Name, worst)
		}
		m := u.Measures()
		if top == 0 {
			zero := Measures{Energy: make([]float64, len(g.Sigma))}
			if fmt.Sprint(m) != fmt.Sprint(zero) {
				t.Errorf("%s: measures %+v of a zero update", g.Name, m)
			}
			continue
		}
		near(t, g.Name+": stable rank", m.StableRank, g.Stable, 1e-12)
		near(t, g.Name+": effective rank", m.EffectiveRank, g.Effective, 1e-10) // x log x of what is zero but for rounding
		for i, e := range g.Energy {
			near(t, g.Name+": energy", m.Energy[i], e, 1e-12)
		}
	}
}

// matched is the largest distance of eigenvalues from wanted ones, each taken
// once, the nearest first.
func matched(got []complex128, want [][2]float64) float64 {
	rest := slices.Clone(want)
	worst := 0.0
	for _, v := range got {
		best := 0
		for i, w := range rest {
			if cmplx.Abs(v-complex(w[0], w[1])) < cmplx.Abs(v-complex(rest[best][0], rest[best][1])) {
				best = i
			}
		}
		worst = max(worst, cmplx.Abs(v-complex(rest[best][0], rest[best][1])))
		rest = slices.Delete(rest, best, best+1)
	}
	return worst
}

func TestMeasuresOfSpecialUpdates(t *testing.T) {
	for _, g := range readGoldens(t).Updates {
		m := g.decompose(t).Measures()
		switch g.Name {
		case "deficient 16x16 r4": // two columns and two rows are the same
			if m.NumericalRank != 3 {
				t.Errorf("%s: numerical rank %d", g.Name, m.NumericalRank)
			}
		case "nilpotent 18x18 r3": // A B = 0
			near(t, g.Name+": eigenvalue ratio", m.EigenRatio, 0, 1e-15)
			near(t, g.Name+": departure from normality", m.NonNormality, 1, 1e-15)
		case "graded 20x20 r5": // the first of its directions has nearly all
			if m.Rank90 != 1 || m.Rank99 != 1 || m.NumericalRank != 5 {
				t.Errorf("%s: rank90 %d, rank99 %d, numerical %d", g.Name, m.Rank90, m.Rank99, m.NumericalRank)
			}
		}
	}
	// By hand: of singular values 3, 4 and 0 the energy is 16/25 and 1, so that 90 % takes two.
	u := &Update{Rank: 4, In: 8, Out: 9, Sigma: []float64{4, 3, 0}}
	m := u.Measures()
	near(t, "norm", m.Norm, 5, 1e-15)
	near(t, "stable rank", m.StableRank, 25.0/16, 1e-15)
	near(t, "effective rank", m.EffectiveRank, math.Exp(4./7*math.Log(7./4)+3./7*math.Log(7./3)), 1e-15)
	near(t, "utilisation", m.Utilisation, m.EffectiveRank/4, 1e-15)
	if m.Rank90 != 2 || m.Rank99 != 2 || m.NumericalRank != 2 {
		t.Errorf("ranks %d, %d, %d; want 2, 2, 2", m.Rank90, m.Rank99, m.NumericalRank)
	}
}

func randomFactors(rng *rand.Rand, out, in, r int) *Factors {
	f := &Factors{Rank: r, In: in, Out: out, A: make([]float32, r*in), B: make([]float32, out*r), Scale: rng.NormFloat64()}
	for i := range f.A {
		f.A[i] = float32(rng.NormFloat64())
	}
	for i := range f.B {
		f.B[i] = float32(rng.NormFloat64())
	}
	return f
}

// product is the dense s B A (out, in).
func (f *Factors) product() *mat.Dense {
	wide := func(x []float32) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = float64(v)
		}
		return y
	}
	var w mat.Dense
	w.Mul(mat.NewDense(f.Out, f.Rank, wide(f.B)), mat.NewDense(f.Rank, f.In, wide(f.A)))
	w.Scale(f.Scale, &w)
	return &w
}

// The dense product has the singular values found, no others but zeros, and is
// U diag(sigma) Vᵀ, whatever the shape and the rank.
func TestDecomposeDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		f := randomFactors(rng, 1+rng.IntN(24), 1+rng.IntN(24), 1+rng.IntN(9))
		what := fmt.Sprintf("(%d, %d) of rank %d", f.Out, f.In, f.Rank)
		switch rng.IntN(4) { // of what training leaves, too: rows and columns of zeros, and again
		case 0:
			clear(f.A[:f.In])
		case 1:
			copy(f.A, f.A[(f.Rank-1)*f.In:])
		}
		u, err := Decompose(f, true)
		if err != nil {
			t.Fatal(err)
		}
		w := f.product()
		want := singularOf(w)
		top := want[0]
		for i, s := range want {
			got := 0.0
			if i < len(u.Sigma) {
				got = u.Sigma[i]
			}
			near(t, what, got, s, 1e-13*top)
		}
		for i := range f.Out {
			for j := range f.In {
				sum := 0.0
				for k, s := range u.Sigma {
					sum += u.U[k][i] * s * u.V[k][j]
				}
				near(t, what+": element", sum, w.At(i, j), 1e-13*top)
			}
		}
		for _, vectors := range [][][]float64{u.U, u.V} {
			for i, row := range cross(vectors, vectors) {
				for j, v := range row {
					near(t, what+": orthonormality", v, map[bool]float64{true: 1}[i == j], 1e-13)
				}
			}
		}
	}
}

// Both forms of the kernels agree, whatever the length.
func TestKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 70 {
		what := fmt.Sprintf("length %d", n)
		rows, memory := newRows(3, n)
		for i := range memory {
			memory[i] = rng.NormFloat64()
		}
		near(t, what+": dot", dot(rows[0], rows[1]), dotPlain(rows[0], rows[1]), 1e-13)
		copy(rows[2], rows[1])
		subtract(rows[1], -2.5, rows[0])
		subtractPlain(rows[2], -2.5, rows[0])
		x, wide := make([]float32, n), make([]float64, n)
		for k := range x {
			near(t, what+": subtract", rows[1][k], rows[2][k], 1e-14)
			x[k] = float32(rows[0][k])
		}
		widen(wide, x)
		for k := range x {
			near(t, what+": widen", wide[k], float64(x[k]), 0)
		}
	}
}

func TestDecomposeRefusesInfinity(t *testing.T) {
	f := &Factors{Rank: 1, In: 2, Out: 2, A: []float32{1, 2}, B: []float32{3, 4}, Scale: 1e308}
	if u, err := Decompose(f, false); err == nil {
		t.Errorf("%v of an update that is not finite", u.Sigma)
	}
}

// decomposeAll is what the command does for one adapter.
func decomposeAll(b *testing.B, list []*Factors, vectors bool) {
	next := make(chan *Factors, len(list))
	for _, f := range list {
		next <- f
	}
	close(next)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for f := range next {
				u, err := Decompose(f, vectors)
				if err != nil {
					b.Error(err)
				}
				u.Values("x", 0, "q_proj")
			}
		})
	}
	group.Wait()
}

// 64 modules of 4096 x 4096 at rank 8: q_proj and v_proj of a 7B model.
func BenchmarkAdapter(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([]*Factors, 64)
	for i := range list {
		list[i] = randomFactors(rng, 4096, 4096, 8)
	}
	for _, vectors := range []bool{false, true} {
		b.Run(fmt.Sprintf("vectors=%v", vectors), func(b *testing.B) {
			for b.Loop() {
				decomposeAll(b, list, vectors)
			}
		})
	}
}
