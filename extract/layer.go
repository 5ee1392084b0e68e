package extract

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/attention/pos"

	"github.com/layerclust/layerclust/loader"
)

// form says which inputs a projection has beside its weight.
type form struct {
	bias bool // (out)
	lora bool // A (r, in) and B (out, r)
	gain bool // a factor for each output, (out): DoRA
}

// blockShape is all that makes one compiled block differ from another, apart
// from the lengths that gomlx tells apart itself.
type blockShape struct {
	forms  [7]form // one for each of projections
	eps    float64 // of the norms
	window int     // tokens that a token attends to, itself included; 0 for all before it
}

// blockGraph builds one block of the Llama family:
//
//	h   = x + attention(rmsnorm(x))
//	out = h + down(silu(gate(rmsnorm(h))) * up(rmsnorm(h)))
//
// Its weights are inputs, never constants, so that one compiled graph serves
// every layer and every adapter of the same shape.
type blockGraph struct {
	config loader.Config
	shape  blockShape
	bf16   bool
	in     *inputs
}

// inputs hands out a graph's input nodes in order.
type inputs struct {
	nodes []*Node
	next  int
}

func (in *inputs) take() *Node {
	n := in.nodes[in.next]
	in.next++
	return n
}

// linear is one projection with its inputs.
type linear struct {
	w    *Node // (out, in)
	bias *Node // (out) or nil
	a, b *Node // (r, in), (out, r) or nil
	gain *Node // (out) or nil
	bf16 bool
}

// build returns the states after the block and what its two halves added, all
// (T, D). The nodes are, in this order: x (T, D), cos and sin (T, headDim/2),
// the norms of Config.Norms, then for each projection its weight, bias, A, B and
// gain, as far as it has them.
func (b blockGraph) build(nodes []*Node) (out, attn, mlp *Node) {
	b.in = &inputs{nodes: nodes}
	x, cos, sin := b.in.take(), b.in.take(), b.in.take()
	norms := make([]*Node, len(b.config.Norms()))
	for i := range norms {
		norms[i] = b.in.take()
	}
	var p [7]linear
	for i := range p {
		p[i] = b.projection(i)
	}
	attn = b.attention(rmsNorm(x, norms[0], b.shape.eps), cos, sin, norms[2:], p[0], p[1], p[2], p[3])
	x = Add(x, attn)
	h := rmsNorm(x, norms[1], b.shape.eps)
	mlp = p[6].apply(Mul(silu(p[4].apply(h)), p[5].apply(h)))
	return Add(x, mlp), attn, mlp
}

// projection takes the inputs of the i-th projection.
func (b blockGraph) projection(i int) linear {
	l := linear{w: b.in.take(), bf16: b.bf16}
	f := b.shape.forms[i]
	if f.bias {
		l.bias = b.in.take()
	}
	if f.lora {
		l.a, l.b = b.in.take(), b.in.take()
	}
	if f.gain {
		l.gain = b.in.take()
	}
	return l
}

// attention is causal grouped-query attention of h (T, D) with rotary
// positions, after its output projection: (T, D). The norms are those of queries
// and keys, or none.
func (b blockGraph) attention(h, cos, sin *Node, norms []*Node, q, k, v, o linear) *Node {
	t, d := h.Shape().Dimensions[0], b.config.HeadDim
	heads, kv := b.config.NumHeads, b.config.NumKVHeads
	query := Reshape(q.apply(h), 1, t, heads, d) // (1, T, heads, headDim)
	key := Reshape(k.apply(h), 1, t, kv, d)      // (1, T, kv, headDim)
	value := Reshape(v.apply(h), 1, t, kv, d)    // (1, T, kv, headDim)
	if len(norms) > 0 {
		query, key = rmsNorm(query, norms[0], b.shape.eps), rmsNorm(key, norms[1], b.shape.eps)
	}
	rope := pos.NewRoPEWithCosSin(cos, sin)
	query, key = rope.Encode(query, 1), rope.Encode(key, 1)
	if b.bf16 {
		query, key, value = roundBF16(query), roundBF16(key), roundBF16(value)
	}
	// The Go backend's fused attention is scalar code, ten times slower than the decomposed one.
	options := attention.CoreOptions{UseCausalMask: true, DisableFusion: true}
	if b.shape.window > 0 {
		options.UseCausalMask, options.AttentionMask = false, windowMask(h.Graph(), t, b.shape.window)
	}
	mixed, _ := attention.Core(query, key, value, attention.LayoutBSHD, options) // (1, T, heads, headDim)
	return o.apply(Reshape(mixed, t, heads*d))
}

// windowMask is true where token i attends to token j, i-window < j <= i:
// (1, T, 1, T).
func windowMask(g *Graph, t, window int) *Node {
	i := Iota(g, shapes.Make(dtypes.Int32, t, t), 0)
	j := Iota(g, shapes.Make(dtypes.Int32, t, t), 1)
	seen := LogicalAnd(LessOrEqual(j, i), GreaterThan(j, AddScalar(i, -window)))
	return Reshape(seen, 1, t, 1, t)
}

// apply is gain * (x Wᵀ) + (x Aᵀ) Bᵀ + bias: (T, out).
func (l linear) apply(x *Node) *Node {
	if l.bf16 {
		x = roundBF16(x)
	}
	y := product(x, l.w)
	if l.gain != nil {
		y = Mul(y, ExpandLeftToRank(l.gain, 2))
	}
	if l.a != nil {
		y = Add(y, product(product(x, l.a), l.b))
	}
	if l.bias != nil {
		y = Add(y, ExpandLeftToRank(l.bias, 2))
	}
	return y
}

// product is x wᵀ: weights stay [out, in], as they are stored.
func product(x, w *Node) *Node {
	return Dot(x, w).General([]int{-1}, nil, []int{-1}, nil)
}

// rmsNorm is x / sqrt(mean(x²) + eps) * gain over the last axis of x (..., D).
func rmsNorm(x, gain *Node, eps float64) *Node {
	mean := ReduceAndKeep(Square(x), ReduceMean, -1) // (..., 1)
	return Mul(Mul(x, Rsqrt(AddScalar(mean, eps))), ExpandLeftToRank(gain, x.Rank()))
}

func silu(x *Node) *Node { return Mul(x, Sigmoid(x)) }

// roundBF16 rounds to the nearest bfloat16 and stays float32.
func roundBF16(x *Node) *Node {
	return ConvertDType(ConvertDType(x, dtypes.BFloat16), dtypes.Float32)
}

// lossParts takes x (T, D), a chunk of the head w (C, D), targets (T, 1) and the
// head's bias (C) or nil to the largest logit, Σ exp(logit - largest), and the
// target's logit or 0, each (T, 1).
func lossParts(x, w, targets, bias *Node) []*Node {
	logits := product(x, w) // (T, C)
	if bias != nil {
		logits = Add(logits, ExpandLeftToRank(bias, 2))
	}
	largest := ReduceAndKeep(logits, ReduceMax, -1)                                       // (T, 1)
	sum := ReduceAndKeep(Exp(Sub(logits, largest)), ReduceSum, -1)                        // (T, 1)
	column := Iota(x.Graph(), shapes.Make(dtypes.Int32, logits.Shape().Dimensions...), 1) // (T, C)
	hit := Equal(column, BroadcastToShape(targets, column.Shape()))                       // (T, C)
	target := ReduceAndKeep(Where(hit, logits, ZerosLike(logits)), ReduceSum, -1)
	return []*Node{largest, sum, target}
}
