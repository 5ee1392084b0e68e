package spectra

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/gonum"
)

// schur is a real Schur form H = Z T Z' of a small matrix: Z orthogonal, T upper
// triangular but for a 2 x 2 block on the diagonal for each complex pair.
type schur struct {
	n    int
	t, z []float64 // (n, n)
}

// schurSolver is a Solver that has its own.
type schurSolver interface {
	Schur(a []float64, n int) (t, z []float64, err error)
}

// newSchur decomposes h (n, n), which it overwrites.
func newSchur(solver Solver, h []float64, n int) (*schur, error) {
	if own, ok := solver.(schurSolver); ok {
		t, z, err := own.Schur(h, n)
		return &schur{n, t, z}, err
	}
	return gonumSchur(h, n)
}

// gonumSchur reduces to Hessenberg form first, as LAPACK's dgees does.
func gonumSchur(h []float64, n int) (*schur, error) {
	var impl gonum.Implementation
	s := &schur{n: n, t: h, z: make([]float64, n*n)}
	tau, query := make([]float64, max(n-1, 0)), make([]float64, 1)
	size := 0
	for _, ask := range []func(){
		func() { impl.Dgehrd(n, 0, n-1, h, n, tau, query, -1) },
		func() { impl.Dorghr(n, 0, n-1, s.z, n, tau, query, -1) },
		func() {
			impl.Dhseqr(lapack.EigenvaluesAndSchur, lapack.SchurOrig, n, 0, n-1, h, n, s.z[:n], s.z[:n], s.z, n, query, -1)
		},
	} {
		ask()
		size = max(size, int(query[0]))
	}
	work := make([]float64, size)
	impl.Dgehrd(n, 0, n-1, h, n, tau, work, size)
	copy(s.z, h)
	impl.Dorghr(n, 0, n-1, s.z, n, tau, work, size)
	for i := 2; i < n; i++ {
		clear(h[i*n : i*n+i-1]) // the reflectors
	}
	re, im := make([]float64, n), make([]float64, n)
	if left := impl.Dhseqr(lapack.EigenvaluesAndSchur, lapack.SchurOrig, n, 0, n-1, h, n, re, im, s.z, n, work, size); left > 0 {
		return nil, fmt.Errorf("the Schur form of (%d, %d): %d eigenvalues did not converge", n, n, left)
	}
	return s, nil
}

// size of the diagonal block that starts at row i: 2 for a complex pair.
func (s *schur) size(i int) int {
	if i+1 < s.n && s.t[(i+1)*s.n+i] != 0 {
		return 2
	}
	return 1
}

// value is the eigenvalue of the block at row i, of a pair the one above the axis.
func (s *schur) value(i int) complex128 {
	a := s.t[i*s.n+i]
	if s.size(i) == 1 {
		return complex(a, 0)
	}
	b, c := s.t[i*s.n+i+1], s.t[(i+1)*s.n+i]
	return complex(a, math.Sqrt(math.Abs(b))*math.Sqrt(math.Abs(c))) // standard form: equal diagonal, b c < 0
}

// sort brings the blocks of the largest moduli to the first rows, from the largest,
// until n rows are in order; it returns how many, n+1 where a pair straddles the end.
func (s *schur) sort(n int) int {
	var impl gonum.Implementation
	work := make([]float64, s.n)
	at := 0
	for at < n {
		best := at
		for i := at; i < s.n; i += s.size(i) {
			if modulus(s.value(i)) > modulus(s.value(best)) {
				best = i
			}
		}
		if best > at { // a swap of blocks too close to tell apart may fail, and need not be made
			impl.Dtrexc(lapack.UpdateSchur, s.n, s.t, s.n, s.z, s.n, best, at, work)
		}
		at += s.size(at)
	}
	return at
}

func modulus(v complex128) float64 { return math.Hypot(real(v), imag(v)) }
