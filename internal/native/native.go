// Package native multiplies float32 activations with weights as they lie in a
// file, a few rows of the weight at a time, with what the processor has for it:
//
//	amx             bfloat16 parts on the tile registers of Intel AMX (amx.c), three times the speed of float32
//	avx512, avx2    float32 arithmetic (fma.c)
//
// Both are exact to float32 or better. The sums of one output go over its
// columns in one order: a text's result is the same to the bit beside any other,
// and on any number of threads. Nothing here starts a thread; a Block belongs to
// one goroutine, and blocks of several work side by side.
//
// DNNL_MAX_CPU_ISA, which oneDNN knows, caps what is used (internal/isacap).
//
// Beside them stands LAPACK (lapack.go), which decomposes whole float64 matrices
// with the machine's own library, OpenBLAS for one.
package native

/*
#cgo CFLAGS: -O2
#include "amx.h"
#include "fma.h"
*/
import "C"

import (
	"errors"
	"sync"

	"github.com/layerclust/layerclust/internal/isacap"
)

// Kernel is a way to multiply.
type Kernel struct {
	Mode string // amx, avx512 or avx2
	bits C.int  // vector length without AMX
}

// ErrNone says why there is no kernel.
var ErrNone = errors.New("this processor has no AVX2, or may not use it")

var opened = sync.OnceValues(open)

// Open finds the fastest kernel of this machine, once.
func Open() (*Kernel, error) { return opened() }

func open() (*Kernel, error) {
	if isacap.AMX() && C.lc_amx_open() != 0 {
		return &Kernel{Mode: "amx"}, nil
	}
	return openFloats()
}

// openFloats is the way without AMX.
func openFloats() (*Kernel, error) {
	switch bits := min(int(C.lc_fma_bits()), isacap.Bits()); bits {
	case 512:
		return &Kernel{Mode: "avx512", bits: 512}, nil
	case 256:
		return &Kernel{Mode: "avx2", bits: 256}, nil
	}
	return nil, ErrNone
}

// amx says whether operands are packed as tiles.
func (k *Kernel) amx() bool { return k.Mode == "amx" }
