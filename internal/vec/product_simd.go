//go:build goexperiment.simd && amd64

package vec

// The tiles add A B to some rows and columns of C, the number of rows in their
// names, n columns of A: 64 columns of C and B with AVX-512, 16 with AVX2. All
// steps are in values; a row of B is always 64 values long.

//go:noescape
func tile4AVX512(c, a, b *float32, cStep, rowStep, colStep, n int)

//go:noescape
func tile6AVX2(c, a, b *float32, cStep, rowStep, colStep, n int)

//go:noescape
func tile2AVX2(c, a, b *float32, cStep, rowStep, colStep, n int)

func productAVX512(c []float32, a matrix, b []float32) {
	checkProduct(c, a, b)
	i := 0
	for ; i <= a.rows-4; i += 4 {
		tile4AVX512(&c[i*lanes], &a.data[i*a.rowStep], &b[0], lanes, a.rowStep, a.colStep, a.cols)
	}
	// A row left over is computed four times in one place, the steps being 0.
	for ; i < a.rows; i++ {
		tile4AVX512(&c[i*lanes], &a.data[i*a.rowStep], &b[0], 0, 0, a.colStep, a.cols)
	}
}

func productAVX2(c []float32, a matrix, b []float32) {
	checkProduct(c, a, b)
	for j := 0; j < lanes; j += 16 {
		i := 0
		for ; i <= a.rows-6; i += 6 {
			tile6AVX2(&c[i*lanes+j], &a.data[i*a.rowStep], &b[j], lanes, a.rowStep, a.colStep, a.cols)
		}
		for ; i <= a.rows-2; i += 2 {
			tile2AVX2(&c[i*lanes+j], &a.data[i*a.rowStep], &b[j], lanes, a.rowStep, a.colStep, a.cols)
		}
		if i < a.rows {
			tile2AVX2(&c[i*lanes+j], &a.data[i*a.rowStep], &b[j], 0, 0, a.colStep, a.cols)
		}
	}
}

// checkProduct panics where the tiles would leave their slices.
func checkProduct(c []float32, a matrix, b []float32) {
	if a.rows < 1 || a.cols < 1 || a.rowStep < 0 || a.colStep < 0 {
		panic("vec: product of an empty matrix")
	}
	_ = c[a.rows*lanes-1]
	_ = b[a.cols*lanes-1]
	_ = a.data[(a.rows-1)*a.rowStep+(a.cols-1)*a.colStep]
}
