package spectra

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
		var four [4]float64
		dots4(&four, v, rows[i], rows[i], rows[i], rows[i])
		s[i] = four[0]
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

func subtract1(row []float64, s float64, v []float64) {
	row = row[:len(v)]
	for k, x := range v {
		row[k] -= s * x
	}
}

// dots4Plain sums eight chains each, as the vector form does.
func dots4Plain(s *[4]float64, v, a, b, c, d []float64) {
	for i, row := range [4][]float64{a, b, c, d} {
		row = row[:len(v)]
		var sums [8]float64
		k := 0
		for ; k+8 <= len(v); k += 8 {
			x, y := (*[8]float64)(v[k:]), (*[8]float64)(row[k:])
			for l := range sums {
				sums[l] += x[l] * y[l]
			}
		}
		rest := 0.0
		for ; k < len(v); k++ {
			rest += v[k] * row[k]
		}
		s[i] = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest
	}
}

func subtract4Plain(a, b, c, d []float64, s *[4]float64, v []float64) {
	subtract1(a, s[0], v)
	subtract1(b, s[1], v)
	subtract1(c, s[2], v)
	subtract1(d, s[3], v)
}

// widenRows is x (rows, n) in float64, a slice for each row.
func widenRows(x []float32, rows, n int) [][]float64 {
	list, memory := newRows(rows, n)
	for i, v := range x {
		memory[i] = float64(v)
	}
	return list
}

// widenColumns is xᵀ (cols, n) in float64 of x (n, cols), a slice for each row.
func widenColumns(x []float32, n, cols int) [][]float64 {
	list, _ := newRows(cols, n)
	for i := range n {
		for j, v := range x[i*cols : (i+1)*cols] {
			list[j][i] = float64(v)
		}
	}
	return list
}

// newRows is a matrix (rows, n) of zeros, as its rows and as one slice.
func newRows(rows, n int) ([][]float64, []float64) {
	memory := make([]float64, rows*n)
	list := make([][]float64, rows)
	for i := range list {
		list[i] = memory[i*n : (i+1)*n : (i+1)*n]
	}
	return list, memory
}
