package vec

import (
	"math"
	"testing"
)

// Rows and columns that leave something over in every tile, A and Aᵀ.
func TestProduct(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for rows := 1; rows <= 17; rows++ {
			for cols := 1; cols <= 9; cols++ {
				b, was := normal(2, cols*lanes, 1), normal(3, rows*lanes, 1)
				data := normal(1, rows*cols+20*(rows+cols), 1)
				for _, a := range []matrix{{data, rows, cols, cols + 3, 1}, {data, rows, cols, 1, rows + 2}} {
					got := append(append([]float32{}, was...), 77)
					chosen.product(got[:rows*lanes], a, b)
					checkedProduct(t, got, was, a, b)
				}
			}
		}
	})
}

func checkedProduct(t *testing.T, got, was []float32, a matrix, b []float32) {
	t.Helper()
	for i := range was {
		want, size := float64(was[i]), math.Abs(float64(was[i]))
		for k := range a.cols {
			x := float64(a.data[i/lanes*a.rowStep+k*a.colStep]) * float64(b[k*lanes+i%lanes])
			want, size = want+x, size+math.Abs(x)
		}
		// A product and a sum for each column, each rounded to 2⁻²⁴ of at most size.
		if math.Abs(float64(got[i])-want) > float64(2*a.cols)*0x1p-24*size {
			t.Fatalf("%d x %d, row %d, lane %d: %v, want %v", a.rows, a.cols, i/lanes, i%lanes, got[i], want)
		}
	}
	if got[len(was)] != 77 {
		t.Fatalf("%d x %d: written beyond the last row", a.rows, a.cols)
	}
}

func TestProductRefusesShortSlices(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("a matrix of 3 rows in the data of 2 did not panic")
			}
		}()
		chosen.product(make([]float32, 3*lanes), matrix{make([]float32, 10), 3, 5, 5, 1}, make([]float32, 5*lanes))
	})
}
