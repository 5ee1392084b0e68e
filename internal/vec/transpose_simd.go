//go:build goexperiment.simd && amd64

package vec

import "simd/archsimd"

// transposeAVX2 takes squares of 8 by 8; what they leave is done one by one.
func transposeAVX2(dst []float32, dstStep int, a matrix, scale float32) {
	s := archsimd.BroadcastFloat32x8(scale)
	rows, cols := a.rows&^7, a.cols&^7
	for n := range rows / 8 * cols / 8 {
		// Along the rows that are farther apart, lest they evict each other.
		i, j := n/(cols/8)*8, n%(cols/8)*8
		if dstStep > a.rowStep {
			i, j = n%(rows/8)*8, n/(rows/8)*8
		}
		transposeSquare(dst[j*dstStep+i:], dstStep, a.data[i*a.rowStep+j:], a.rowStep, s)
	}
	for i := range a.rows {
		from := cols
		if i >= rows {
			from = 0
		}
		for j := from; j < a.cols; j++ {
			dst[j*dstStep+i] = a.data[i*a.rowStep+j] * scale
		}
	}
}

func transposeSquare(dst []float32, dstStep int, src []float32, srcStep int, scale archsimd.Float32x8) {
	row := func(i int) archsimd.Float32x8 { return archsimd.LoadFloat32x8(src[i*srcStep:]).Mul(scale) }
	a0, a1, a2, a3 := transposeQuads(row(0), row(1), row(2), row(3))
	b0, b1, b2, b3 := transposeQuads(row(4), row(5), row(6), row(7))
	a0.ConcatPermute128Scalars(0, 2, b0).Store(dst)
	a1.ConcatPermute128Scalars(0, 2, b1).Store(dst[dstStep:])
	a2.ConcatPermute128Scalars(0, 2, b2).Store(dst[2*dstStep:])
	a3.ConcatPermute128Scalars(0, 2, b3).Store(dst[3*dstStep:])
	a0.ConcatPermute128Scalars(1, 3, b0).Store(dst[4*dstStep:])
	a1.ConcatPermute128Scalars(1, 3, b1).Store(dst[5*dstStep:])
	a2.ConcatPermute128Scalars(1, 3, b2).Store(dst[6*dstStep:])
	a3.ConcatPermute128Scalars(1, 3, b3).Store(dst[7*dstStep:])
	archsimd.ClearAVXUpperBits() // the caller reloads scale after each call, by an SSE instruction
}

// transposeQuads transposes the left and the right 4 by 4 of four rows.
func transposeQuads(a, b, c, d archsimd.Float32x8) (w, x, y, z archsimd.Float32x8) {
	ab, cd := a.ConcatPermuteScalarsGrouped(0, 1, 4, 5, b), c.ConcatPermuteScalarsGrouped(0, 1, 4, 5, d)
	w, x = ab.ConcatPermuteScalarsGrouped(0, 2, 4, 6, cd), ab.ConcatPermuteScalarsGrouped(1, 3, 5, 7, cd)
	ab, cd = a.ConcatPermuteScalarsGrouped(2, 3, 6, 7, b), c.ConcatPermuteScalarsGrouped(2, 3, 6, 7, d)
	y, z = ab.ConcatPermuteScalarsGrouped(0, 2, 4, 6, cd), ab.ConcatPermuteScalarsGrouped(1, 3, 5, 7, cd)
	return w, x, y, z
}
