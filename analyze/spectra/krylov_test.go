package spectra

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// denseLeading are all eigenvalues by the dense routine, sorted by modulus.
func denseLeading(t *testing.T, a Matrix) []complex128 {
	t.Helper()
	all, err := Gonum{}.Eigenvalues(a.Clone().Data, a.Rows)
	if err != nil {
		t.Fatal(err)
	}
	SortEigenvalues(all)
	return all
}

// agree checks that got are the leading values of all, k of them or one more of
// a pair, by their moduli in order and each within the tolerance of one of all.
func agree(t *testing.T, what string, got, all []complex128, k int, tolerance float64) {
	t.Helper()
	if len(got) != k && len(got) != k+1 {
		t.Fatalf("%s: %d eigenvalues for %d", what, len(got), k)
	}
	left := slices.Clone(all)
	for i, v := range got {
		if !(math.Abs(modulus(v)-modulus(all[i])) <= tolerance) {
			t.Fatalf("%s: number %d is %v, want %v within %.1e", what, i, v, all[i], tolerance)
		}
		best := 0
		for j := range left {
			if modulus(left[j]-v) < modulus(left[best]-v) {
				best = j
			}
		}
		if !(modulus(left[best]-v) <= tolerance) {
			t.Fatalf("%s: number %d is %v, the nearest eigenvalue %v", what, i, v, left[best])
		}
		left = slices.Delete(left, best, best+1)
	}
	for i := 0; i < len(got); i++ { // a pair is whole and side by side
		if imag(got[i]) != 0 {
			if i+1 == len(got) || got[i+1] != complex(real(got[i]), -imag(got[i])) {
				t.Fatalf("%s: %v is cut from its conjugate: %v", what, got[i], got)
			}
			i++
		}
	}
}

// spectrum is Q T Q' with the eigenvalues given (a b: a + bi and its conjugate where b
// is not 0), and random values of the given size above the diagonal of T.
func withSpectrum(rng *rand.Rand, values [][2]float64, above float64) Matrix {
	n := 0
	for _, v := range values {
		n++
		if v[1] != 0 {
			n++
		}
	}
	tri := NewMatrix(n, n)
	for i := range n {
		for j := i + 1; j < n; j++ {
			tri.Data[i*n+j] = above * rng.NormFloat64()
		}
	}
	at := 0
	for _, v := range values {
		tri.Data[at*n+at] = v[0]
		if v[1] != 0 {
			tri.Data[at*n+at+1], tri.Data[(at+1)*n+at], tri.Data[(at+1)*n+at+1] = v[1], -v[1], v[0]
			at++
		}
		at++
	}
	q := orthogonal(rng, n)
	return q.times(Gonum{}, false, tri, false).times(Gonum{}, false, q, true)
}

// orthogonal is a random orthogonal matrix (n, n).
func orthogonal(rng *rand.Rand, n int) Matrix {
	b := newBasis(Gonum{}, rng.Uint64(), n, n)
	b.extend(b.random(n), n, 0)
	return Matrix{n, n, b.rows}
}

// TestLeadingEigenvalues against the dense routine. Tolerances: 10 tolerances of the
// norm by the condition of the values asked for, which is small where there is
// nothing above the diagonal and up to some 1e4 in the nonnormal ones.
func TestLeadingEigenvalues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	decay := func(n int, rate float64) (v [][2]float64) {
		for i := range n {
			v = append(v, [2]float64{math.Pow(rate, float64(i)), 0})
		}
		return v
	}
	clustered := append([][2]float64{{1, 0}, {1, 0}, {1, 0}, {1 - 1e-9, 0}, {-1 + 1e-7, 0}, {0.6, 0.79999}}, decay(80, 0.97)[20:]...)
	turning := append([][2]float64{{0, 1}, {0.1, 0.9}, {-0.5, 0.7}}, decay(60, 0.9)[4:]...)
	for _, c := range []struct {
		name      string
		a         Matrix
		ks        []int
		tolerance float64 // relative to the norm
	}{
		{"random", random(rng, 120, 120), []int{1, 2, 5, 6, 20}, 1e-10},
		{"random and large", random(rng, 420, 420), []int{3}, 1e-10},
		{"normal", withSpectrum(rng, decay(100, 0.9), 0), []int{1, 4, 10}, 1e-11},
		{"nonnormal", withSpectrum(rng, decay(80, 0.8), 0.3), []int{1, 3, 6}, 1e-8},
		{"clustered", withSpectrum(rng, clustered, 0), []int{1, 3, 4, 5, 6, 7}, 1e-10},
		{"turning", withSpectrum(rng, turning, 0), []int{1, 2, 3, 4, 5}, 1e-11},
		{"identity", withSpectrum(rng, slices.Repeat([][2]float64{{2, 0}}, 40), 0), []int{1, 7}, 1e-13},
		{"zero", NewMatrix(30, 30), []int{1, 3}, 0},
		{"all", random(rng, 25, 25), []int{24, 25}, 1e-12},
		{"one", Matrix{1, 1, []float64{-3}}, []int{1}, 0},
	} {
		all := denseLeading(t, c.a)
		for _, k := range c.ks {
			got, err := LeadingEigenvalues(Gonum{}, DenseMap(Gonum{}, c.a.Data, c.a.Rows, c.a.Cols), k, Krylov{Seed: 7})
			if err != nil {
				t.Fatal(c.name, k, err)
			}
			agree(t, c.name, got, all, k, c.tolerance*c.a.Norm())
		}
	}
}

// TestLeadingRestarts with a basis so small that most has to be forgotten.
func TestLeadingRestarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	a := random(rng, 200, 200)
	m := DenseMap(Gonum{}, a.Data, 200, 200)
	o := Krylov{Basis: 1} // 6 blocks, the least
	eig, err := LeadingEigenvalues(Gonum{}, m, 3, o)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, "restarted", eig, denseLeading(t, a), 3, 1e-10*a.Norm())
	want, err := Gonum{}.SingularValues(a.Clone().Data, 200, 200)
	if err != nil {
		t.Fatal(err)
	}
	_, s, _, err := LeadingSVD(Gonum{}, m, 3, o)
	if err != nil {
		t.Fatal(err)
	}
	listNear(t, "restarted", s, want[:3], 1e-11*want[0])
}

// TestLeadingSVD against the dense routine: values within 10 tolerances of the
// norm, vectors orthonormal and M v = s u, M' u = s v.
func TestLeadingSVD(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	multiple := NewMatrix(90, 90) // singular values 1 (5 times), 0.9 ...
	for i := range 90 {
		multiple.Data[i*91] = math.Min(1, math.Pow(0.9, float64(i-4)))
	}
	multiple = orthogonal(rng, 90).times(Gonum{}, false, multiple, false)
	for _, c := range []struct {
		name string
		a    Matrix
		ks   []int
	}{
		{"square", random(rng, 150, 150), []int{1, 5, 20}},
		{"tall", random(rng, 300, 40), []int{1, 6, 40}},
		{"wide", random(rng, 40, 300), []int{1, 6, 40}},
		{"large", random(rng, 500, 400), []int{4}},
		{"multiple", multiple, []int{1, 3, 5, 6}},
		{"rank 3", random(rng, 60, 3).times(Gonum{}, false, random(rng, 3, 50), false), []int{2, 3, 5}},
		{"orthogonal", orthogonal(rng, 40), []int{6}},
		{"zero", NewMatrix(20, 30), []int{2}},
		{"row", random(rng, 1, 9), []int{1}},
	} {
		m, n := c.a.Rows, c.a.Cols
		want, err := Gonum{}.SingularValues(c.a.Clone().Data, m, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range c.ks {
			u, s, vt, err := LeadingSVD(Gonum{}, DenseMap(Gonum{}, c.a.Data, m, n), k, Krylov{Seed: 7})
			if err != nil {
				t.Fatal(c.name, k, err)
			}
			listNear(t, c.name, s, want[:k], 1e-11*want[0])
			triplets(t, c.name, c.a, u, s, vt)
		}
	}
}

func triplets(t *testing.T, what string, a Matrix, u, s, vt []float64) {
	t.Helper()
	k := len(s)
	left, right := Matrix{a.Rows, k, u}, Matrix{k, a.Cols, vt}
	identity := NewMatrix(k, k)
	for i := range k {
		identity.Data[i*k+i] = 1
	}
	listNear(t, what+": u' u", left.times(Gonum{}, true, left, false).Data, identity.Data, 1e-12)
	listNear(t, what+": vt v", right.times(Gonum{}, false, right, true).Data, identity.Data, 1e-12)
	scaled := Matrix{a.Rows, k, slices.Clone(u)}
	scaled.ScaleCols(s)
	listNear(t, what+": M v", a.times(Gonum{}, false, right, true).Data, scaled.Data, 1e-11*s[0])
	back := right.transposed()
	back.ScaleCols(s)
	listNear(t, what+": M' u", a.times(Gonum{}, true, left, false).Data, back.Data, 1e-11*s[0])
}

// TestMaps: W + s B A and its square, by products alone, against the matrices.
func TestMaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	const n, r, scale = 80, 4, 3.0
	w, b, a := random(rng, n, n), random(rng, n, r), random(rng, r, n)
	dense := b.times(Gonum{}, false, a, false)
	for i, v := range w.Data {
		dense.Data[i] = v + scale*dense.Data[i]
	}
	of := func(m Matrix) Map { return DenseMap(Gonum{}, m.Data, m.Rows, m.Cols) }
	adapted := SumMap(of(w), ProductMap(scale, of(b), of(a)))
	square := ProductMap(1, adapted, adapted)
	for _, c := range []struct {
		m Map
		d Matrix
	}{{adapted, dense}, {square, dense.times(Gonum{}, false, dense, false)}} {
		eig, err := LeadingEigenvalues(Gonum{}, c.m, 4, Krylov{})
		if err != nil {
			t.Fatal(err)
		}
		agree(t, "adapted", eig, denseLeading(t, c.d), 4, 1e-10*c.d.Norm())
		u, s, vt, err := LeadingSVD(Gonum{}, c.m, 4, Krylov{})
		if err != nil {
			t.Fatal(err)
		}
		triplets(t, "adapted", c.d, u, s, vt)
	}
}

// TestLeadingNotConverged: with too few products the result is an error that says
// how far it came, and the values beside it are right.
func TestLeadingNotConverged(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	values := [][2]float64{{400, 0}, {150, 0}} // two that converge early, and a disc
	a := random(rng, 600, 600)
	for i, v := range withSpectrum(rng, append(values, slices.Repeat([][2]float64{{0, 0}}, 598)...), 0).Data {
		a.Data[i] += v
	}
	m := DenseMap(Gonum{}, a.Data, 600, 600)
	o := Krylov{Products: 260}
	var stopped *NotConverged
	eig, err := LeadingEigenvalues(Gonum{}, m, 6, o)
	if !errors.As(err, &stopped) || stopped.Converged != len(eig) || len(eig) != 2 || stopped.Residual <= stopped.Tolerance {
		t.Fatalf("%v: %v", eig, err)
	}
	agree(t, "what converged", eig, denseLeading(t, a), 2, 1e-10*a.Norm())
	_, s, _, err := LeadingSVD(Gonum{}, m, 6, o)
	if !errors.As(err, &stopped) || stopped.Converged != len(s) || len(s) < 2 || len(s) == 6 {
		t.Fatalf("%v: %v", s, err)
	}
	want, err := Gonum{}.SingularValues(a.Clone().Data, 600, 600)
	if err != nil {
		t.Fatal(err)
	}
	listNear(t, "what converged", s, want[:len(s)], 1e-11*want[0])
}

// TestLeadingRefuses counts that make no sense, tolerances below rounding, and values
// that are not finite.
func TestLeadingRefuses(t *testing.T) {
	a := random(rand.New(rand.NewPCG(9, 1)), 10, 10)
	m := DenseMap(Gonum{}, a.Data, 10, 10)
	for _, c := range []struct {
		k int
		o Krylov
	}{{0, Krylov{}}, {11, Krylov{}}, {-1, Krylov{}}, {2, Krylov{Tolerance: 1e-20}}, {2, Krylov{Tolerance: math.NaN()}}} {
		_, err1 := LeadingEigenvalues(Gonum{}, m, c.k, c.o)
		_, _, _, err2 := LeadingSVD(Gonum{}, m, c.k, c.o)
		if err1 == nil || err2 == nil {
			t.Errorf("k = %d, %+v: %v, %v", c.k, c.o, err1, err2)
		}
	}
	a.Data[7] = math.NaN()
	_, err1 := LeadingEigenvalues(Gonum{}, m, 2, Krylov{})
	_, _, _, err2 := LeadingSVD(Gonum{}, m, 2, Krylov{})
	if err1 == nil || err2 == nil {
		t.Errorf("NaN: %v, %v", err1, err2)
	}
}

// TestLeadingReproduces: the same seed gives the same bytes.
func TestLeadingReproduces(t *testing.T) {
	a := random(rand.New(rand.NewPCG(10, 1)), 100, 100)
	m := DenseMap(Gonum{}, a.Data, 100, 100)
	one, err1 := LeadingEigenvalues(Gonum{}, m, 4, Krylov{Seed: 3})
	two, err2 := LeadingEigenvalues(Gonum{}, m, 4, Krylov{Seed: 3})
	if err1 != nil || err2 != nil || !slices.Equal(one, two) {
		t.Errorf("%v %v, %v %v", one, err1, two, err2)
	}
}

// TestLeadingReal: SmolLM2's O and OV, the second as a map that is never formed,
// with both solvers against the dense routine.
func TestLeadingReal(t *testing.T) {
	for _, layer := range []int{0, 15} {
		v, o := realWeight(t, layer, "v_proj"), realWeight(t, layer, "o_proj") // (192, 576), (576, 576)
		wo, wv := o.cols(0, 64), v.rows(0, 64)
		ov := wo.times(Gonum{}, false, wv, false) // (576, 576)
		all, allOV := denseLeading(t, o), denseLeading(t, ov)
		want, err := Gonum{}.SingularValues(o.Clone().Data, 576, 576)
		if err != nil {
			t.Fatal(err)
		}
		eachSolver(t, func(t *testing.T, s Solver) {
			of := func(m Matrix) Map { return DenseMap(s, m.Data, m.Rows, m.Cols) }
			for _, k := range []int{1, 6} {
				eig, err := LeadingEigenvalues(s, of(o), k, Krylov{})
				if err != nil {
					t.Fatal(err)
				}
				agree(t, "o_proj", eig, all, k, 1e-9*want[0])
				eig, err = LeadingEigenvalues(s, ProductMap(1, of(wo), of(wv)), k, Krylov{})
				if err != nil {
					t.Fatal(err)
				}
				agree(t, "OV", eig, allOV, k, 1e-10*ov.Norm())
				u, sv, vt, err := LeadingSVD(s, of(o), k, Krylov{})
				if err != nil {
					t.Fatal(err)
				}
				listNear(t, "o_proj", sv, want[:k], 1e-11*want[0])
				triplets(t, "o_proj", o, u, sv, vt)
			}
		})
	}
}
