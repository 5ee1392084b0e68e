package analyze

// workspace is the memory that one goroutine of Finish uses for one place after
// the other: at 2,000 tokens a matrix is 32 MB, too much to give back and ask
// for again at every state.
type workspace struct {
	cloud     Cloud       // of the state
	kept      Cloud       // its tokens under the default mask
	centred   [2][2]Cloud // of the base and of an adapter, by mask
	cosines   []float64   // (T, T)
	reduction []float64   // (T, stride), see reduction
}

// sized returns memory for n values, b's own where it is large enough. The
// values are arbitrary.
func sized(b []float64, n int) []float64 {
	if cap(b) < n {
		return make([]float64, n)
	}
	return b[:n]
}
