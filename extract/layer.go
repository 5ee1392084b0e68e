package extract

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/attention/pos"

	"github.com/layerclust/layerclust/loader"
)

// The projections of a block, in the order of the graph's inputs.
var projections = loader.Projections() // (7)

// adapted says which inputs an adapter adds to one projection.
type adapted struct {
	lora bool // A (r, in) and B (out, r)
	gain bool // a factor for each output, (out): DoRA
}

// blockShape is all that makes one compiled block differ from another, apart
// from the lengths that gomlx tells apart itself.
type blockShape struct {
	changes [7]adapted // one for each of projections
}

// block builds one Llama block:
//
//	h   = x + attention(rmsnorm(x))
//	out = h + down(silu(gate(rmsnorm(h))) * up(rmsnorm(h)))
//
// Its weights are inputs, never constants, so that one compiled graph serves
// every layer and every adapter of the same shape.
type block struct {
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
// the two norms (D), then for each projection its weight, bias, A, B and gain,
// as far as it has them.
func (b block) build(nodes []*Node) (out, attn, mlp *Node) {
	b.in = &inputs{nodes: nodes}
	x, cos, sin := b.in.take(), b.in.take(), b.in.take()
	attnNorm, mlpNorm := b.in.take(), b.in.take()
	var p [7]linear
	for i := range p {
		p[i] = b.projection(i)
	}
	attn = b.attention(rmsNorm(x, attnNorm, b.config.RMSNormEps), cos, sin, p[0], p[1], p[2], p[3])
	x = Add(x, attn)
	h := rmsNorm(x, mlpNorm, b.config.RMSNormEps)
	mlp = p[6].apply(Mul(silu(p[4].apply(h)), p[5].apply(h)))
	return Add(x, mlp), attn, mlp
}

// projection takes the inputs of the i-th projection.
func (b block) projection(i int) linear {
	l := linear{w: b.in.take(), bf16: b.bf16}
	if b.config.HasBias(projections[i]) {
		l.bias = b.in.take()
	}
	if b.shape.changes[i].lora {
		l.a, l.b = b.in.take(), b.in.take()
	}
	if b.shape.changes[i].gain {
		l.gain = b.in.take()
	}
	return l
}

// attention is causal grouped-query attention of h (T, D) with rotary
// positions, after its output projection: (T, D).
func (b block) attention(h, cos, sin *Node, q, k, v, o linear) *Node {
	t, d := h.Shape().Dimensions[0], b.config.HeadDim
	heads, kv := b.config.NumHeads, b.config.NumKVHeads
	rope := pos.NewRoPEWithCosSin(cos, sin)
	query := rope.Encode(Reshape(q.apply(h), 1, t, heads, d), 1) // (1, T, heads, headDim)
	key := rope.Encode(Reshape(k.apply(h), 1, t, kv, d), 1)      // (1, T, kv, headDim)
	value := Reshape(v.apply(h), 1, t, kv, d)                    // (1, T, kv, headDim)
	if b.bf16 {
		query, key, value = roundBF16(query), roundBF16(key), roundBF16(value)
	}
	// The Go backend's fused attention is scalar code, ten times slower than the decomposed one.
	mixed, _ := attention.Core(query, key, value, attention.LayoutBSHD,
		attention.CoreOptions{UseCausalMask: true, DisableFusion: true}) // (1, T, heads, headDim)
	return o.apply(Reshape(mixed, t, heads*d))
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

// rmsNorm is x / sqrt(mean(x²) + eps) * gain over the last axis of x (T, D).
func rmsNorm(x, gain *Node, eps float64) *Node {
	mean := ReduceAndKeep(Square(x), ReduceMean, -1) // (T, 1)
	return Mul(Mul(x, Rsqrt(AddScalar(mean, eps))), ExpandLeftToRank(gain, 2))
}

func silu(x *Node) *Node { return Mul(x, Sigmoid(x)) }

// roundBF16 rounds to the nearest bfloat16 and stays float32.
func roundBF16(x *Node) *Node {
	return ConvertDType(ConvertDType(x, dtypes.BFloat16), dtypes.Float32)
}

// lossParts takes x (T, D), a chunk of the head w (C, D) and targets (T, 1) to
// the largest logit, Σ exp(logit - largest), and the target's logit or 0, each
// (T, 1).
func lossParts(x, w, targets *Node) []*Node {
	logits := product(x, w)                                                               // (T, C)
	largest := ReduceAndKeep(logits, ReduceMax, -1)                                       // (T, 1)
	sum := ReduceAndKeep(Exp(Sub(logits, largest)), ReduceSum, -1)                        // (T, 1)
	column := Iota(x.Graph(), shapes.Make(dtypes.Int32, logits.Shape().Dimensions...), 1) // (T, C)
	hit := Equal(column, BroadcastToShape(targets, column.Shape()))                       // (T, C)
	target := ReduceAndKeep(Where(hit, logits, ZerosLike(logits)), ReduceSum, -1)
	return []*Node{largest, sum, target}
}
