package vec

// matrix is rows x cols numbers within data: (i, j) is at i*rowStep + j*colStep.
type matrix struct {
	data             []float32
	rows, cols       int
	rowStep, colStep int
}

// productPlain adds A B to C: c (a.rows, lanes), b (a.cols, lanes). Each element
// is summed along k in order, in all ways, so tiles and their number change no bit.
func productPlain(c []float32, a matrix, b []float32) {
	for i := range a.rows {
		row := (*[lanes]float32)(c[i*lanes:])
		from, k := a.data[i*a.rowStep:], 0
		for ; k <= a.cols-4; k += 4 {
			x0, x1, x2, x3 := from[k*a.colStep], from[(k+1)*a.colStep], from[(k+2)*a.colStep], from[(k+3)*a.colStep]
			y := (*[4 * lanes]float32)(b[k*lanes:])
			for j, s := range row {
				s += x0 * y[j]
				s += x1 * y[j+lanes]
				s += x2 * y[j+2*lanes]
				row[j] = s + x3*y[j+3*lanes]
			}
		}
		for ; k < a.cols; k++ {
			for j, y := range b[k*lanes : (k+1)*lanes] {
				row[j] += from[k*a.colStep] * y
			}
		}
	}
}
