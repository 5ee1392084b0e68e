package particles

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// smallProduct is the number of multiplications below which a plain loop beats
// the blocked product.
const smallProduct = 1 << 13

// mulTransposed writes X M' to dst, (n, k), for X (n, d) and M (k, d).
func mulTransposed(dst, x, m []float64, n, d, k int) {
	if n*d*k >= smallProduct {
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, general(x, n, d), general(m, k, d), 0, general(dst, n, k))
		return
	}
	for i := range n {
		row := x[i*d : (i+1)*d]
		for j := range k {
			dst[i*k+j] = dot(row, m[j*d:(j+1)*d])
		}
	}
}

// addTransposed adds X M' to dst, (n, k), for X (n, d) and M (k, d).
func addTransposed(dst, x, m []float64, n, d, k int) {
	blas64.Gemm(blas.NoTrans, blas.Trans, 1, general(x, n, d), general(m, k, d), 1, general(dst, n, k))
}

func general(x []float64, rows, cols int) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: x}
}
