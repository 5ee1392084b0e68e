package vec

// matrix is rows x cols numbers within data: (i, j) is at i*rowStep + j*colStep.
type matrix struct {
	data             []float32
	rows, cols       int
	rowStep, colStep int
}

// productPlain adds A B to C: c (a.rows, lanes), b (a.cols, lanes). Each element
// is summed along k in order, in all ways, whatever the tiles.
func productPlain(c []float32, a matrix, b []float32) {
	for i := range a.rows {
		row := (*[lanes]float32)(c[i*lanes:])
		for k := range a.cols {
			x := a.data[i*a.rowStep+k*a.colStep]
			for j, y := range (*[lanes]float32)(b[k*lanes:]) {
				row[j] += x * y
			}
		}
	}
}
