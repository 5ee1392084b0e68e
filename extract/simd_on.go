//go:build goexperiment.simd

package extract

const simd = true
