package particles

// wide says whether the blocked kernels are worth while.
func (f *field) wide(kd, vd int) bool { return false }

func (f *field) attendWide(out, q, k, w []float64, lo, hi, kd, vd int, how weighing, scores []float64) {
}
