package native

// #include "amx.h"
// #include "onednn.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// DType is the type of a weight's elements, in the order of amx.h.
type DType int

// The types that a weight may have.
const (
	BF16 DType = iota
	F16
	F32
)

// Size is the number of bytes of an element.
func (t DType) Size() int {
	if t == F32 {
		return 4
	}
	return 2
}

// Block holds some rows of a weight while they are multiplied. It belongs to one
// goroutine.
type Block struct {
	kernel  *Kernel
	n, cols int       // rows of the weight held, and their length
	parts   int       // bfloat16 parts of each element
	tiles   []uint16  // [row tile][col tile][part][512]
	plain   []float32 // (n, cols)
	scratch []float32 // tiles of sums
	rows    []int32   // first row of each row tile of a product
}

// NewBlock makes an empty block, which grows as it is used.
func (k *Kernel) NewBlock() *Block { return &Block{kernel: k} }

// BlockRows is how many rows of a weight (out, in) are best held at a time:
// enough that reading the activations again for each block costs little, and
// no more than what stays in the second-level cache. It depends on the shape
// alone, since a product's order of sums may depend on it.
func BlockRows(out, in int) int {
	const cache = 1 << 20 // elements
	best := min(256, max(32, cache/in))
	return min(best, max(32, out/8)) &^ 31
}

// Load packs n rows of a weight from the bytes of its file.
func (b *Block) Load(raw []byte, t DType, n, cols int) {
	if len(raw) != n*cols*t.Size() || n == 0 || cols == 0 {
		panic(fmt.Sprintf("native: %d bytes for %d x %d elements", len(raw), n, cols))
	}
	b.n, b.cols = n, cols
	if !b.kernel.amx() {
		b.plain = grown(b.plain, n*cols)
		widen(b.plain, raw, t)
		return
	}
	b.parts = 1 + int(t)
	if size := b.rowTiles() * colTiles(cols) * b.parts * tileSize; cap(b.tiles) < size {
		b.tiles = aligned(size)
	} else {
		b.tiles = b.tiles[:size]
	}
	C.lc_amx_pack_weight(unsafe.Pointer(&raw[0]), C.int(t), C.long(n), C.long(cols), (*C.uint16_t)(&b.tiles[0]))
}

// rowTiles is the number of row tiles held, which come in pairs.
func (b *Block) rowTiles() int { return (b.n + 31) / 32 * 2 }

// Stride is the distance of the rows of a product with n rows of a weight.
func Stride(n int) int { return (n + 31) / 32 * 32 }

// Span are the rows [From, To) of one text, both multiples of RowTile.
type Span struct{ From, To int }

// Multiply sets rows of dst (rows, Stride(n)) to the product of the same rows of
// x with the rows of the weight, transposed, or adds it where add is set. Of a
// row of dst, what lies behind the n-th value is not defined.
func (b *Block) Multiply(dst []float32, x *Rows, spans []Span, add bool) error {
	if x.cols != b.cols {
		panic(fmt.Sprintf("native: rows of %d, a weight of %d", x.cols, b.cols))
	}
	for _, s := range spans {
		if s.From%RowTile != 0 || s.To%RowTile != 0 || s.From < 0 || s.To < s.From || s.To*Stride(b.n) > len(dst) {
			panic(fmt.Sprintf("native: rows %d to %d do not fit", s.From, s.To))
		}
	}
	if b.kernel.amx() {
		b.multiplyTiles(dst, x, spans, add)
		return nil
	}
	for _, s := range spans {
		if err := b.multiplyPlain(dst, x, s, add); err != nil {
			return err
		}
	}
	return nil
}

func (b *Block) multiplyTiles(dst []float32, x *Rows, spans []Span, add bool) {
	b.rows = b.rows[:0]
	for _, s := range spans {
		for r := s.From; r < s.To; r += RowTile {
			b.rows = append(b.rows, int32(r))
		}
	}
	if len(b.rows) == 0 {
		return
	}
	if last := int(b.rows[len(b.rows)-1]); (last+RowTile)/RowTile*x.rowTile() > len(x.tiles) {
		panic("native: rows that are not there")
	}
	b.scratch = grown(b.scratch, len(b.rows)*b.rowTiles()*256)
	C.lc_amx_multiply((*C.uint16_t)(&b.tiles[0]), C.long(b.rowTiles()), C.long(colTiles(b.cols)), C.int(b.parts),
		(*C.uint16_t)(&x.tiles[0]), C.int(x.parts), (*C.int32_t)(&b.rows[0]), C.long(len(b.rows)),
		(*C.float)(&b.scratch[0]), (*C.float)(&dst[0]), C.long(Stride(b.n)), flag(add))
}

// multiplyPlain multiplies the rows of one text in pieces of fixed sizes, the
// largest first: how oneDNN orders its sums may depend on a piece's size, which
// here depends on the text's length alone.
func (b *Block) multiplyPlain(dst []float32, x *Rows, s Span, add bool) error {
	for s.From < s.To {
		n := 512
		for n > s.To-s.From {
			n /= 2
		}
		stride := Stride(b.n)
		if status := C.lc_onednn_multiply((*C.float)(&b.plain[0]), C.long(b.n), C.long(b.cols),
			(*C.float)(&x.plain[s.From*x.cols]), C.long(n), (*C.float)(&dst[s.From*stride]), C.long(stride), flag(add)); status != 0 {
			return fmt.Errorf("oneDNN: dnnl_sgemm of %d x %d x %d: status %d", n, b.n, b.cols, status)
		}
		s.From += n
	}
	return nil
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// grown gives a slice of n, the same memory where that is enough.
func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
