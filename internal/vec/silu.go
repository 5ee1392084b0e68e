package vec

// SiLUMul writes gate * sigmoid(gate) * up to gate.
func SiLUMul(gate, up []float32) {
	chosen.siluMul(gate, up[:len(gate)])
}

// The exponential is taken of -|x|, so that it cannot overflow:
// sigmoid(x) = 1 / (1+exp(-x)) = exp(x) / (1+exp(x)).
func siluMulPlain(gate, up []float32) {
	for i, x := range gate {
		e := expPlain(-max(x, -x))
		top := float32(1)
		if x < 0 {
			top = e
		}
		gate[i] = x * (top / (1 + e)) * up[i]
	}
}
