package analyze

import "sync"

// gramRows is the side of the block of the Gram matrix that is one piece of
// work: large enough that converting its rows to float64 costs less than a tenth
// of multiplying them, small enough that a few hundred tokens make pieces for
// several threads.
const gramRows = 96

// gramColumns is the width of the panels of rows that are float64 at a time: two
// tiles of them fit the first-level cache, two blocks the second.
const gramColumns = 512

// tileRows is the side of the square of inner products taken at once: each
// value loaded serves four products.
const tileRows = 4

// lanes is how many columns of one row stand together in a panel, and how many
// partial sums an inner product has.
const lanes = 8

// chunk is lanes columns of the rows of a tile. The panel of a tile is a list
// of them, so that a kernel reads on from one address.
type chunk = [tileRows * lanes]float64 // (tileRows, lanes)

// tileSums are the partial sums of the products of a tile, of row i and column
// j at tileRows i + j.
type tileSums = [tileRows * tileRows][lanes]float64

const (
	gramTiles  = gramRows / tileRows // on a side of a block
	gramChunks = gramColumns / lanes // in the panel of a tile
)

// gram sets g to X X' (T, T) of the state x (T, D), by blocks of its upper
// triangle on several goroutines. Every inner product is summed in the same
// order whatever its block, its place in a tile and the number of threads, so
// equal rows give equal products.
func gram(g []float64, x []float32, t, d, threads int) {
	blocks := gramBlocks(t)
	share(len(blocks), threads, func(next func() (int, bool)) {
		p := panelsPool.Get().(*gramPanels)
		defer panelsPool.Put(p)
		for k, ok := next(); ok; k, ok = next() {
			p.block(g, x, t, d, blocks[k])
		}
	})
}

// gramBlock is a block of the Gram matrix by the first of its rows and columns.
type gramBlock struct{ i, j int }

// gramBlocks lists the blocks on and above the diagonal of a (T, T) matrix, the
// whole ones first, since those on the diagonal are half the work and fill the
// gaps at the end.
func gramBlocks(t int) []gramBlock {
	var whole, diagonal []gramBlock
	for i := 0; i < t; i += gramRows {
		for j := i + gramRows; j < t; j += gramRows {
			whole = append(whole, gramBlock{i, j})
		}
		diagonal = append(diagonal, gramBlock{i, i})
	}
	return append(whole, diagonal...)
}

// gramPanels is the working memory of one goroutine.
type gramPanels struct {
	rows, columns []chunk    // (gramRows / tileRows, gramChunks) of two blocks of tokens
	sums          []tileSums // (gramRows / tileRows, gramRows / tileRows)
}

// panelsPool keeps panels between states: at a few hundred tokens, clearing new
// ones would take a tenth of the time.
var panelsPool = sync.Pool{New: func() any {
	return &gramPanels{
		rows:    make([]chunk, gramTiles*gramChunks),
		columns: make([]chunk, gramTiles*gramChunks),
		sums:    make([]tileSums, gramTiles*gramTiles),
	}
}}

// block computes one block of g and its mirror image.
func (p *gramPanels) block(g []float64, x []float32, t, d int, b gramBlock) {
	m, n := min(gramRows, t-b.i), min(gramRows, t-b.j) // rows and columns of the block
	clear(p.sums[:(m+tileRows-1)/tileRows*gramTiles])
	diagonal := b.i == b.j
	for k := 0; k < d; k += gramColumns {
		width := min(gramColumns, d-k)
		fillPanels(p.rows, x[b.i*d:(b.i+m)*d], d, k, width)
		columns := p.rows
		if !diagonal {
			columns = p.columns
			fillPanels(columns, x[b.j*d:(b.j+n)*d], d, k, width)
		}
		p.multiply(columns, m, n, (width+lanes-1)/lanes, diagonal)
	}
	for i := range m {
		for j := range n {
			if diagonal && j < i {
				continue
			}
			v := sumLanes(&p.sums[i/tileRows*gramTiles+j/tileRows][i%tileRows*tileRows+j%tileRows])
			g[(b.i+i)*t+b.j+j], g[(b.j+j)*t+b.i+i] = v, v
		}
	}
}

// multiply adds the products over the given number of chunks to the sums of the
// first m rows and n columns. Tiles below the diagonal are left out where the
// block lies on it.
func (p *gramPanels) multiply(columns []chunk, m, n, chunks int, diagonal bool) {
	for i := 0; i*tileRows < m; i++ {
		first := 0
		if diagonal {
			first = i
		}
		a := p.rows[i*gramChunks:]
		for j := first; j*tileRows < n; j++ {
			addTile(&p.sums[i*gramTiles+j], a[:chunks], columns[j*gramChunks:][:chunks])
		}
	}
}

// fillPanels writes the columns k to k+width of x (rows, D) to panels
// (gramTiles, gramChunks), zeros up to a whole chunk. The last tile has its last
// row again where x has no more: what it gives is of no effect.
func fillPanels(panels []chunk, x []float32, d, k, width int) {
	last := len(x)/d - 1
	for i := 0; i <= last; i += tileRows {
		var rows [tileRows][]float32
		for r := range rows {
			at := min(i+r, last)*d + k
			rows[r] = x[at : at+width]
		}
		widen(panels[i/tileRows*gramChunks:], &rows)
	}
}

// widenPlain writes the rows of a tile to its panel, zeros up to a whole chunk.
// It is the portable form of widen.
func widenPlain(panel []chunk, rows *[tileRows][]float32) {
	for r, x := range rows {
		for k := 0; k*lanes < len(x); k++ {
			dst := (*[lanes]float64)(panel[k][r*lanes:])
			*dst = [lanes]float64{}
			for l, v := range x[k*lanes : min((k+1)*lanes, len(x))] {
				dst[l] = float64(v)
			}
		}
	}
}

// addTilePlain adds the products of the rows of two panels, each lane to its
// own sum. It is the portable form of addTile and its oracle.
func addTilePlain(sums *tileSums, a, b []chunk) {
	for i := range tileRows {
		for j := range tileRows {
			for l := 0; l < lanes; l += 4 {
				s := (*[4]float64)(sums[i*tileRows+j][l:])
				s0, s1, s2, s3 := s[0], s[1], s[2], s[3]
				for k := range a {
					u, v := (*[4]float64)(a[k][i*lanes+l:]), (*[4]float64)(b[k][j*lanes+l:])
					s0 += u[0] * v[0]
					s1 += u[1] * v[1]
					s2 += u[2] * v[2]
					s3 += u[3] * v[3]
				}
				*s = [4]float64{s0, s1, s2, s3}
			}
		}
	}
}

func sumLanes(l *[lanes]float64) float64 {
	return ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
}

// dotPlain returns the inner product of u and v in four partial sums, which
// lets the processor overlap the additions. It is the portable form of dot.
func dotPlain(u, v []float64) float64 {
	var s0, s1, s2, s3 float64
	n := len(u) &^ 3
	v = v[:len(u)]
	for k := 0; k < n; k += 4 {
		s0 += u[k] * v[k]
		s1 += u[k+1] * v[k+1]
		s2 += u[k+2] * v[k+2]
		s3 += u[k+3] * v[k+3]
	}
	for k := n; k < len(u); k++ {
		s0 += u[k] * v[k]
	}
	return (s0 + s1) + (s2 + s3)
}
