package native

// #include "amx.h"
// #include "fma.h"
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
	packed  bool      // whether tiles holds them
	tiles   []uint16  // [chunk][row tile][col tile][part][512], as amx.h has it
	chunk   []float32 // (n, some columns), as fma.h has it
	scratch []float32 // tiles of sums
	rows    []int32   // first row of each row tile of a product
}

// NewBlock makes an empty block, which grows as it is used.
func (k *Kernel) NewBlock() *Block { return &Block{kernel: k} }

// BlockRows is how many rows of a weight with out rows of type t are best held
// at a time: enough that going over the activations again for each block costs
// little, and few enough that they stay in the second-level cache and every core
// has its share.
func (k *Kernel) BlockRows(out int, t DType) int {
	most := MaxBlockRows / (1 + int(t))
	if !k.amx() {
		most = 192 // 16 groups of 12, 32 of 6 (fma.c)
	}
	return min(most, max(32, out/8)) &^ 31
}

// MaxBlockRows is the most that BlockRows gives.
const MaxBlockRows = 256

// BlockBytes is what a block makes of as many rows of cols elements.
func (k *Kernel) BlockBytes(cols int) int {
	if !k.amx() {
		cols = C.lc_fma_chunk
	}
	return 4 * MaxBlockRows * cols
}

// Load makes the block hold n rows of a weight (out, cols) of type t, as the file
// has them. raw is read until the next Load: what is packed of it, and when,
// depends on how many rows it is multiplied with.
func (b *Block) Load(raw []byte, t DType, n, cols int) {
	if len(raw) != n*cols*t.Size() || len(raw) == 0 {
		panic(fmt.Sprintf("native: %d bytes for %d x %d elements", len(raw), n, cols))
	}
	b.raw, b.dtype, b.n, b.cols, b.packed = raw, t, n, cols, false
}

// pack brings the rows into the tiles that products with many rows are made from.
func (b *Block) pack() {
	if b.packed {
		return
	}
	b.packed = true
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
func (b *Block) Multiply(dst []float32, x *Rows, spans []Span, add bool) {
	if x.cols != b.cols {
		panic(fmt.Sprintf("native: rows of %d, a weight of %d", x.cols, b.cols))
	}
	b.rows = b.rows[:0]
	for _, s := range spans {
		if s.From%RowTile != 0 || s.To%RowTile != 0 || s.From < 0 || s.To < s.From || s.To > x.rows || s.To*Stride(b.n) > len(dst) {
			panic(fmt.Sprintf("native: rows %d to %d do not fit", s.From, s.To))
		}
		for r := s.From; r < s.To; r += RowTile {
			b.rows = append(b.rows, int32(r))
		}
	}
	switch {
	case len(b.rows) == 0:
	case b.kernel.amx():
		b.multiplyTiles(dst, x, add)
	default:
		b.multiplyFloats(dst, x, add)
	}
}

func (b *Block) multiplyTiles(dst []float32, x *Rows, add bool) {
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

func (b *Block) multiplyFloats(dst []float32, x *Rows, add bool) {
	stride := Stride(b.n)
	b.chunk = grown(b.chunk, stride*C.lc_fma_chunk)
	b.scratch = grown(b.scratch, len(b.rows)*stride*RowTile)
	C.lc_fma_multiply(b.kernel.bits, unsafe.Pointer(&b.raw[0]), C.int(b.dtype), C.long(b.n), C.long(b.cols), (*C.float)(&x.floats[0]),
		(*C.int32_t)(&b.rows[0]), C.long(len(b.rows)), (*C.float)(&b.chunk[0]), (*C.float)(&b.scratch[0]), (*C.float)(&dst[0]), C.long(stride), flag(add))
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
