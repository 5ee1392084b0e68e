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
	raw     []byte // n rows of cols elements of dtype
	dtype   DType
	n, cols int
	packed  bool      // whether one of the next two holds them
	tiles   []uint16  // [chunk][row tile][col tile][part][512], as amx.h has it
	plain   []float32 // (n, cols)
	scratch []float32 // tiles of sums
	rows    []int32   // first row of each row tile of a product
}

// NewBlock makes an empty block, which grows as it is used.
func (k *Kernel) NewBlock() *Block { return &Block{kernel: k} }

// BlockRows is how many rows of a weight with out rows of type t are best held
// at a time: enough that going over the activations again for each block costs
// little, and few enough that they stay in the second-level cache and every core
// has its share. It depends on the weight alone, since a product's order of sums
// may depend on it.
func BlockRows(out int, t DType) int {
	parts := 1 + int(t)
	return min(MaxBlockRows/parts, max(32, out/8)) &^ 31
}

// MaxBlockRows is the most that BlockRows gives.
const MaxBlockRows = 256

// Load makes the block hold n rows of a weight (out, cols) of type t, as the file
// has them. raw is read until the next Load: what is packed of it, and when,
// depends on how many rows it is multiplied with.
func (b *Block) Load(raw []byte, t DType, n, cols int) {
	if len(raw) != n*cols*t.Size() || len(raw) == 0 {
		panic(fmt.Sprintf("native: %d bytes for %d x %d elements", len(raw), n, cols))
	}
	b.raw, b.dtype, b.n, b.cols, b.packed = raw, t, n, cols, false
}

// pack brings the rows into the form that products with many rows are made from.
func (b *Block) pack() {
	if b.packed {
		return
	}
	b.packed = true
	if !b.kernel.amx() {
		b.plain = grown(b.plain, b.n*b.cols)
		widen(b.plain, b.raw, b.dtype)
		return
	}
	if size := b.rowTiles() * colTiles(b.cols) * b.parts() * tileSize; cap(b.tiles) < size {
		b.tiles = aligned(size)
	} else {
		b.tiles = b.tiles[:size]
	}
	for row := 0; row < b.n; row += 32 {
		C.lc_amx_pack_weight(unsafe.Pointer(&b.raw[row*b.cols*b.dtype.Size()]), C.int(b.dtype), C.long(row), C.long(min(32, b.n-row)),
			C.long(b.cols), C.long(b.rowTiles()), (*C.uint16_t)(&b.tiles[0]))
	}
}

// parts is the number of bfloat16 parts of an element.
func (b *Block) parts() int { return 1 + int(b.dtype) }

// fewTiles is up to how many row tiles of activations a weight is not packed for.
const fewTiles = 24

// few says whether a product with so many row tiles is better made from the
// weight as it lies.
func (b *Block) few(tiles int) bool {
	return tiles <= fewTiles && b.dtype == BF16 && b.n%32 == 0 && b.cols%32 == 0
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
		if s.From%RowTile != 0 || s.To%RowTile != 0 || s.From < 0 || s.To < s.From || s.To > x.rows || s.To*Stride(b.n) > len(dst) {
			panic(fmt.Sprintf("native: rows %d to %d do not fit", s.From, s.To))
		}
	}
	if b.kernel.amx() {
		b.multiplyTiles(dst, x, spans, add)
		return nil
	}
	b.pack()
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
	b.scratch = grown(b.scratch, len(b.rows)*b.rowTiles()*256)
	tiles, parts, rows, count := (*C.uint16_t)(&x.tiles[0]), C.int(x.parts), (*C.int32_t)(&b.rows[0]), C.long(len(b.rows))
	scratch, to, stride := (*C.float)(&b.scratch[0]), (*C.float)(&dst[0]), C.long(Stride(b.n))
	if b.few(len(b.rows)) {
		C.lc_amx_multiply_file((*C.uint16_t)(unsafe.Pointer(&b.raw[0])), C.long(b.n),
			tiles, C.long(x.rows/RowTile), parts, C.long(b.cols), rows, count, scratch, to, stride, flag(add))
		return
	}
	b.pack()
	C.lc_amx_multiply((*C.uint16_t)(&b.tiles[0]), C.long(b.rowTiles()), C.int(b.parts()),
		tiles, C.long(x.rows/RowTile), parts, C.long(b.cols), rows, count, scratch, to, stride, flag(add))
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
