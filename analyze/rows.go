package analyze

import "math"

// rowSizes are what a state's tokens are checked and masked by.
type rowSizes struct {
	peaks   []uint32  // (T) bit pattern of the largest magnitude, see magnitudeBits
	squares []float64 // (T) squared norm
}

// newRowSizes goes once over x (T, D).
func newRowSizes(x []float32, t, d, threads int) rowSizes {
	r := rowSizes{make([]uint32, t), make([]float64, t)}
	shareRows(t, threads, func(i int) {
		r.peaks[i], r.squares[i] = sizeOf(x[i*d : (i+1)*d])
	})
	return r
}

// infinite is the bit pattern of infinity; those above it are not a number.
const infinite = 0x7f800000

// magnitudeBits is the bit pattern of |v|. Patterns are ordered as magnitudes
// are.
func magnitudeBits(v float32) uint32 { return math.Float32bits(v) & 0x7fffffff }

// sizeOfPlain is the portable form of sizeOf.
func sizeOfPlain(x []float32) (peak uint32, square float64) {
	for _, v := range x {
		peak = max(peak, magnitudeBits(v))
		square += float64(v) * float64(v)
	}
	return peak, square
}

// distancePlain returns |a-b|^2 and |a|^2. It is the portable form of distance.
func distancePlain(a, b []float32) (moved, norm float64) {
	b = b[:len(a)]
	for k, v := range a {
		x, y := float64(v), float64(b[k])
		moved += (y - x) * (y - x)
		norm += x * x
	}
	return moved, norm
}
