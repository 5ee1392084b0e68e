package spectra

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// solverCases is testdata/solver.json, made by make_solver.py: values by mpmath, and
// for real weights by numpy.
type solverCases struct {
	Small []struct {
		Name       string
		Rows, Cols int
		Matrix, SV []float64
		Eig        [][2]float64
		Condition  float64
	}
	SmolLM2 []struct {
		Layer int
		OV    []struct {
			Head int
			Eig  [][2]float64
		}
		OEig       [][2]float64 `json:"o_eig"`
		OCondition float64      `json:"o_condition"`
		OSV        []float64    `json:"o_sv"`
		VSV        []float64    `json:"v_sv"`
	}
}

func readSolverCases(t *testing.T) solverCases {
	t.Helper()
	data, err := os.ReadFile("testdata/solver.json")
	if err != nil {
		t.Fatal(err)
	}
	var c solverCases
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// eachSolver runs a test with gonum and with the machine's LAPACK.
func eachSolver(t *testing.T, test func(t *testing.T, s Solver)) {
	t.Run("gonum", func(t *testing.T) { test(t, Gonum{}) })
	t.Run("native", func(t *testing.T) {
		l, err := native.OpenLAPACK()
		if err != nil {
			t.Skip(err)
		}
		test(t, l)
	})
}

// listNear compares values in their order, within an absolute tolerance.
func listNear(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tolerance) {
			t.Fatalf("%s: value %d is %v, want %v within %.1e", what, i, got[i], w, tolerance)
		}
	}
}

// setNear compares values as sets, within an absolute tolerance: each of the
// reference takes the nearest that is left.
func setNear(t *testing.T, what string, got []complex128, want [][2]float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d eigenvalues, want %d", what, len(got), len(want))
	}
	left := slices.Clone(got)
	for _, w := range want {
		best := 0
		for i := range left {
			if distanceTo(left[i], w) < distanceTo(left[best], w) {
				best = i
			}
		}
		if !(distanceTo(left[best], w) <= tolerance) {
			t.Fatalf("%s: the eigenvalue nearest to %v is %v, not within %.1e", what, w, left[best], tolerance)
		}
		left = slices.Delete(left, best, best+1)
	}
}

func distanceTo(v complex128, w [2]float64) float64 { return math.Hypot(real(v)-w[0], imag(v)-w[1]) }

const epsilon = 0x1p-52

// TestSolverSmall compares with 60 digits. The backward error of both routines is
// a small multiple of n eps |A|; it moves singular values by itself, and eigenvalues by
// itself times their condition.
func TestSolverSmall(t *testing.T) {
	cases := readSolverCases(t)
	eachSolver(t, func(t *testing.T, s Solver) {
		for _, c := range cases.Small {
			backward := 10 * epsilon * float64(max(c.Rows, c.Cols)) * c.SV[0]
			sv, err := s.SingularValues(slices.Clone(c.Matrix), c.Rows, c.Cols)
			if err != nil {
				t.Fatal(c.Name, err)
			}
			listNear(t, c.Name, sv, c.SV, backward)
			decomposed(t, c.Name, s, c.Matrix, c.Rows, c.Cols, c.SV, backward)
			if c.Eig == nil {
				continue
			}
			eig, err := s.Eigenvalues(slices.Clone(c.Matrix), c.Rows)
			if err != nil {
				t.Fatal(c.Name, err)
			}
			setNear(t, c.Name, eig, c.Eig, c.Condition*backward)
		}
	})
}

// decomposed checks an SVD: the values, the product, the orthonormal vectors.
func decomposed(t *testing.T, what string, s Solver, a []float64, m, n int, want []float64, tolerance float64) {
	t.Helper()
	u, sv, vt, err := s.SVD(slices.Clone(a), m, n)
	if err != nil {
		t.Fatal(what, err)
	}
	k := min(m, n)
	listNear(t, what+": values of the SVD", sv, want, tolerance)
	identity := NewMatrix(k, k).Data
	for i := range k {
		identity[i*k+i] = 1
	}
	listNear(t, what+": u' u", s.Multiply(u, true, u, false, k, m, k), identity, 1e-13)
	listNear(t, what+": vt v", s.Multiply(vt, false, vt, true, k, n, k), identity, 1e-13)
	scaled := Matrix{m, k, slices.Clone(u)}
	scaled.ScaleCols(sv)
	listNear(t, what+": u s vt", s.Multiply(scaled.Data, false, vt, false, m, k, n), a, 10*tolerance)
}

// realWeight is a projection of SmolLM2's attention, widened.
func realWeight(t *testing.T, layer int, module string) Matrix {
	t.Helper()
	model, err := loader.Open(testmodel.SmolLM2(t))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	name := fmt.Sprintf("model.layers.%d.self_attn.%s.weight", layer, module)
	info, ok := model.Weights.Info(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	raw := make([]float32, info.Len())
	if err := model.Weights.ReadFloat32(name, raw); err != nil {
		t.Fatal(err)
	}
	m := NewMatrix(info.Shape[0], info.Shape[1])
	for i, v := range raw {
		m.Data[i] = float64(v)
	}
	return m
}

// TestSolverReal: V, O and OV of two layers against numpy's float64. OV is formed whole
// there, (576, 576), and is the product of the head's dimension in the other order here:
// both are rounded, so that its eigenvalues agree to 1e-11 of the norm.
func TestSolverReal(t *testing.T) {
	const dim, perGroup = 64, 3
	cases := readSolverCases(t)
	eachSolver(t, func(t *testing.T, s Solver) {
		for _, c := range cases.SmolLM2 {
			v, o := realWeight(t, c.Layer, "v_proj"), realWeight(t, c.Layer, "o_proj") // (192, 576), (576, 576)
			backward := 10 * epsilon * float64(o.Cols) * c.OSV[0]
			eig, err := s.Eigenvalues(slices.Clone(o.Data), o.Rows)
			if err != nil {
				t.Fatal(err)
			}
			setNear(t, "o_proj", eig, c.OEig, c.OCondition*backward)
			decomposed(t, "o_proj", s, o.Data, o.Rows, o.Cols, c.OSV, backward)
			decomposed(t, "v_proj", s, v.Data, v.Rows, v.Cols, c.VSV, backward)
			for _, head := range c.OV {
				group := head.Head / perGroup
				wo, wv := o.cols(head.Head*dim, (head.Head+1)*dim), v.rows(group*dim, (group+1)*dim)
				eig, err := s.Eigenvalues(wv.times(s, false, wo, false).Data, dim)
				if err != nil {
					t.Fatal(err)
				}
				setNear(t, "OV", eig, head.Eig, 1e-11*c.OSV[0]*c.VSV[0])
			}
		}
	})
}

// TestSolversAgree on a random matrix of some size, and on its product with itself.
func TestSolversAgree(t *testing.T) {
	const n = 150
	a := random(rand.New(rand.NewPCG(1, 2)), n, n)
	want, err := Gonum{}.Eigenvalues(a.Clone().Data, n)
	if err != nil {
		t.Fatal(err)
	}
	pairs := make([][2]float64, n)
	for i, v := range want {
		pairs[i] = [2]float64{real(v), imag(v)}
	}
	square := a.times(Gonum{}, true, a, false)
	eachSolver(t, func(t *testing.T, s Solver) {
		got, err := s.Eigenvalues(a.Clone().Data, n)
		if err != nil {
			t.Fatal(err)
		}
		setNear(t, "random", got, pairs, 1e-12*a.Norm())
		listNear(t, "a' a", s.Multiply(a.Data, true, a.Data, false, n, n, n), square.Data, 1e-13*square.Norm())
		if s.Name() == "" {
			t.Error("the solver has no name")
		}
	})
}

// TestSolverRefuses what an iteration would not come back from.
func TestSolverRefuses(t *testing.T) {
	eachSolver(t, func(t *testing.T, s Solver) {
		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			a := []float64{1, 2, 3, bad}
			_, err1 := s.Eigenvalues(a, 2)
			_, err2 := s.SingularValues(a, 2, 2)
			_, _, _, err3 := s.SVD(a, 2, 2)
			for _, err := range []error{err1, err2, err3} {
				if err == nil || !strings.Contains(err.Error(), "row 1, column 1") {
					t.Errorf("%v: %v", bad, err)
				}
			}
		}
		if _, err := s.Eigenvalues(nil, 0); err != nil {
			t.Error("an empty matrix:", err)
		}
	})
}
