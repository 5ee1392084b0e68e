package extract

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/layerclust/layerclust/loader"
)

// table is the embedding or the head as a variant has it, a matrix (V, D) whose
// rows are made from the base's as they are needed: the embedding of a few
// tokens, or a chunk of the head's vocabulary. Unlike in a block, the adapted
// rows are made whole, since each is used once.
type table struct {
	adapter *loader.Adapter
	name    string       // loader.EmbedTensor or loader.LMHeadTensor
	lora    *loader.LoRA // (V, D) or nil
	gains   []float64    // (D) m / |column| of an embedding's DoRA, or nil
	d       int
}

// newTable is nil where the variant has the base's own. At scale 0 that is so
// whatever the adapter brings, which counts as a module all the same.
func newTable(v *variant, name string) *table {
	if v.adapter == nil {
		return nil
	}
	t := &table{adapter: v.adapter, name: name, lora: v.adapter.Embed, d: v.config.HiddenSize}
	if name == loader.LMHeadTensor {
		t.lora = v.adapter.Head
	}
	if t.lora == nil && !t.adapter.Replaces(name) && t.adapter.TokenRows(name) == nil {
		return nil
	}
	if v.adapter.Scale == 0 {
		v.norms.modules++
		return nil
	}
	return t
}

// rows makes the variant's rows [lo, hi) in dst from base, the base's, both
// (hi-lo, D). base ends early where the base does not have so many.
func (t *table) rows(lo, hi int, base, dst []float32) error {
	if err := t.adapted(lo, hi, base, dst); err != nil {
		return err
	}
	if s := t.adapter.Scale; s != 1 {
		alongLine(base, dst, s)
	}
	return nil
}

// adapted is rows at scale 1.
func (t *table) adapted(lo, hi int, base, dst []float32) error {
	copy(dst, base)
	if t.adapter.Replaces(t.name) {
		if err := t.adapter.ReadRows(t.name, lo, hi, dst); err != nil {
			return err
		}
	}
	if own := t.adapter.TokenRows(t.name); own != nil {
		for id := lo; id < hi; id++ {
			copy(dst[(id-lo)*t.d:(id-lo+1)*t.d], own[id]) // nothing where it has none
		}
	}
	if t.lora == nil {
		return nil
	}
	t.addProduct(lo, hi, dst)
	for i := range hi - lo {
		t.scaleRow(lo+i, dst[i*t.d:(i+1)*t.d])
	}
	return nil
}

// addProduct adds c B A to rows [lo, hi).
func (t *table) addProduct(lo, hi int, dst []float32) {
	l := t.lora
	blas32.Gemm(blas.NoTrans, blas.NoTrans, float32(l.Scale), general(l.B[lo*l.Rank:hi*l.Rank], hi-lo, l.Rank),
		general(l.A, l.Rank, l.In), 1, general(dst, hi-lo, l.In))
}

// scaleRow gives a row of W + c B A its magnitude, or each of its columns theirs.
func (t *table) scaleRow(id int, row []float32) {
	if t.gains != nil {
		for j, g := range t.gains {
			row[j] = float32(g * float64(row[j]))
		}
		return
	}
	if t.lora.Magnitude == nil || t.lora.ColumnWise {
		return
	}
	g := float64(t.lora.Magnitude[id]) / math.Sqrt(squaredNorm(row))
	for j, v := range row {
		row[j] = float32(g * float64(v))
	}
}

// bias is what the variant adds to the logits [lo, hi), (hi-lo), or nil.
func (t *table) bias(lo, hi int) []float32 {
	if t.lora == nil || t.lora.Bias == nil {
		return nil
	}
	b := make([]float32, hi-lo)
	for i := range b {
		b[i] = float32(t.adapter.Scale * t.lora.Scale * float64(t.lora.Bias[lo+i]))
	}
	return b
}

// survey passes over a whole embedding once, for the norms of its change, and
// once before for the columns' norms of its DoRA. m is the base.
func (t *table) survey(m *loader.Model) (changeNorms, error) {
	var n changeNorms
	if t.lora != nil && t.lora.ColumnWise {
		squares := make([]float64, t.d)
		if err := t.pass(m, func(_, rows []float32) {
			for i, v := range rows {
				squares[i%t.d] += float64(v) * float64(v)
			}
		}); err != nil {
			return n, err
		}
		t.gains = make([]float64, t.d)
		for j, s := range squares {
			t.gains[j] = float64(t.lora.Magnitude[j]) / math.Sqrt(s)
		}
	}
	err := t.pass(m, func(base, rows []float32) { n.add(between(base, rows)) })
	return n.asModule(), err
}

// over gives the rows of the table made from base's, for a rowsMatrix; a larger
// vocabulary has rows that the base has not.
func (t *table) over(base matrix) func(lo, hi int, dst []float32) error {
	return func(lo, hi int, dst []float32) error {
		n, _ := base.shape()
		n = max(0, min(hi, n)-lo)
		rows := make([]float32, n*t.d)
		if n > 0 {
			if err := readFloats(base, lo, lo+n, rows); err != nil {
				return err
			}
		}
		return t.rows(lo, hi, rows, dst)
	}
}

// rowsInPiece is how many rows of d values a pass over a table holds.
func rowsInPiece(d int) int { return max(1, (8<<20)/4/d) }

// pass reads the table through in pieces of rows of the base and at the
// variant's scale; while the gains are not known, at scale 1.
func (t *table) pass(m *loader.Model, use func(base, rows []float32)) error {
	fill := t.rows
	if t.lora != nil && t.lora.ColumnWise && t.gains == nil {
		fill = t.adapted
	}
	name := t.name
	if name == loader.LMHeadTensor {
		name = m.Config.HeadTensor()
	}
	vocab := m.Config.VocabSize
	if t.adapter.Tuned != nil {
		vocab = min(vocab, t.adapter.Tuned.Config.VocabSize)
	}
	piece := min(vocab, rowsInPiece(t.d))
	base, rows := make([]float32, piece*t.d), make([]float32, piece*t.d) // (piece, D)
	for lo := 0; lo < vocab; lo += piece {
		n := min(piece, vocab-lo) * t.d
		if err := m.Weights.ReadRows(name, lo, lo+n/t.d, base[:n]); err != nil {
			return err
		}
		if err := fill(lo, lo+n/t.d, base[:n], rows[:n]); err != nil {
			return err
		}
		use(base[:n], rows[:n])
	}
	return nil
}

// between is the norms of w1 - w and of w.
func between(w, w1 []float32) changeNorms {
	var n changeNorms
	for i, v := range w {
		d := float64(w1[i]) - float64(v)
		n.change += d * d
		n.weight += float64(v) * float64(v)
	}
	return n
}
