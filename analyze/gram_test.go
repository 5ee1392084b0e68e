package analyze

import (
	"math"
	"slices"
	"testing"
)

// testPanels returns two panels of a tile.
func testPanels() (a, b []chunk) {
	a, b = make([]chunk, gramChunks), make([]chunk, gramChunks)
	for k := range a {
		for l := range a[k] {
			a[k][l], b[k][l] = math.Sin(float64(k*lanes+l)), math.Cos(float64(3*k-l))
		}
	}
	return a, b
}

func TestTileAgainstPlain(t *testing.T) {
	a, b := testPanels()
	var got, want tileSums
	for i := range got {
		got[i][i%lanes], want[i][i%lanes] = float64(i), float64(i)
	}
	addTile(&got, a, b)
	addTilePlain(&want, a, b)
	for i := range want {
		for l := range want[i] {
			// 64 terms of size 1, with and without a rounding of the product.
			if math.Abs(got[i][l]-want[i][l]) > 1e-13 {
				t.Errorf("product %d, lane %d is %v, want %v", i, l, got[i][l], want[i][l])
			}
		}
	}
}

func TestGramDoesNotDependOnThreads(t *testing.T) {
	const n, d = 3*gramRows - 5, gramColumns + 21
	x := randomState(2, n, d)
	want := make([]float64, n*n)
	gram(want, x, n, d, 1)
	for _, threads := range []int{2, 5} {
		got := make([]float64, n*n)
		if gram(got, x, n, d, threads); !slices.Equal(got, want) {
			t.Errorf("%d threads give other products than one", threads)
		}
	}
}
