package analyze

// gramColumns is the width of the float64 panel that gram works on: 16 rows of
// it fit the first-level cache, a few hundred rows the second.
const gramColumns = 256

// tileRows is the side of the square of inner products taken at once: each
// value loaded serves tileRows products.
const tileRows = 4

// gram returns X X' (T, T) of the state x (T, D). It goes over X in panels of
// columns converted to float64; rows are padded with zeros to whole tiles, so
// that every inner product is summed in the same order and equal rows give
// equal products.
func gram(x []float32, t, d int) []float64 {
	rows := (t + tileRows - 1) / tileRows * tileRows
	out := make([]float64, rows*rows)          // (rows, rows), upper triangle of tiles
	panel := make([]float64, rows*gramColumns) // (rows, gramColumns)
	for k := 0; k < d; k += gramColumns {
		fillPanel(panel, x, t, d, k)
		for i := 0; i < rows; i += tileRows {
			for j := i; j < rows; j += tileRows {
				addTile(out[i*rows+j:], rows, panel[i*gramColumns:], panel[j*gramColumns:])
			}
		}
	}
	g := make([]float64, t*t) // (T, T)
	for i := range t {
		for j := i; j < t; j++ {
			g[i*t+j], g[j*t+i] = out[i*rows+j], out[i*rows+j]
		}
	}
	return g
}

// fillPanel writes the columns k to k+gramColumns of x (T, D) to panel
// (rows, gramColumns), zeros where x has none.
func fillPanel(panel []float64, x []float32, t, d, k int) {
	width := min(gramColumns, d-k)
	for i := range t {
		dst := panel[i*gramColumns : (i+1)*gramColumns]
		for j, v := range x[i*d+k : i*d+k+width] {
			dst[j] = float64(v)
		}
		clear(dst[width:])
	}
}

// addTilePlain adds to out, a (tileRows, tileRows) block of a matrix with the
// given stride, the inner products of the first tileRows rows of a and of b,
// each row gramColumns long. It is the portable form of addTile and its oracle.
func addTilePlain(out []float64, stride int, a, b []float64) {
	for i := range tileRows {
		u := a[i*gramColumns : (i+1)*gramColumns]
		for j := range tileRows {
			out[i*stride+j] += dotPlain(u, b[j*gramColumns:(j+1)*gramColumns])
		}
	}
}

// dotPlain returns the inner product of u and v in four partial sums, which
// lets the processor overlap the additions.
func dotPlain(u, v []float64) float64 {
	var s0, s1, s2, s3 float64
	n := len(u) &^ 3
	v = v[:len(u)]
	for k := 0; k < n; k += 4 {
		s0 += u[k] * v[k]
		s1 += u[k+1] * v[k+1]
		s2 += u[k+2] * v[k+2]
		s3 += u[k+3] * v[k+3]
	}
	for k := n; k < len(u); k++ {
		s0 += u[k] * v[k]
	}
	return (s0 + s1) + (s2 + s3)
}
