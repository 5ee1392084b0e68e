//go:build goexperiment.simd && amd64

package vec

// tileAVX512 adds A B to a tile of C of 4 rows and 64 columns. A row of C and of B
// is 64 values; those of A are rowStep and colStep values apart; n columns of A.
//
//go:noescape
func tileAVX512(c, a, b *float32, cStep, rowStep, colStep, n int)

// tileAVX2 is tileAVX512 for 16 columns of C and B.
//
//go:noescape
func tileAVX2(c, a, b *float32, cStep, rowStep, colStep, n int)

func productAVX512(c []float32, a matrix, b []float32) {
	checkProduct(c, a, b)
	i := 0
	for ; i <= a.rows-4; i += 4 {
		tileAVX512(&c[i*lanes], &a.data[i*a.rowStep], &b[0], lanes, a.rowStep, a.colStep, a.cols)
	}
	// A tile with steps of 0 computes one row four times.
	for ; i < a.rows; i++ {
		tileAVX512(&c[i*lanes], &a.data[i*a.rowStep], &b[0], 0, 0, a.colStep, a.cols)
	}
}

func productAVX2(c []float32, a matrix, b []float32) {
	checkProduct(c, a, b)
	for j := 0; j < lanes; j += 16 {
		i := 0
		for ; i <= a.rows-4; i += 4 {
			tileAVX2(&c[i*lanes+j], &a.data[i*a.rowStep], &b[j], lanes, a.rowStep, a.colStep, a.cols)
		}
		for ; i < a.rows; i++ {
			tileAVX2(&c[i*lanes+j], &a.data[i*a.rowStep], &b[j], 0, 0, a.colStep, a.cols)
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
