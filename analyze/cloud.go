package analyze

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Cloud is one state X (T, D) reduced to the inner products of its tokens.
type Cloud struct {
	T, D int       // tokens, coordinates
	Gram []float64 // (T, T) row-major, <x_i, x_j>
}

// NewCloud reduces the state x (T, D), row-major, to its Gram matrix. The
// products are taken and summed in float64. Equal rows of x give bit-equal
// rows of the Gram matrix, so their cosine is exactly 1. It panics when x does
// not hold t*d values.
func NewCloud(x []float32, t, d int) *Cloud {
	checkShape(len(x), t, d)
	c := &Cloud{}
	c.fill(x, t, d, 0)
	return c
}

// fill makes c the cloud of x (T, D), in the memory that it has.
func (c *Cloud) fill(x []float32, t, d, threads int) {
	c.resize(t, d)
	gram(c.Gram, x, t, d, threads)
}

// resize gives c another size and arbitrary products.
func (c *Cloud) resize(t, d int) { c.T, c.D, c.Gram = t, d, sized(c.Gram, t*t) }

// Keep returns the cloud of the tokens at the given positions, in that order.
// It panics when a position is outside the cloud.
func (c *Cloud) Keep(keep []int) *Cloud { return c.keepIn(&Cloud{}, keep) }

// keepIn is Keep in the memory of sub, which it returns.
func (c *Cloud) keepIn(sub *Cloud, keep []int) *Cloud {
	t := len(keep)
	sub.resize(t, c.D)
	for i, p := range keep {
		row := c.Gram[p*c.T : (p+1)*c.T]
		for j, q := range keep {
			sub.Gram[i*t+j] = row[q]
		}
	}
	return sub
}

// normsSquared returns |x_i|^2, (T).
func (c *Cloud) normsSquared() []float64 {
	n := make([]float64, c.T) // (T)
	for i := range n {
		n[i] = c.Gram[i*c.T+i]
	}
	return n
}

// centred returns, in the memory of out, the cloud of the tokens less their mean:
// <x_i - m, x_j - m> = G_ij - r_i - r_j + g with r the row means of G and g
// the mean of all. A token that equals the mean to within the rounding of
// these sums becomes exactly zero.
func (c *Cloud) centred(out *Cloud) *Cloud {
	t := c.T
	out.resize(t, c.D)
	if t == 0 {
		return out
	}
	means := make([]float64, t) // (T)
	var grand float64
	for i := range means {
		means[i] = sum(c.Gram[i*t:(i+1)*t]) / float64(t)
		grand += means[i]
	}
	grand /= float64(t)
	zero := make([]bool, t) // (T)
	for i := range t {
		row, dst := c.Gram[i*t:(i+1)*t], out.Gram[i*t:(i+1)*t]
		for j, g := range row {
			// The two subtrahends are added first: this keeps the matrix
			// symmetric to the last bit.
			dst[j] = g - (means[i] + means[j]) + grand
		}
		scale := row[i] + 2*math.Abs(means[i]) + math.Abs(grand)
		zero[i] = dst[i] <= centringTolerance*scale
	}
	out.clear(zero)
	return out
}

// centringTolerance is the relative size below which a centred squared norm is
// rounding: four terms of relative error 2^-53, summed over T, with room.
const centringTolerance = 1e-13

// clear sets the marked tokens to the zero vector.
func (c *Cloud) clear(zero []bool) {
	for i, z := range zero {
		if !z {
			continue
		}
		for j := range c.T {
			c.Gram[i*c.T+j], c.Gram[j*c.T+i] = 0, 0
		}
	}
}

// AppendBinary appends the cloud to b: T and D as uint32, then the upper
// triangle of the Gram matrix row by row as float64, all little-endian.
func (c *Cloud) AppendBinary(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(c.T))
	b = binary.LittleEndian.AppendUint32(b, uint32(c.D))
	for i := range c.T {
		for _, g := range c.Gram[i*c.T+i : (i+1)*c.T] {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(g))
		}
	}
	return b
}

// storedBytes is the number of bytes that AppendBinary appends for t tokens.
func storedBytes(t int) int { return 8 + t*(t+1)/2*8 }

// maxTokens bounds T, so that a count of pairs of tokens fits 31 bits.
const maxTokens = 1 << 16

// DecodeCloud reads a cloud that AppendBinary wrote and returns the bytes after
// it. Bytes that are too few for the T they state are an error.
func DecodeCloud(b []byte) (*Cloud, []byte, error) {
	c := &Cloud{}
	rest, err := c.decode(b)
	if err != nil {
		return nil, nil, err
	}
	return c, rest, nil
}

// decode is DecodeCloud in the memory of c.
func (c *Cloud) decode(b []byte) (rest []byte, err error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("stored cloud: %d bytes, want at least 8", len(b))
	}
	t := int(binary.LittleEndian.Uint32(b))
	d := int(binary.LittleEndian.Uint32(b[4:]))
	b = b[8:]
	if t > maxTokens || len(b) < t*(t+1)/2*8 {
		return nil, fmt.Errorf("stored cloud: %d bytes for %d tokens", len(b), t)
	}
	c.resize(t, d)
	for i := range t {
		row := c.Gram[i*t+i : (i+1)*t]
		for j := range row {
			row[j] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*j:]))
		}
		b = b[8*len(row):]
	}
	c.mirror()
	return b, nil
}

// mirrored is the side of the squares in which mirror goes over the matrix: a
// column of it stays in the cache until its lines are full.
const mirrored = 32

// mirror makes the matrix symmetric from its upper triangle.
func (c *Cloud) mirror() {
	for i := 0; i < c.T; i += mirrored {
		for j := 0; j <= i; j += mirrored {
			for p := i; p < min(i+mirrored, c.T); p++ {
				row := c.Gram[p*c.T : p*c.T+min(j+mirrored, p)]
				for q := j; q < len(row); q++ {
					row[q] = c.Gram[q*c.T+p]
				}
			}
		}
	}
}

func checkShape(n, t, d int) {
	if t < 0 || d < 0 || n != t*d {
		panic(fmt.Sprintf("analyze: %d values for a state of %d tokens and %d coordinates", n, t, d))
	}
}

// sum adds v in four partial sums, see dotPlain.
func sum(v []float64) float64 {
	var s0, s1, s2, s3 float64
	n := len(v) &^ 3
	for k := 0; k < n; k += 4 {
		s0 += v[k]
		s1 += v[k+1]
		s2 += v[k+2]
		s3 += v[k+3]
	}
	for k := n; k < len(v); k++ {
		s0 += v[k]
	}
	return (s0 + s1) + (s2 + s3)
}
