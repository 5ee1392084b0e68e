//go:build goexperiment.simd && amd64

package vec

// avx512 has sixteen lanes where arithmetic takes the time. The other loops wait for
// memory, which sixteen would not shorten.
var avx512 = way{
	name:       "avx512",
	addRows:    addRowsAVX2,
	mulRows:    mulRowsAVX2,
	scaleMul:   scaleMulAVX2,
	sumSquares: sumSquaresAVX2,
	rotate:     rotateAVX2,
	siluMul:    siluMulAVX512,
	roundBF16:  roundBF16AVX2,
	finite:     finiteAVX2,
	widenBF16:  widenBF16AVX2,
	widenFP16:  widenFP16AVX2,
	product:    productAVX512,
	softmax:    softmaxAVX512,
	sumExp:     sumExpAVX512,
	transpose:  transposeAVX2,
}
