package native

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// library is this machine's LAPACK.
func library(t testing.TB) *LAPACK {
	t.Helper()
	l, err := OpenLAPACK()
	if err != nil {
		t.Skip(err)
	}
	return l
}

// normal are n values of a normal distribution.
func normal(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// TestLAPACKEigenvalues: the rotation by 90 degrees beside a triangle, by hand.
func TestLAPACKEigenvalues(t *testing.T) {
	l := library(t)
	got, err := l.Eigenvalues([]float64{ // (4, 4)
		0, -1, 5, 6,
		1, 0, 7, 8,
		0, 0, 3, 9,
		0, 0, 0, -2,
	}, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []complex128{1i, -1i, 3, -2} {
		if !slices.ContainsFunc(got, func(v complex128) bool { return cmplx.Abs(v-want) < 1e-14 }) {
			t.Errorf("%v has no %v", got, want)
		}
	}
}

// TestLAPACKSVD: u diag(s) vt is the matrix, u and v have orthonormal columns, in
// the row-major order, whichever side is longer.
func TestLAPACKSVD(t *testing.T) {
	l := library(t)
	for _, shape := range [][2]int{{5, 3}, {3, 5}, {4, 4}, {1, 6}, {6, 1}, {90, 70}, {20, 300}} {
		m, n := shape[0], shape[1]
		k, a := min(m, n), normal(1, m*n)
		u, s, vt, err := l.SVD(slices.Clone(a), m, n)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(s, func(x, y float64) int { return int(math.Copysign(1, y-x)) }) || s[k-1] < 0 {
			t.Errorf("%v: singular values %v", shape, s)
		}
		us := slices.Clone(u) // (m, k)
		for i := range us {
			us[i] *= s[i%k]
		}
		near(t, "u s vt", l.Multiply(us, false, vt, false, m, k, n), a, 1e-13*s[0])
		near(t, "u' u", l.Multiply(u, true, u, false, k, m, k), identity(k), 1e-13)
		near(t, "vt v", l.Multiply(vt, false, vt, true, k, n, k), identity(k), 1e-13)
		only, err := l.SingularValues(slices.Clone(a), m, n)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "values alone", only, s, 1e-13*s[0])
	}
}

// TestLAPACKSchur: z t z' is the matrix, z orthogonal, nothing below the blocks of t.
func TestLAPACKSchur(t *testing.T) {
	l := library(t)
	const n = 40
	a := normal(3, n*n)
	form, z, err := l.Schur(slices.Clone(a), n)
	if err != nil {
		t.Fatal(err)
	}
	zt := l.Multiply(z, false, form, false, n, n, n)
	near(t, "z t z'", l.Multiply(zt, false, z, true, n, n, n), a, 1e-12)
	near(t, "z' z", l.Multiply(z, true, z, false, n, n, n), identity(n), 1e-13)
	for i := range n {
		for j := range i {
			if form[i*n+j] != 0 && (j != i-1 || form[j*n+j] != form[i*n+i]) {
				t.Errorf("t has %v at row %d, column %d", form[i*n+j], i, j)
			}
		}
	}
}

// TestLAPACKMultiply compares with sums of products, under each transposition.
func TestLAPACKMultiply(t *testing.T) {
	l := library(t)
	m, k, n := 7, 5, 9
	a, b := normal(1, m*k), normal(2, k*n)
	want := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for p := range k {
				want[i*n+j] += a[i*k+p] * b[p*n+j]
			}
		}
	}
	at, bt := transposed(a, m, k), transposed(b, k, n)
	near(t, "a b", l.Multiply(a, false, b, false, m, k, n), want, 1e-14)
	near(t, "a' b", l.Multiply(at, true, b, false, m, k, n), want, 1e-14)
	near(t, "a b'", l.Multiply(a, false, bt, true, m, k, n), want, 1e-14)
	near(t, "a' b'", l.Multiply(at, true, bt, true, m, k, n), want, 1e-14)
}

// TestLAPACKRefuses: values that LAPACK might not return from.
func TestLAPACKRefuses(t *testing.T) {
	l := library(t)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		a := normal(1, 9)
		a[5] = bad
		_, err1 := l.Eigenvalues(a, 3)
		_, err2 := l.SingularValues(a, 3, 3)
		_, _, _, err3 := l.SVD(a, 3, 3)
		for _, err := range []error{err1, err2, err3} {
			if err == nil || !strings.Contains(err.Error(), "row 1, column 2") {
				t.Errorf("%v: %v", bad, err)
			}
		}
	}
}

// TestLAPACKEmpty: matrices without rows or columns have no values.
func TestLAPACKEmpty(t *testing.T) {
	l := library(t)
	v, err1 := l.Eigenvalues(nil, 0)
	s, err2 := l.SingularValues(nil, 0, 3)
	if len(v) != 0 || len(s) != 0 || err1 != nil || err2 != nil {
		t.Errorf("%v %v %v %v", v, s, err1, err2)
	}
	if c := l.Multiply(nil, false, nil, false, 2, 0, 1); !slices.Equal(c, []float64{0, 0}) {
		t.Errorf("a sum of nothing is %v", c)
	}
}

// TestLAPACKConcurrent: calls side by side give what each gives alone, to the bit.
func TestLAPACKConcurrent(t *testing.T) {
	l := library(t)
	const n = 160
	a := normal(1, n*n)
	values, err := l.Eigenvalues(slices.Clone(a), n)
	if err != nil {
		t.Fatal(err)
	}
	single, err := l.SingularValues(slices.Clone(a), n, n)
	if err != nil {
		t.Fatal(err)
	}
	product := l.Multiply(a, false, a, true, n, n, n)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 {
				v, err1 := l.Eigenvalues(slices.Clone(a), n)
				s, err2 := l.SingularValues(slices.Clone(a), n, n)
				if err1 != nil || err2 != nil || !slices.Equal(v, values) || !slices.Equal(s, single) {
					t.Errorf("another result beside others (%v, %v)", err1, err2)
				}
				if !slices.Equal(l.Multiply(a, false, a, true, n, n, n), product) {
					t.Error("another product beside others")
				}
			}
		})
	}
	wg.Wait()
}

// TestLAPACKThreads: more threads change no more than the last digits.
func TestLAPACKThreads(t *testing.T) {
	l := library(t)
	defer l.SetThreads(l.Threads())
	const n = 300
	a := normal(1, n*n)
	one, err := l.SingularValues(slices.Clone(a), n, n)
	if err != nil {
		t.Fatal(err)
	}
	l.SetThreads(2)
	two, err := l.SingularValues(slices.Clone(a), n, n)
	if err != nil || l.Threads() != 2 {
		t.Fatal(err)
	}
	near(t, "two threads", two, one, 1e-12*one[0])
}

// TestLAPACKElsewhere: the variable decides which library, or that there is none.
func TestLAPACKElsewhere(t *testing.T) {
	if os.Getenv(lapackEnv) != "" {
		_, err := OpenLAPACK()
		if err == nil || !strings.Contains(err.Error(), os.Getenv(lapackEnv)) {
			t.Errorf("opened %v: %v", os.Getenv(lapackEnv), err)
		}
		return
	}
	for _, name := range []string{"libc.so.6", "/nonexistent/libopenblas.so.0"} {
		cmd := exec.Command(os.Args[0], "-test.run", "TestLAPACKElsewhere")
		cmd.Env = append(os.Environ(), lapackEnv+"="+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestLAPACKThreadsOfOpenBLAS: its own variable decides, and the name says so.
func TestLAPACKThreadsOfOpenBLAS(t *testing.T) {
	l := library(t)
	if os.Getenv(threadsEnv) == "2" {
		if l.Threads() != 2 || strings.HasPrefix(l.Name(), "OpenBLAS") && !strings.Contains(l.Name(), "2 threads") {
			t.Errorf("%s: %d threads a call", l.Name(), l.Threads())
		}
		return
	}
	if os.Getenv(threadsEnv) == "" && l.Threads() != 1 {
		t.Errorf("%d threads a call", l.Threads())
	}
	cmd := exec.Command(os.Args[0], "-test.run", "TestLAPACKThreadsOfOpenBLAS|TestLAPACKSVD")
	cmd.Env = append(os.Environ(), threadsEnv+"=2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLAPACKKernels: OpenBLAS that does not know the processor still uses its vectors.
func TestLAPACKKernels(t *testing.T) {
	l := library(t)
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || !strings.Contains(string(text), " avx2 ") || !strings.HasPrefix(l.Name(), "OpenBLAS") {
		t.Skip("not OpenBLAS on a processor with AVX2")
	}
	for _, old := range []string{"Prescott", "Nehalem", "Core2", "Penryn"} {
		if os.Getenv("OPENBLAS_CORETYPE") == "" && strings.Contains(l.Name(), old) {
			t.Errorf("%s on a processor with AVX2", l.Name())
		}
	}
	t.Log(l.Name())
}

func near(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			t.Fatalf("%s: value %d is %v, want %v within %v", what, i, got[i], want[i], tol)
		}
	}
}

func identity(n int) []float64 {
	x := make([]float64, n*n)
	for i := range n {
		x[i*n+i] = 1
	}
	return x
}

func transposed(x []float64, rows, cols int) []float64 {
	y := make([]float64, len(x))
	for i := range rows {
		for j := range cols {
			y[j*rows+i] = x[i*cols+j]
		}
	}
	return y
}
