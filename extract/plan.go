package extract

import (
	"runtime"

	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/loader"
)

// Plan is what a run takes of memory. It is known before anything is computed.
type Plan struct {
	Rows   int   // rows of tokens that pass a block together
	Work   int64 // bytes to compute in
	States int64 // bytes of the states between two blocks
	OnDisk bool  // whether the states go to files instead
}

// Peak is the memory that the run takes, in bytes, beside what the process has.
func (p Plan) Peak() int64 {
	if p.OnDisk {
		return p.Work
	}
	return p.Work + p.States
}

// rowsInWave is how many rows pass a block together where memory allows.
// Reading and packing the weights of a 7B block costs as much as computing with
// 200 rows.
const rowsInWave = 4096

// MakePlan finds out what Run takes with the same arguments: at least what the
// longest prompt needs, though it be more than MaxMemory.
func MakePlan(m *loader.Model, adapters []*loader.Adapter, prompts []Prompt, o Options) (Plan, error) {
	e, err := newEngine(m.Config, o)
	if err != nil {
		return Plan{}, err
	}
	defer e.close()
	return newPlan(e, m.Config, 1+len(adapters), prompts, o), nil
}

func newPlan(e engine, c loader.Config, variants int, prompts []Prompt, o Options) Plan {
	var p Plan
	longest, total := 0, 0
	for _, prompt := range prompts {
		longest = max(longest, native.Padded(len(prompt.IDs)))
		total += native.Padded(len(prompt.IDs)) * variants
		p.States += 4 * int64(len(prompt.IDs)) * int64(variants) * int64(c.HiddenSize)
	}
	// Beside the rows of a wave: the base's state before the block and after it.
	kept := int64(longest) * int64(c.HiddenSize) * 4 * int64(2+len(o.sites()))
	work := func(rows int) int64 {
		own := int64(rows) * int64(c.HiddenSize) * 4 * int64(1+len(o.sites()))
		return kept + own + e.room(rows, longest)
	}
	p.Rows = max(longest, min(total, rowsInWave))
	for o.MaxMemory > 0 && work(p.Rows) > o.MaxMemory && p.Rows > longest {
		p.Rows = max(longest, p.Rows/2)
	}
	p.Work = work(p.Rows)
	p.OnDisk = o.Dir != "" && o.MaxMemory > 0 && p.Work+p.States > o.MaxMemory
	return p
}

// room is what the native engine computes in: packed activations, queries, keys
// and values of all rows, and what each worker has.
func (e *nativeEngine) room(rows, _ int) int64 {
	c := e.config
	wide, narrow := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	inner, _ := c.ProjectionShape(projections[gate])
	packed := e.kernel.RowBytes(c.HiddenSize, e.bf16) + e.kernel.RowBytes(wide, e.bf16) + e.kernel.RowBytes(inner, e.bf16)
	room := int64(rows) * int64(packed+4*(wide+2*narrow))
	for range e.workers {
		const blocks = 3 // outputs of two projections, and tiles of sums
		room += int64(rows)*blocks*4*native.MaxBlockRows + int64(e.kernel.BlockBytes(max(inner, c.HiddenSize)))
	}
	return room
}

// room is what the graph takes: the weights of a block as float32, and for each
// item that runs, several copies of its activations and its attention.
func (e *graphEngine) room(_, longest int) int64 {
	c := e.config
	var weights, wide int64
	for _, name := range projections {
		out, in := c.ProjectionShape(name)
		weights += 4 * int64(out) * int64(in)
		wide = max(wide, int64(out))
	}
	const copies = 4
	item := copies * 4 * int64(longest) * (wide + int64(longest)*int64(c.NumHeads))
	return 2*weights + int64(runtime.GOMAXPROCS(0))*item
}
