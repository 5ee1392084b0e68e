package spectra

import "gonum.org/v1/gonum/floats"

// Two loops take nearly all the time of a low-rank decomposition: inner products
// of one long row with others, and the subtraction of its multiples from them.
// Both are in the form of four rows at a time, so that a value of the one row is
// loaded once for four products.

// dots sets s[i] to the inner product of v (n) and rows[i] (n).
func dots(s []float64, v []float64, rows [][]float64) {
	i := 0
	for ; i+4 <= len(rows); i += 4 {
		dots4((*[4]float64)(s[i:]), v, rows[i], rows[i+1], rows[i+2], rows[i+3])
	}
	for ; i < len(rows); i++ {
		s[i] = dot(v, rows[i])
	}
}

// subtract takes s[i] v (n) from rows[i] (n).
func subtract(rows [][]float64, s []float64, v []float64) {
	i := 0
	for ; i+4 <= len(rows); i += 4 {
		subtract4(rows[i], rows[i+1], rows[i+2], rows[i+3], (*[4]float64)(s[i:]), v)
	}
	for ; i < len(rows); i++ {
		subtract1(rows[i], s[i], v)
	}
}

func subtractPlain(row []float64, s float64, v []float64) { floats.AddScaled(row[:len(v)], -s, v) }

func dots4Plain(s *[4]float64, v, a, b, c, d []float64) {
	for i, row := range [4][]float64{a, b, c, d} {
		s[i] = floats.Dot(v, row[:len(v)])
	}
}

func subtract4Plain(a, b, c, d []float64, s *[4]float64, v []float64) {
	subtractPlain(a, s[0], v)
	subtractPlain(b, s[1], v)
	subtractPlain(c, s[2], v)
	subtractPlain(d, s[3], v)
}

func widenPlain(dst []float64, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = float64(v)
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
