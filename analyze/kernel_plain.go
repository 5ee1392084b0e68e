//go:build !(goexperiment.simd && amd64)

package analyze

func addTile(sums *tileSums, a, b []chunk) { addTilePlain(sums, a, b) }

func widen(panel []chunk, rows *[tileRows][]float32) { widenPlain(panel, rows) }

func updateRow(a, u, q, v, y []float64, ui, qi, vi float64) float64 {
	return updateRowPlain(a, u, q, v, y, ui, qi, vi)
}

func sizeOf(x []float32) (peak uint32, square float64) { return sizeOfPlain(x) }

func distance(a, b []float32) (moved, norm float64) { return distancePlain(a, b) }
