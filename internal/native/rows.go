package native

// #include "amx.h"
// #include "fma.h"
import "C"

import (
	"unsafe"

	"github.com/layerclust/layerclust/internal/vec"
)

// RowTile is the number of rows that are packed together: every text's rows
// begin at a multiple of it, and end where the next multiple does.
const RowTile = 16

// Padded is the number of rows that a text of n takes.
func Padded(n int) int { return (n + RowTile - 1) / RowTile * RowTile }

// Rows are activations ready for products: (rows, cols) in tiles of bfloat16
// parts for AMX, and of float32 elsewhere.
type Rows struct {
	rows, cols int
	parts      int       // bfloat16 parts of each value
	tiles      []uint16  // [chunk][row tile][col tile][part][512], as amx.h has it
	floats     []float32 // [row tile][col][RowTile], as fma.h has it
}

// NewRows makes room for rows, a multiple of RowTile. With bf16 set each value
// is rounded to bfloat16, which AMX multiplies three times as fast.
func (k *Kernel) NewRows(rows, cols int, bf16 bool) *Rows {
	if rows%RowTile != 0 {
		panic("native: rows are not whole tiles")
	}
	r := &Rows{rows: rows, cols: cols, parts: 3}
	if bf16 {
		r.parts = 1
	}
	if k.amx() {
		r.tiles = aligned(rows / RowTile * colTiles(cols) * r.parts * tileSize)
	} else {
		r.floats = make([]float32, rows*cols)
	}
	return r
}

// colTiles is the number of tiles beside each other.
func colTiles(cols int) int { return (cols + 31) / 32 }

// tileSize is the number of elements of a tile.
const tileSize = 512

// Set packs x, whose rows lie stride floats apart, as columns [col, col+cols) of
// rows from row on. row is a multiple of RowTile, n as well, and col one of 32.
func (r *Rows) Set(row, n, col, cols int, x []float32, stride int) {
	if row%RowTile != 0 || n%RowTile != 0 || row+n > r.rows || col%32 != 0 || col+cols > r.cols || n > 0 && len(x) < (n-1)*stride+cols {
		panic("native: rows that do not fit")
	}
	if r.floats != nil {
		for i := row; i < row+n; i += RowTile {
			dst := r.floats[i*r.cols+col*RowTile:][:cols*RowTile]
			C.lc_fma_pack_rows((*C.float)(&x[(i-row)*stride]), C.long(stride), C.long(cols), (*C.float)(&dst[0]))
			if r.parts == 1 {
				vec.RoundBF16(dst)
			}
		}
		return
	}
	for i := 0; i < n; i += RowTile {
		C.lc_amx_pack_rows((*C.float)(&x[i*stride]), C.long(stride), C.long((row+i)/RowTile), C.long(r.rows/RowTile),
			C.long(col), C.long(cols), C.long(r.cols), C.int(r.parts), (*C.uint16_t)(&r.tiles[0]))
	}
}

// aligned makes n elements that begin at a cache line, as tiles are best read.
func aligned(n int) []uint16 {
	const line = 64
	b := make([]uint16, n+line/2)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) % line / 2)
	return b[skip : skip+n : skip+n]
}

// Fits says whether there is room for (rows, cols).
func (r *Rows) Fits(rows, cols int) bool { return r.cols == cols && r.rows >= rows }

// RowBytes is what a row of cols values takes.
func (k *Kernel) RowBytes(cols int, bf16 bool) int {
	switch {
	case !k.amx():
		return 4 * cols
	case bf16:
		return 2 * 32 * colTiles(cols)
	}
	return 6 * 32 * colTiles(cols)
}
