package extract

import (
	"context"
	"runtime"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// score goes over the vocabulary in pieces, in order: each is made a tensor for
// every head, and run for every item.
func (e *graphEngine) score(ctx context.Context, w *wave, heads []head) error {
	largest := 0
	for _, h := range heads {
		out, _ := h.weight.shape()
		largest = max(largest, out)
	}
	step := rowsInPiece(w.d)
	for lo := 0; lo < largest; lo += step {
		if err := e.scorePiece(ctx, w, heads, lo, min(lo+step, largest)); err != nil {
			return err
		}
	}
	return nil
}

// headPiece is some rows of a head as tensors.
type headPiece struct {
	w    *tensors.Tensor // (C, D); nil where its vocabulary has none of the rows
	bias *tensors.Tensor // (C) or nil
}

// scorePiece adds the rows [lo, hi) of the heads to every tally.
func (e *graphEngine) scorePiece(ctx context.Context, w *wave, heads []head, lo, hi int) error {
	made := map[matrix]headPiece{}
	defer func() {
		for _, p := range made {
			for _, t := range []*tensors.Tensor{p.w, p.bias} {
				if t != nil {
					free(t)
				}
			}
		}
	}()
	for _, h := range heads {
		if _, ok := made[h.weight]; ok {
			continue
		}
		p, err := e.headPiece(h, lo, hi)
		made[h.weight] = p
		if err != nil {
			return err
		}
	}
	return parallel(len(w.items), runtime.GOMAXPROCS(0), func(_, i int) error {
		it := w.items[i]
		p := made[heads[it.variant].weight]
		if p.w == nil || len(it.tally.max) == 0 {
			return ctx.Err()
		}
		return e.scoreItem(w, it, p, lo)
	})
}

// headPiece makes tensors of the rows [lo, hi) of a head, as far as it goes.
func (e *graphEngine) headPiece(h head, lo, hi int) (headPiece, error) {
	out, d := h.weight.shape()
	var p headPiece
	if hi = min(hi, out); lo >= hi {
		return p, nil
	}
	rows := make([]float32, (hi-lo)*d) // (C, D)
	if err := readFloats(h.weight, lo, hi, rows); err != nil {
		return p, err
	}
	if row := firstNotFinite(rows, d); row >= 0 {
		return p, loader.InputErrorf("tensor %s holds NaN or Inf in row %d", e.config.HeadTensor(), lo+row)
	}
	var err error
	if p.w, err = upload(e.backend, rows, hi-lo, d); err != nil || h.bias == nil {
		return p, err
	}
	p.bias, err = upload(e.backend, h.bias[lo:hi], hi-lo)
	return p, err
}

// scoreItem adds a piece of the head to the tally of one item.
func (e *graphEngine) scoreItem(w *wave, it item, p headPiece, lo int) error {
	x, err := upload(e.backend, it.of(w.x, w.d), it.tokens, w.d)
	if err != nil {
		return err
	}
	defer free(x)
	// The next tokens (T, 1), counted from the piece's first row: those of other
	// pieces match no column. The last token has no next one.
	targets := make([][]int32, it.tokens)
	for i := range targets {
		targets[i] = []int32{-1}
		if i < len(it.tally.next) {
			targets[i][0] = it.tally.next[i] - int32(lo)
		}
	}
	args := []any{x, p.w, targets}
	if p.bias != nil {
		args = append(args, p.bias)
	}
	out, err := e.scorer.Call(args...)
	if err != nil {
		return err
	}
	defer free(out...)
	var parts [3][]float32 // largest, Σ exp, target: (T)
	for i := range parts {
		parts[i] = make([]float32, it.tokens)
		if err := download(e.backend, out[i], parts[i]); err != nil {
			return err
		}
	}
	for i := range it.tally.max {
		it.tally.add(i, parts[0][i], parts[1][i])
		it.tally.target[i] += float64(parts[2][i])
	}
	return nil
}

// scoreGraph is lossParts of x, a piece of the head, targets and, where there is
// one, the head's bias.
func (e *graphEngine) scoreGraph(nodes []*graph.Node) []*graph.Node {
	x := nodes[0]
	if e.bf16 {
		x = roundBF16(x)
	}
	var bias *graph.Node
	if len(nodes) > 3 {
		bias = nodes[3]
	}
	return lossParts(x, nodes[1], nodes[2], bias)
}
