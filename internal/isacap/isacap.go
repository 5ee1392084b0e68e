// Package isacap says which instruction sets the environment allows. The
// variables are oneDNN's own, so that one setting makes the whole program compute
// as on a lesser processor.
package isacap

import (
	"os"
	"strings"
)

// Bits is the greatest vector length that is allowed: 128, 256 or 512.
func Bits() int { return bits(limit(os.Getenv)) }

// AMX says whether tiles are allowed.
func AMX() bool { return amx(limit(os.Getenv)) }

// limit is the value that is set, in capitals; oneDNN 3 looks at its new name
// first.
func limit(getenv func(string) string) string {
	isa := getenv("ONEDNN_MAX_CPU_ISA")
	if isa == "" {
		isa = getenv("DNNL_MAX_CPU_ISA")
	}
	return strings.ToUpper(isa)
}

func bits(isa string) int {
	switch {
	case isa == "SSE41" || isa == "AVX":
		return 128
	case strings.HasPrefix(isa, "AVX2"):
		return 256
	}
	return 512
}

func amx(isa string) bool {
	return isa == "" || isa == "ALL" || isa == "DEFAULT" || strings.Contains(isa, "AMX")
}
