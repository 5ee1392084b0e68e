//go:build goexperiment.simd && amd64

package vec

import "simd/archsimd"

// best returns the fastest way that this processor has within that many bits.
func best(bits int) *way {
	switch {
	case bits >= 512 && archsimd.X86.AVX512() && archsimd.X86.FMA():
		return &avx512
	case bits >= 256 && archsimd.X86.AVX2() && archsimd.X86.FMA():
		return &avx2
	}
	return &plain
}
