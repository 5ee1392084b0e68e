package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// reference is attention by its definition, in float64.
func reference(a Attention, q, k, v []float32) []float64 {
	out := make([]float64, a.Tokens*a.OutStride)
	for h := range a.Heads {
		kv := h / (a.Heads / a.KVHeads) * a.HeadDim
		for i := range a.Tokens {
			first := 0
			if a.Window > 0 {
				first = max(0, i-a.Window+1)
			}
			p := make([]float64, i+1)
			most := math.Inf(-1)
			for j := first; j <= i; j++ {
				for d := range a.HeadDim {
					p[j] += float64(q[i*a.QStride+h*a.HeadDim+d]) * float64(k[j*a.KVStride+kv+d])
				}
				p[j] /= math.Sqrt(float64(a.HeadDim))
				most = max(most, p[j])
			}
			var sum float64
			for j := first; j <= i; j++ {
				p[j] = math.Exp(p[j] - most)
				sum += p[j]
			}
			for d := range a.HeadDim {
				for j := first; j <= i; j++ {
					out[i*a.OutStride+h*a.HeadDim+d] += p[j] / sum * float64(v[j*a.KVStride+kv+d])
				}
			}
		}
	}
	return out
}

// run does all work items, in an order of its own, with scratch full of NaN.
func run(a Attention, out, q, k, v []float32) {
	scratch := make([]float32, a.Scratch())
	for _, block := range rand.New(rand.NewPCG(1, 2)).Perm(a.Blocks()) {
		for i := range scratch {
			scratch[i] = float32(math.NaN())
		}
		a.Run(block, out, q, k, v, scratch)
	}
}

// shape returns an Attention whose rows are wider than their heads.
func shape(tokens, kvHeads, group, headDim, window int) Attention {
	heads := kvHeads * group
	return Attention{
		Tokens: tokens, Heads: heads, KVHeads: kvHeads, HeadDim: headDim, Window: window,
		QStride: heads*headDim + 3, KVStride: kvHeads*headDim + 1, OutStride: heads*headDim + 3,
	}
}

func (a Attention) inputs(seed uint64) (q, k, v []float32) {
	return normal(seed, a.Tokens*a.QStride, 1.5), normal(seed+1, a.Tokens*a.KVStride, 1.5), normal(seed+2, a.Tokens*a.KVStride, 1)
}

// check compares with the reference. Errors are relative to 1, the size of v: a
// score near 10 has an error near 1e-6 in float32, and the weight has its own.
func check(t *testing.T, a Attention, seed uint64) {
	t.Helper()
	q, k, v := a.inputs(seed)
	want := reference(a, q, k, v)
	got := append([]float32{}, q...)
	run(a, got, got, k, v)
	for i := range want {
		row, column := i/a.OutStride, i%a.OutStride
		if column >= a.Heads*a.HeadDim {
			sameBits(t, "beyond the heads", got[i:i+1], q[i:i+1])
		} else if e := math.Abs(float64(got[i]) - want[i]); !(e <= 4e-6) {
			t.Fatalf("%+v: token %d, column %d: %v, want %v", a, row, column, got[i], want[i])
		}
	}
}

func TestAttention(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for _, tokens := range []int{1, 2, 3, 15, 16, 17, 63, 64, 65, 130, 200} {
			check(t, shape(tokens, 1, 1, 16, 0), 1)
			check(t, shape(tokens, 2, 3, 64, 0), 2)
			check(t, shape(tokens, 2, 1, 128, 0), 3)
			check(t, shape(tokens, 1, 2, 10, 0), 4)
			for _, window := range []int{1, 2, 31, 64, 65, 100, 1000} {
				check(t, shape(tokens, 1, 2, 16, window), 5)
			}
		}
	})
}

// A token's output has the same bits whatever tokens follow.
func TestAttentionOfAPrefix(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for _, window := range []int{0, 50} {
			a := shape(150, 2, 2, 32, window)
			q, k, v := a.inputs(9)
			whole := make([]float32, len(q))
			run(a, whole, q, k, v)
			for _, tokens := range []int{1, 20, 64, 66, 127, 149} {
				a.Tokens = tokens
				n, m := tokens*a.QStride, tokens*a.KVStride
				prefix := make([]float32, n)
				run(a, prefix, q[:n], k[:m], v[:m])
				sameBits(t, fmt.Sprintf("%d tokens", tokens), prefix, whole[:n])
			}
		}
	})
}

// One key that outweighs all, and scores far below it, whose weights are 0.
func TestAttentionOfASink(t *testing.T) {
	a := shape(140, 1, 1, 16, 0)
	q, k, v := a.inputs(4)
	for d := range a.HeadDim {
		for i := range a.Tokens {
			q[i*a.QStride+d] = 20
		}
		k[d] = 50 // score 20 * 50 * 16 / 4 = 4000
	}
	eachWay(t, func(t *testing.T) {
		out := make([]float32, len(q))
		run(a, out, q, k, v)
		for i := range a.Tokens {
			sameBits(t, "all of the first value", out[i*a.OutStride:][:a.HeadDim], v[:a.HeadDim])
		}
	})
}

func TestAttentionAllocatesNothing(t *testing.T) {
	a := shape(70, 2, 2, 16, 0)
	q, k, v := a.inputs(6)
	scratch := make([]float32, a.Scratch())
	eachWay(t, func(t *testing.T) {
		if n := testing.AllocsPerRun(10, func() { a.Run(1, q, q, k, v, scratch) }); n != 0 {
			t.Errorf("%v allocations a run", n)
		}
	})
}

func FuzzAttention(f *testing.F) {
	f.Add(uint8(70), uint8(2), uint8(1), uint8(20), uint8(0), uint64(1))
	f.Add(uint8(1), uint8(0), uint8(0), uint8(0), uint8(0), uint64(2))
	f.Add(uint8(130), uint8(0), uint8(2), uint8(63), uint8(40), uint64(3))
	f.Fuzz(func(t *testing.T, tokens, kvHeads, group, headDim, window uint8, seed uint64) {
		a := shape(int(tokens)+1, int(kvHeads)%3+1, int(group)%4+1, int(headDim)%130+1, int(window))
		eachWay(t, func(t *testing.T) { check(t, a, seed) })
	})
}
