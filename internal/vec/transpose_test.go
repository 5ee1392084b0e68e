package vec

import "testing"

func TestTranspose(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for rows := 1; rows <= 18; rows++ {
			for cols := 1; cols <= 18; cols++ {
				for _, far := range []int{0, 40} { // which side is farther apart decides the order
					a := matrix{normal(1, (rows+far)*(cols+40-far), 1), rows, cols, cols + 40 - far, 1}
					step := rows + far
					got, want := make([]float32, cols*step), make([]float32, cols*step)
					for i := range rows {
						for j := range cols {
							want[j*step+i] = 3 * a.data[i*a.rowStep+j]
						}
					}
					chosen.transpose(got, step, a, 3)
					sameBits(t, "transpose", got, want)
				}
			}
		}
	})
}
