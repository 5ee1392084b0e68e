package vec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// eachWay runs test once for each way that this build and processor have.
func eachWay(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	was := chosen
	defer func() { chosen = was }()
	for _, w := range ways() {
		chosen = w
		t.Run(w.name, test)
	}
}

func ways() []*way {
	all := []*way{&plain}
	for _, bits := range []int{256, 512} {
		if w := best(bits); w != all[len(all)-1] {
			all = append(all, w)
		}
	}
	return all
}

// normal returns n normal values of the seed, times scale.
func normal(seed uint64, n int, scale float64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() * scale)
	}
	return x
}

// sameBits fails unless the two hold the same bits; NaN of any kind are equal.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// Vector lengths change no bit: a file of states does not tell AVX2 from AVX-512.
func TestVectorWaysAgree(t *testing.T) {
	all := ways()
	if len(all) < 3 {
		t.Skip("this build or processor has one way with vectors, or none")
	}
	was := chosen
	defer func() { chosen = was }()
	a := shape(150, 2, 2, 48, 0)
	q, k, v := a.inputs(8)
	var gates, outs [2][]float32
	for i := range gates {
		chosen = all[i+1]
		gates[i], outs[i] = normal(5, 1003, 5), make([]float32, len(q))
		SiLUMul(gates[i], normal(6, 1003, 1))
		run(a, outs[i], q, k, v)
	}
	sameBits(t, "SiLUMul", gates[1], gates[0])
	sameBits(t, "attention", outs[1], outs[0])
}
