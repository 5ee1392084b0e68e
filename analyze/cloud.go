package analyze

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
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
	c := &Cloud{Gram: make([]float64, t*t)}
	c.fill(x, t, d, 0)
	return c
}

// fill makes c the cloud of x (T, D), in the memory that it has.
func (c *Cloud) fill(x []float32, t, d, threads int) {
	*c = Cloud{T: t, D: d, Gram: slices.Grow(c.Gram[:0], t*t)[:t*t]}
	gram(c.Gram, x, t, d, threads)
}

// Keep returns the cloud of the tokens at the given positions, in that order.
// It panics when a position is outside the cloud.
func (c *Cloud) Keep(keep []int) *Cloud {
	t := len(keep)
	sub := &Cloud{T: t, D: c.D, Gram: make([]float64, t*t)} // (t, t)
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

// centred returns the cloud of the tokens less their mean:
// <x_i - m, x_j - m> = G_ij - r_i - r_j + g with r the row means of G and g
// the mean of all. A token that equals the mean to within the rounding of
// these sums becomes exactly zero.
func (c *Cloud) centred() *Cloud {
	t := c.T
	out := &Cloud{T: t, D: c.D, Gram: make([]float64, t*t)} // (T, T)
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

// maxTokens bounds T in a stored cloud, so that T*T cannot overflow.
const maxTokens = 1 << 20

// DecodeCloud reads a cloud that AppendBinary wrote and returns the bytes after
// it. Bytes that are too few for the T they state are an error.
func DecodeCloud(b []byte) (*Cloud, []byte, error) {
	if len(b) < 8 {
		return nil, nil, fmt.Errorf("stored cloud: %d bytes, want at least 8", len(b))
	}
	t := int(binary.LittleEndian.Uint32(b))
	d := int(binary.LittleEndian.Uint32(b[4:]))
	b = b[8:]
	if t > maxTokens || len(b) < t*(t+1)/2*8 {
		return nil, nil, fmt.Errorf("stored cloud: %d bytes for %d tokens", len(b), t)
	}
	c := &Cloud{T: t, D: d, Gram: make([]float64, t*t)} // (T, T)
	for i := range t {
		for j := i; j < t; j++ {
			g := math.Float64frombits(binary.LittleEndian.Uint64(b))
			c.Gram[i*t+j], c.Gram[j*t+i] = g, g
			b = b[8:]
		}
	}
	return c, b, nil
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
