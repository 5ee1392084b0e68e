package tinytext

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/attention/pos"

	"github.com/layerclust/layerclust/loader"
)

// network builds the graph of a Llama model for training. It is not package
// extract's, which streams one block at a time through operations of which
// some have no gradient (Rsqrt), takes one sequence and cannot be run in float64, as
// the check of the gradients needs; that the two give the same states for the
// same folder is tested.
type network struct {
	config loader.Config
	lora   *LoRA            // nil for the base alone
	nodes  map[string]*Node // the weights by name, inputs all
	cos    *Node            // (T, headDim/2)
	sin    *Node            // (T, headDim/2)
}

// states takes tokens (B, T) to the hidden states as Hugging Face counts them:
// the embeddings, after each block but the last, and after the final norm,
// each (B*T, D).
func (n network) states(tokens *Node) []*Node {
	b, t := tokens.Shape().Dimensions[0], tokens.Shape().Dimensions[1]
	x := Reshape(Gather(n.nodes[loader.EmbedTensor], ExpandAxes(tokens, -1)), b*t, n.config.HiddenSize)
	states := []*Node{x}
	for layer := range n.config.NumLayers {
		x = n.block(x, layer, b, t)
		states = append(states, x)
	}
	states[n.config.NumLayers] = n.norm(x, loader.NormTensor)
	return states
}

// block is one block on x (B*T, D):
//
//	h   = x + attention(norm(x))
//	out = h + down(silu(gate(norm(h))) * up(norm(h)))
func (n network) block(x *Node, layer, b, t int) *Node {
	apply := func(x *Node, module string) *Node { return n.linear(x, modulePath(layer, module)) }
	d, rope := n.config.HeadDim, pos.NewRoPEWithCosSin(n.cos, n.sin)
	h := n.norm(x, modulePath(layer, attnNorm)+".weight")
	query := rope.Encode(Reshape(apply(h, "self_attn.q_proj"), b, t, n.config.NumHeads, d), 1) // (B, T, H, d)
	key := rope.Encode(Reshape(apply(h, "self_attn.k_proj"), b, t, n.config.NumKVHeads, d), 1) // (B, T, K, d)
	value := Reshape(apply(h, "self_attn.v_proj"), b, t, n.config.NumKVHeads, d)               // (B, T, K, d)
	mixed, _ := attention.Core(query, key, value, attention.LayoutBSHD,
		attention.CoreOptions{UseCausalMask: true, DisableFusion: true}) // (B, T, H, d)
	x = Add(x, apply(Reshape(mixed, b*t, n.config.NumHeads*d), "self_attn.o_proj"))

	h = n.norm(x, modulePath(layer, mlpNorm)+".weight")
	gate := apply(h, "mlp.gate_proj")
	return Add(x, apply(Mul(Mul(gate, Sigmoid(gate)), apply(h, "mlp.up_proj")), "mlp.down_proj"))
}

// linear is x Wᵀ + scale (x Aᵀ) Bᵀ, the second part where an adapter has one.
func (n network) linear(x *Node, path string) *Node {
	y := product(x, n.nodes[path+".weight"])
	if n.lora != nil {
		if a, b := n.nodes[loraA(path)], n.nodes[loraB(path)]; a != nil {
			y = Add(y, MulScalar(product(product(x, a), b), n.lora.scale()))
		}
	}
	return y
}

// norm is x / sqrt(mean(x²) + eps) * gain.
func (n network) norm(x *Node, name string) *Node {
	mean := ReduceAndKeep(Square(x), ReduceMean, -1) // (B*T, 1)
	return Mul(Div(x, Sqrt(AddScalar(mean, n.config.RMSNormEps))), ExpandLeftToRank(n.nodes[name], 2))
}

// loss is the mean of -log p(target) over the tokens, weighted: a scalar.
// Targets and weights are (B, T).
func (n network) loss(tokens, targets, weights *Node) *Node {
	states := n.states(tokens)
	logits := product(states[len(states)-1], n.nodes[loader.EmbedTensor]) // (B*T, V): the head is tied
	rows := logits.Shape().Dimensions[0]
	hit := OneHot(Reshape(targets, rows), n.config.VocabSize, logits.DType()) // (B*T, V)
	surprise := Neg(ReduceSum(Mul(LogSoftmax(logits, -1), hit), -1))          // (B*T)
	return Div(ReduceAllSum(Mul(surprise, Reshape(weights, rows))), ReduceAllSum(weights))
}

// product is x wᵀ: weights stay [out, in], as they are stored.
func product(x, w *Node) *Node {
	return Dot(x, w).General([]int{-1}, nil, []int{-1}, nil)
}

// ropeTables gives cosines and sines of the rotary embedding for t positions,
// both (t, headDim/2).
func ropeTables(c loader.Config, t int) (cos, sin []float64) {
	half := c.HeadDim / 2
	for p := range t {
		for i := range half {
			s, co := math.Sincos(float64(p) * math.Pow(c.Rope.Theta, -float64(2*i)/float64(c.HeadDim)))
			cos, sin = append(cos, co), append(sin, s)
		}
	}
	return cos, sin
}
