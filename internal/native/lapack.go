package native

/*
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "lapack.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// LAPACK decomposes dense float64 matrices, row-major, with the machine's own
// LAPACK: OpenBLAS where there is one. Its methods may be called concurrently;
// each overwrites its argument.
//
// LAPACK's matrices lie by columns, so that it sees the transpose: whose
// eigenvalues and singular values are the same, and whose left singular vectors
// are the right ones.
type LAPACK struct {
	lib     C.lc_lapack
	name    string
	threads int
}

const (
	threadsEnv = "OPENBLAS_NUM_THREADS" // OpenBLAS's own: how many threads a call uses; 1 where it is not set
	lapackEnv  = "LAYERCLUST_LAPACK"    // names the library's file, and no other is tried
	lapackHelp = "OpenBLAS is several times faster at this: apt install libopenblas0, dnf install openblas, brew install openblas or conda install openblas; " + lapackEnv + " names the file of one elsewhere"
)

var lapack = sync.OnceValues(openLAPACK)

// OpenLAPACK finds the machine's LAPACK, once.
func OpenLAPACK() (*LAPACK, error) { return lapack() }

func openLAPACK() (*LAPACK, error) {
	if name := os.Getenv(lapackEnv); name != "" {
		l, err := loadLAPACK(name)
		if err != nil {
			return nil, fmt.Errorf("%s=%s: %w", lapackEnv, name, err)
		}
		return l, nil
	}
	for _, name := range lapackNames() {
		if l, err := loadLAPACK(name); err == nil {
			return l, nil
		}
	}
	return nil, errors.New("there is no LAPACK library on this machine; " + lapackHelp)
}

// lapackNames are the files to try, the fastest first.
func lapackNames() []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"/opt/homebrew/opt/openblas/lib/libopenblas.dylib", "/usr/local/opt/openblas/lib/libopenblas.dylib",
			"libopenblas.dylib", "/System/Library/Frameworks/Accelerate.framework/Accelerate"}
	case "windows":
		return nil
	}
	return []string{"libopenblas.so.0", "libopenblas.so", "libopenblas64.so.0", "liblapack.so.3"}
}

// loadLAPACK loads one library, to work on one thread a call unless told otherwise:
// several matrices side by side are faster than several threads on one, do not
// depend on how many there are, and do not wait for each other (docs/SPECTRA.md).
func loadLAPACK(file string) (*LAPACK, error) {
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	l := &LAPACK{}
	switch C.lc_lapack_open(name, &l.lib) {
	case 0:
	case 1:
		return nil, errors.New("the library cannot be loaded")
	default:
		return nil, errors.New("the library has no dgeev, dgesdd, dgees and dgemm")
	}
	l.name = l.describe(file)
	threads, _ := strconv.Atoi(os.Getenv(threadsEnv))
	l.SetThreads(threads)
	return l, nil
}

// describe is the library's own word on what it is: "OpenBLAS 0.3.21 (SkylakeX)".
func (l *LAPACK) describe(file string) string {
	if l.lib.config == nil {
		v := l.lib.version
		return fmt.Sprintf("LAPACK %d.%d.%d (%s)", v[0], v[1], v[2], filepath.Base(file))
	}
	words := strings.Fields(C.GoString(l.lib.config))
	name := strings.Join(words[:min(2, len(words))], " ")
	if l.lib.core != nil {
		name += " (" + C.GoString(l.lib.core) + ")"
	}
	return name
}

// Name is the library, its version and its kernels, as "OpenBLAS 0.3.21 (SkylakeX)",
// and how many threads a call uses where that is not one.
func (l *LAPACK) Name() string {
	if l.threads == 1 || l.lib.set_threads == nil {
		return l.name
	}
	return fmt.Sprintf("%s, %d threads a call", l.name, l.threads)
}

// SetThreads lets each call use n threads, where the library is OpenBLAS, from
// the next call on. It is not for use while others are calling. The last digits
// of a result depend on n.
func (l *LAPACK) SetThreads(n int) {
	l.threads = max(n, 1)
	C.lc_lapack_threads(&l.lib, C.int(l.threads))
}

// Threads is how many threads a call may use.
func (l *LAPACK) Threads() int { return l.threads }

// Eigenvalues of a (n, n), a complex pair side by side.
func (l *LAPACK) Eigenvalues(a []float64, n int) ([]complex128, error) {
	if err := l.check("dgeev", a, n, n); err != nil || n == 0 {
		return nil, err
	}
	re, im := make([]float64, n), make([]float64, n)
	info := C.lc_lapack_eigenvalues(&l.lib, C.int(l.threads), address(a), C.int64_t(n), address(re), address(im))
	if info > 0 {
		return nil, fmt.Errorf("%s: dgeev of (%d, %d): %d of %d eigenvalues did not converge", l.name, n, n, info, n)
	}
	if err := l.failure("dgeev", info, n, n); err != nil {
		return nil, err
	}
	values := make([]complex128, n)
	for i := range values {
		values[i] = complex(re[i], im[i])
	}
	return values, nil
}

// Schur is a = z t z' with z orthogonal and t upper triangular but for a standard
// 2 x 2 block on the diagonal for each complex pair: (n, n) both.
func (l *LAPACK) Schur(a []float64, n int) (t, z []float64, err error) {
	if err := l.check("dgees", a, n, n); err != nil || n == 0 {
		return nil, nil, err
	}
	t, z = transpose(a, n), make([]float64, n*n) // by columns
	info := C.lc_lapack_schur(&l.lib, C.int(l.threads), address(t), C.int64_t(n), address(z))
	if err := l.failure("dgees", info, n, n); err != nil {
		return nil, nil, err
	}
	return transpose(t, n), transpose(z, n), nil
}

// SingularValues of a (m, n), from the largest.
func (l *LAPACK) SingularValues(a []float64, m, n int) ([]float64, error) {
	if err := l.check("dgesdd", a, m, n); err != nil || m == 0 || n == 0 {
		return nil, err
	}
	s := make([]float64, min(m, n))
	info := C.lc_lapack_svd(&l.lib, C.int(l.threads), address(a), C.int64_t(n), C.int64_t(m), address(s), nil, nil)
	return s, l.failure("dgesdd", info, m, n)
}

// SVD is a = u diag(s) vt with k = min(m, n): u (m, k), s (k), vt (k, n). It takes
// memory for six matrices of the size of a square a, that of a and the results among them.
func (l *LAPACK) SVD(a []float64, m, n int) (u, s, vt []float64, err error) {
	if err := l.check("dgesdd", a, m, n); err != nil || m == 0 || n == 0 {
		return nil, nil, nil, err
	}
	k := min(m, n)
	u, s, vt = make([]float64, m*k), make([]float64, k), make([]float64, k*n)
	info := C.lc_lapack_svd(&l.lib, C.int(l.threads), address(a), C.int64_t(n), C.int64_t(m), address(s), address(vt), address(u))
	if err := l.failure("dgesdd", info, m, n); err != nil {
		return nil, nil, nil, err
	}
	return u, s, vt, nil
}

// Multiply returns op(a) op(b) (m, n), op(a) (m, k), op(b) (k, n): op transposes
// where told, so that a is (k, m), b (n, k) as they lie.
func (l *LAPACK) Multiply(a []float64, transA bool, b []float64, transB bool, m, k, n int) []float64 {
	if len(a) != m*k || len(b) != k*n {
		panic(fmt.Sprintf("native: operands of %d and %d values for (%d, %d) times (%d, %d)", len(a), len(b), m, k, k, n))
	}
	c := make([]float64, m*n)
	if m == 0 || n == 0 || k == 0 {
		return c
	}
	lda, ldb := k, n
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	C.lc_lapack_multiply(&l.lib, C.int(l.threads), flag(transB), flag(transA), C.int64_t(n), C.int64_t(m), C.int64_t(k),
		address(b), C.int64_t(ldb), address(a), C.int64_t(lda), address(c))
	return c
}

// check refuses what LAPACK might not return from: values that are not finite.
func (l *LAPACK) check(routine string, a []float64, m, n int) error {
	if m < 0 || n < 0 || len(a) != m*n {
		panic(fmt.Sprintf("native: %d values for a matrix (%d, %d)", len(a), m, n))
	}
	for i, v := range a {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s of (%d, %d): the value at row %d, column %d is %v", routine, m, n, i/n, i%n, v)
		}
	}
	return nil
}

// failure puts LAPACK's info, or a code of lapack.h, into words.
func (l *LAPACK) failure(routine string, info C.int, m, n int) error {
	var reason string
	switch {
	case info == 0:
		return nil
	case info == C.LC_LAPACK_MEMORY:
		reason = "no memory for its workspace"
	case info == C.LC_LAPACK_TOO_LARGE:
		reason = "its workspace has more values than 32-bit integers count"
	case info < 0:
		reason = fmt.Sprintf("argument %d refused", -info)
	default:
		reason = fmt.Sprintf("no convergence (info = %d)", info)
	}
	return fmt.Errorf("%s: %s of (%d, %d): %s", l.name, routine, m, n, reason)
}

// transpose of x (n, n).
func transpose(x []float64, n int) []float64 {
	y := make([]float64, len(x))
	for i := range n {
		for j := range n {
			y[j*n+i] = x[i*n+j]
		}
	}
	return y
}

func address(x []float64) *C.double { return (*C.double)(unsafe.Pointer(unsafe.SliceData(x))) }
