//go:build !(goexperiment.simd && amd64)

package analyze

func addTile(out []float64, stride int, a, b []float64) { addTilePlain(out, stride, a, b) }

func updateRow(a, u, q, v, y []float64, ui, qi, vi float64) float64 {
	return updateRowPlain(a, u, q, v, y, ui, qi, vi)
}
