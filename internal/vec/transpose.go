package vec

// transposePlain writes the transpose of a, times scale, to dst: a (a.rows,
// a.cols) with a.colStep 1, dst (a.cols, a.rows) with rows dstStep values apart.
func transposePlain(dst []float32, dstStep int, a matrix, scale float32) {
	for i := range a.rows {
		for j, x := range a.data[i*a.rowStep:][:a.cols] {
			dst[j*dstStep+i] = x * scale
		}
	}
}
