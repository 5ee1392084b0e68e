package vec

import "testing"

// The sums and products of single values are exact in IEEE 754, so every way must
// give the bits of Go's own operators.
func TestRows(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for d := 1; d <= 67; d++ {
			x, row := normal(uint64(d), 3*d, 1), normal(99, d, 1)
			sum, product := make([]float32, len(x)), make([]float32, len(x))
			for i := range x {
				sum[i], product[i] = x[i]+row[i%d], x[i]*row[i%d]
			}
			got := append([]float32{}, x...)
			AddRows(got, row)
			sameBits(t, "AddRows", got, sum)
			copy(got, x)
			MulRows(got, row)
			sameBits(t, "MulRows", got, product)
			copy(got, x)
			Add(got, row)
			sameBits(t, "Add", got, append(sum[:d:d], x[d:]...))
		}
	})
}

func TestRowsRefusesPartOfARow(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("AddRows of 7 values by 3 did not panic")
		}
	}()
	AddRows(make([]float32, 7), make([]float32, 3))
}

func TestRowsOfNothing(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		Add(nil, nil)
		AddRows(nil, nil)
		MulRows(nil, make([]float32, 3))
		RMSNorm(nil, nil, nil, 0, 1e-5)
		SiLUMul(nil, nil)
		RoundBF16(nil)
		Widen(nil, nil, true)
		Widen(nil, nil, false)
		if !Finite(nil) || SumSquares(nil) != 0 {
			t.Error("an empty slice is not finite, or has a sum")
		}
	})
}
