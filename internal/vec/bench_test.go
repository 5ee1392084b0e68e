package vec

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkAttention runs whole prompts on two goroutines; the rate counts the two
// products of each pair of a query and a key it sees.
func BenchmarkAttention(b *testing.B) {
	for _, c := range []struct{ tokens, kvHeads, group, headDim int }{
		{64, 32, 1, 128}, {512, 32, 1, 128}, {2048, 32, 1, 128}, {256, 3, 3, 64},
	} {
		a := Attention{
			Tokens: c.tokens, Heads: c.kvHeads * c.group, KVHeads: c.kvHeads, HeadDim: c.headDim,
			QStride: c.kvHeads * c.group * c.headDim, KVStride: c.kvHeads * c.headDim,
			OutStride: c.kvHeads * c.group * c.headDim,
		}
		q, k, v := a.inputs(1)
		out := make([]float32, len(q))
		scratch := [2][]float32{make([]float32, a.Scratch()), make([]float32, a.Scratch())}
		pairs := float64(c.tokens) * float64(c.tokens+1) / 2
		eachWayOf(b, fmt.Sprintf("%dx%dx%d", c.tokens, a.Heads, c.headDim), func(b *testing.B) {
			for range b.N {
				var next atomic.Int64
				var done sync.WaitGroup
				for i := range scratch {
					done.Go(func() {
						for block := next.Add(1) - 1; block < int64(a.Blocks()); block = next.Add(1) - 1 {
							a.Run(int(block), out, q, k, v, scratch[i])
						}
					})
				}
				done.Wait()
			}
			flops := 4 * pairs * float64(a.Heads*a.HeadDim) * float64(b.N)
			b.ReportMetric(flops/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}

// BenchmarkLoops runs the other loops on 64 rows of a 7B model; the rate counts
// each byte read or written once.
func BenchmarkLoops(b *testing.B) {
	const rows, d = 64, 4096
	x, y, row := normal(1, rows*d, 1), normal(2, rows*d, 1), normal(3, d, 1)
	angles, half := normal(4, rows*64, 1), make([]byte, 2*rows*d)
	for _, c := range []struct {
		name  string
		bytes int // a value
		loop  func()
	}{
		{"RMSNorm", 12, func() { RMSNorm(y, x, row, d, 1e-5) }},
		{"SumSquares", 4, func() { SumSquares(x) }},
		{"Rope", 8, func() { Rope(y, rows, d, d/128, 128, angles, angles) }},
		{"SiLUMul", 12, func() { SiLUMul(y, x) }},
		{"Add", 12, func() { Add(y, x) }},
		{"AddRows", 8, func() { AddRows(y, row) }},
		{"MulRows", 8, func() { MulRows(y, row) }},
		{"RoundBF16", 8, func() { RoundBF16(y) }},
		{"Finite", 4, func() { Finite(x) }},
		{"WidenBF16", 6, func() { Widen(y, half, true) }},
		{"WidenFP16", 6, func() { Widen(y, half, false) }},
	} {
		eachWayOf(b, c.name, func(b *testing.B) {
			copy(y, x)
			b.SetBytes(int64(c.bytes * rows * d))
			for range b.N {
				c.loop()
			}
		})
	}
}

func eachWayOf(b *testing.B, name string, run func(b *testing.B)) {
	was := chosen
	defer func() { chosen = was }()
	for _, w := range ways() {
		chosen = w
		b.Run(name+"/"+w.name, run)
	}
}
