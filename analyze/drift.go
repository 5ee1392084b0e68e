package analyze

import "math"

// Drift returns |adapted_i - base_i| / |base_i| for each of the t tokens of two
// states (T, D), computed in float64. Where the base token is zero it is 0 if
// the adapted one is zero too, else NaN. It panics on states of other shapes.
func Drift(base, adapted []float32, t, d int) []float64 {
	checkShape(len(base), t, d)
	checkShape(len(adapted), t, d)
	out := make([]float64, t) // (T)
	shareRows(t, 0, func(i int) {
		moved, norm := distance(base[i*d:(i+1)*d], adapted[i*d:(i+1)*d])
		switch {
		case moved == 0:
		case norm == 0:
			out[i] = math.NaN()
		default:
			out[i] = math.Sqrt(moved / norm)
		}
	})
	return out
}
