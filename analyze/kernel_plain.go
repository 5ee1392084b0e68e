//go:build !(goexperiment.simd && amd64)

package analyze

func addTile(sums *tileSums, a, b []chunk) { addTilePlain(sums, a, b) }

func widen(panel []chunk, rows *[tileRows][]float32) { widenPlain(panel, rows) }

func (r *reduction) updateRows(k int) { r.updateRowsPlain(k) }

func dot(u, v []float64) float64 { return dotPlain(u, v) }

func draw(best, left, near []float64, limit float64) float64 {
	return drawPlain(best, left, near, limit)
}

func cosineRow(dst, row, squares, inverse []float64, square, inverseNorm float64) {
	cosineRowPlain(dst, row, squares, inverse, square, inverseNorm)
}

func sizeOf(x []float32) (peak uint32, square float64) { return sizeOfPlain(x) }

func distance(a, b []float32) (moved, norm float64) { return distancePlain(a, b) }

// countPoints says that counting at many points at a time is not to be had.
const countPoints = 0

func countBelow(dets []det, counts []int, points, d, e2 []float64) {
	countBelowPlain(dets, counts, points, d, e2)
}
