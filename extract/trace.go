// Package extract takes prompts through the layers of a model, as the base and
// with each of any number of adapters or fine-tuned variants, and hands every
// layer's states to a sink.
//
// The order is layer-major: the weights of a block are read once and serve
// every prompt and every variant before the next block is read. A model is
// never whole in memory, and one more adapter costs its arithmetic, not
// another read of the base.
//
//	for each block
//	    for each wave of prompts and variants    a few thousand rows of tokens
//	        one product for each weight          read from the file as it is computed with
//	        states -> sink                       one at a time
//
// Prompts are laid side by side, never padded to each other's length, and every
// sum goes over one token's values or one prompt's tokens in an order that their
// company does not change: a prompt's states are the same to the bit beside any
// others, with any number of threads, and in any wave. An adapter that has not
// changed anything yet, because its first module lies deeper, shares the base's
// states instead of computing them again.
//
// Names follow TransformerLens: resid is the residual stream between blocks,
// attn and mlp are what the two halves of a block add to it.
package extract

import (
	"fmt"
	"strconv"
	"time"
)

// Site names a place in the block where states are taken.
type Site string

// The sites, in the order in which a block produces them.
const (
	Attn  Site = "attn"  // what attention adds to the residual stream, after o_proj
	MLP   Site = "mlp"   // what the MLP adds, after down_proj
	Resid Site = "resid" // the residual stream between blocks
)

// Prompt is one text as token ids.
type Prompt struct {
	ID  string
	IDs []int32 // (T), T >= 1
}

// States are the states of one prompt under one variant at one layer and site.
type States struct {
	Layer   int  // resid: Hugging Face's hidden_states index 0..L; attn and mlp: block 0..L-1
	Raw     bool // resid at layer L only: the last block's output before the final norm
	Site    Site
	Variant int // 0 is the base, i the i-th adapter
	Prompt  int
	T, D    int
	X       []float32 // (T, D) row-major, valid until the sink returns
}

// LayerName is the layer as the output files have it: "12", or "30-raw".
func (s States) LayerName() string {
	if s.Raw {
		return fmt.Sprintf("%d-raw", s.Layer)
	}
	return strconv.Itoa(s.Layer)
}

// Sink receives states in the order layer, prompt, variant (base first).
// An error ends the run.
type Sink func(States) error

// Options says how far and how precisely to run.
type Options struct {
	Sites       []Site // besides Resid, which is always given
	RepeatDepth int    // the block stack is run this many times (arXiv 2402.15415 uses 2); 0 means 1
	LastLayer   int    // the last hidden_states index wanted; -1 for all, with the next-token loss
	NoLoss      bool   // leave the head out
	BF16        bool   // round activations to bf16 before each product
	Backend     string // one of Engines, or xla:PLUGIN as newBackend has it; "" is EngineAuto
	MaxMemory   int64  // bytes to compute in and for the states of a layer, which otherwise go to files in Dir; 0: no limit
	Progress    func(Progress)

	// Dir is the folder for states that memory cannot hold and for checkpoints: a
	// run that finds one there goes on from it. "": none, all in memory.
	Dir       string
	SaveEvery time.Duration         // the least time between checkpoints; 0: a second
	Saved     func(layer int) error // a checkpoint of the first `layer` blocks is about to be made: the sink makes durable what it was given so far
}

// Progress is told after every state and once for every chunk of the head.
type Progress struct {
	Layer, Layers int   // blocks done of blocks to run
	Head          bool  // in the head, after the last block
	Done, Total   int64 // work done and in all, in tokens times products of one block
	Resumed       int64 // of Done what an earlier process did
	Tokens        int64 // tokens that have passed a block, over all variants
}

// Trace is what a run leaves besides the states it gave to the sink.
type Trace struct {
	Layers  int         // blocks run: the L of hidden_states
	Applied []Applied   // one for every adapter
	Loss    [][]float64 // (variants, prompts) mean next-token loss in nats; NaN for one token; nil when the head was not run
}

// Applied says what of an adapter reached the model. The norms are those of
// weights and biases, at the adapter's scale; those of the head count where the
// head was run.
type Applied struct {
	Modules      int     // modules that were applied, once each however often blocks repeat
	RelativeNorm float64 // |W'-W|_F / |W|_F over those modules together
	RelativeMax  float64 // the largest of one module
}
