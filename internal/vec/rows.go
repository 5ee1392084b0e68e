package vec

// Add adds x to dst.
func Add(dst, x []float32) {
	chosen.addRows(dst[:len(x):len(x)], x)
}

// AddRows adds bias to each row of dst (rows, len(bias)).
func AddRows(dst, bias []float32) {
	checkRows("AddRows", len(dst), len(bias))
	chosen.addRows(dst, bias)
}

// MulRows multiplies each row of dst (rows, len(gain)) by gain.
func MulRows(dst, gain []float32) {
	checkRows("MulRows", len(dst), len(gain))
	chosen.mulRows(dst, gain)
}

func checkRows(name string, n, d int) {
	if n > 0 && (d <= 0 || n%d != 0) {
		panic("vec: " + name + ": not a whole number of rows")
	}
}

func addRowsPlain(dst, row []float32) {
	for ; len(dst) > 0; dst = dst[len(row):] {
		for i, v := range row {
			dst[i] += v
		}
	}
}

func mulRowsPlain(dst, row []float32) {
	for ; len(dst) > 0; dst = dst[len(row):] {
		for i, v := range row {
			dst[i] *= v
		}
	}
}
