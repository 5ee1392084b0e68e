package particles

import "math"

// Random is numpy's legacy generator, RandomState: the Mersenne twister of
// Matsumoto and Nishimura seeded with one 32-bit number. With the seeds of the
// paper's scripts it gives the paper's tokens.
type Random struct {
	state  [twisterSize]uint32
	next   int
	spare  float64 // the second of a pair of Gaussians
	spares bool
}

const (
	twisterSize  = 624
	twisterShift = 397
)

// NewRandom returns the generator that numpy.random.RandomState(seed) is.
func NewRandom(seed uint32) *Random {
	r := &Random{next: twisterSize}
	r.state[0] = seed
	for i := 1; i < twisterSize; i++ {
		last := r.state[i-1]
		r.state[i] = 1812433253*(last^last>>30) + uint32(i)
	}
	return r
}

// Uint32 is the next output of the twister.
func (r *Random) Uint32() uint32 {
	if r.next == twisterSize {
		r.twist()
	}
	y := r.state[r.next]
	r.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// twist renews the whole state.
func (r *Random) twist() {
	for i := range r.state {
		y := r.state[i]&0x80000000 | r.state[(i+1)%twisterSize]&0x7fffffff
		next := r.state[(i+twisterShift)%twisterSize] ^ y>>1
		if y&1 == 1 {
			next ^= 0x9908b0df
		}
		r.state[i] = next
	}
	r.next = 0
}

// Float64 is uniform on [0, 1) with 53 bits, numpy's random_sample.
func (r *Random) Float64() float64 {
	a, b := r.Uint32()>>5, r.Uint32()>>6
	return (float64(a)*67108864 + float64(b)) / 9007199254740992
}

// Uniform fills a new slice as numpy's uniform(lo, hi, count) does.
func (r *Random) Uniform(lo, hi float64, count int) []float64 {
	out := make([]float64, count)
	for i := range out {
		out[i] = lo + (hi-lo)*r.Float64()
	}
	return out
}

// Normal fills a new slice as numpy's legacy randn(count) does: Marsaglia's
// polar method, which yields pairs and hands out the second number first.
func (r *Random) Normal(count int) []float64 {
	out := make([]float64, count)
	for i := range out {
		out[i] = r.gaussian()
	}
	return out
}

func (r *Random) gaussian() float64 {
	if r.spares {
		r.spares = false
		return r.spare
	}
	for {
		x, y := 2*r.Float64()-1, 2*r.Float64()-1
		s := x*x + y*y
		if s >= 1 || s == 0 {
			continue
		}
		f := math.Sqrt(-2 * math.Log(s) / s)
		r.spare, r.spares = f*x, true
		return f * y
	}
}
