package spectra

import "gonum.org/v1/gonum/floats"

// Three loops over long rows take nearly all the time of a low-rank
// decomposition: dot, subtract and widen. These are their plain forms; where the
// processor has vectors, kernel_simd.go has others.

// dotPlain is the inner product of x and y (n).
func dotPlain(x, y []float64) float64 { return floats.Dot(x, y[:len(x)]) }

// subtractPlain takes s v (n) from row (n).
func subtractPlain(row []float64, s float64, v []float64) { floats.AddScaled(row[:len(v)], -s, v) }

// widenPlain writes x (n) to dst in float64.
func widenPlain(dst []float64, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = float64(v)
	}
}

// dots sets s[i] to the inner product of v (n) and rows[i] (n).
func dots(s, v []float64, rows [][]float64) {
	for i, row := range rows {
		s[i] = dot(v, row)
	}
}

// widenColumns writes xᵀ (cols, n) in float64 of x (n, cols) to rows, some of
// its rows at a time so that a cache holds what is read again for every column.
func widenColumns(rows [][]float64, x []float32) {
	const together = 512
	cols := len(rows)
	for first := 0; first*cols < len(x); first += together {
		part := x[first*cols : min((first+together)*cols, len(x))]
		for j, row := range rows {
			row = row[first : first+len(part)/cols]
			at := j
			for i := range row {
				row[i] = float64(part[at])
				at += cols
			}
		}
	}
}

// newRows is a matrix (rows, n) of zeros, as its rows and as one slice.
func newRows(rows, n int) ([][]float64, []float64) {
	memory := make([]float64, rows*n)
	return cut(memory, rows, n), memory
}

// cut is the rows of a matrix (rows, n).
func cut(memory []float64, rows, n int) [][]float64 {
	list := make([][]float64, rows)
	for i := range list {
		list[i] = memory[i*n : (i+1)*n : (i+1)*n]
	}
	return list
}
