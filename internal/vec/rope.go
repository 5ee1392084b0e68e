package vec

// Rope turns the pairs (i, i+headDim/2) of each head by the angles of its row:
// x (rows, stride), where heads of headDim values begin at column 0, and cos, sin
// (rows, headDim/2).
func Rope(x []float32, rows, stride, heads, headDim int, cos, sin []float32) {
	half := headDim / 2
	if heads*headDim > stride || headDim%2 != 0 {
		panic("vec: Rope: heads that do not fit the rows, or an odd number of values a head")
	}
	for r := range rows {
		c, s := cos[r*half:(r+1)*half], sin[r*half:(r+1)*half]
		row := x[r*stride : r*stride+heads*headDim]
		for h := 0; h < len(row); h += headDim {
			chosen.rotate(row[h:h+half], row[h+half:h+headDim], c, s)
		}
	}
}

// rotatePlain rounds each product by itself, as torch does and as the other ways
// do, whatever the processor could fuse.
func rotatePlain(a, b, cos, sin []float32) {
	for i := range a {
		u, v, c, s := a[i], b[i], cos[i], sin[i]
		a[i] = float32(u*c) - float32(v*s)
		b[i] = float32(v*c) + float32(u*s)
	}
}
