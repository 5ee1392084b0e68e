// Package native multiplies float32 activations with weights as they lie in a
// file, a few rows of the weight at a time, with what the processor and the
// machine's libraries have for it. It has two ways:
//
//	amx             bfloat16 parts on the tile registers of Intel AMX (amx.c), three times the speed of float32
//	avx512, avx2    oneDNN's float32 product, loaded at run time (onednn.c)
//
// Both are exact to float32 or better. The sums of one output go over its
// columns in an order that depends on the shape of the weight and the number of
// rows of the one text alone: a text's result is the same to the bit beside any
// other, and on any number of threads. Nothing here starts a thread; a Block
// belongs to one goroutine, and blocks of several work side by side.
//
// DNNL_MAX_CPU_ISA, oneDNN's own variable, caps what is used, AMX included.
//
// Beside them stands LAPACK (lapack.go), which decomposes whole float64 matrices
// with the machine's own library, OpenBLAS for one.
package native

/*
#cgo CFLAGS: -O2
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "amx.h"
#include "onednn.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/layerclust/layerclust/internal/isacap"
)

// Kernel is a way to multiply.
type Kernel struct {
	Mode    string // amx, avx512 or avx2
	Library string // as "oneDNN 2.6.3"; "" where none is used
}

// ErrNone says why there is no kernel, and what to do about it.
type ErrNone struct {
	Reason  string
	Install bool // whether the library would help
}

func (e ErrNone) Error() string {
	if !e.Install {
		return e.Reason
	}
	return e.Reason + "; oneDNN makes this several times faster: apt install libdnnl2, dnf install onednn, brew install onednn or conda install onednn"
}

var opened = sync.OnceValues(open)

// Open finds the fastest kernel of this machine, once.
func Open() (*Kernel, error) { return opened() }

func open() (*Kernel, error) {
	if isacap.AMX() && C.lc_amx_open() != 0 {
		return &Kernel{Mode: "amx"}, nil
	}
	return openLibrary()
}

// openLibrary finds oneDNN.
func openLibrary() (*Kernel, error) {
	reason := "the oneDNN library is not on this machine"
	for _, name := range libraryNames() {
		var info C.lc_onednn_info
		file := C.CString(name)
		missing := C.lc_onednn_open(file, &info) != 0
		C.free(unsafe.Pointer(file))
		if missing {
			continue
		}
		k := &Kernel{Library: fmt.Sprintf("oneDNN %d.%d.%d", info.major, info.minor, info.patch)}
		const sequential, openMP = 1, 2
		switch {
		case info.runtime != sequential && info.runtime != openMP:
			reason = name + " is built for neither OpenMP nor one thread"
		case info.isa&0x20 != 0:
			k.Mode = "avx512"
			return k, nil
		case info.isa&0x07 == 0x07:
			k.Mode = "avx2"
			return k, nil
		default:
			return nil, ErrNone{Reason: "this processor has no AVX2, or may not use it"}
		}
	}
	return nil, ErrNone{reason, true}
}

// libraryNames are oneDNN's file names, the version that is known best first.
func libraryNames() []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"libdnnl.3.dylib", "libdnnl.2.dylib", "/opt/homebrew/lib/libdnnl.dylib", "/usr/local/lib/libdnnl.dylib"}
	case "windows":
		return nil
	}
	return []string{"libdnnl.so.3", "libdnnl.so.2"}
}

// Name names the kernel for people and for run.json.
func (k *Kernel) Name() string {
	if k.Library == "" {
		return k.Mode
	}
	return k.Mode + ", " + k.Library
}

// amx says whether operands are packed as tiles.
func (k *Kernel) amx() bool { return k.Mode == "amx" }
