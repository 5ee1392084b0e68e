package vec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// nearestBF16 rounds by comparing the two neighbours in float64.
func nearestBF16(x float32) float32 {
	u := math.Float32bits(x)
	low, high := math.Float32frombits(u&^0xffff), math.Float32frombits(u&^0xffff+0x10000)
	below, above := math.Abs(float64(x)-float64(low)), math.Abs(float64(high)-float64(x))
	if math.IsInf(float64(high), 0) {
		above = 0x1p128 - math.Abs(float64(x)) // the next number if there were one
	}
	switch {
	case math.IsNaN(float64(x)):
		return x
	case math.IsInf(float64(x), 0), below < above, below == above && u>>16&1 == 0:
		return low
	}
	return high
}

func TestRoundBF16(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var x []float32
	for _, u := range []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0x18000, 0x3f808000, 0x3f818000, 0x3f817fff,
		0x7f7f7fff, 0x7f7f8000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fffffff} {
		x = append(x, math.Float32frombits(u), math.Float32frombits(u|signBit))
	}
	for len(x) < 5003 {
		x = append(x, math.Float32frombits(r.Uint32()))
	}
	want := make([]float32, len(x))
	for i, v := range x {
		want[i] = nearestBF16(v)
	}
	eachWay(t, func(t *testing.T) {
		got := append([]float32{}, x...)
		RoundBF16(got)
		sameBits(t, "RoundBF16", got, want)
		for i, v := range got {
			if math.Float32bits(v)&0xffff != 0 {
				t.Fatalf("%x became %x, which is no bfloat16", math.Float32bits(x[i]), math.Float32bits(v))
			}
		}
	})
}

func TestFinite(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for n := 1; n <= 35; n++ {
			x := normal(uint64(n), n, 1)
			x[0] = math.MaxFloat32
			if !Finite(x) {
				t.Fatalf("%v is not finite", x)
			}
			for i := range x {
				for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					was := x[i]
					x[i] = float32(bad)
					if Finite(x) {
						t.Errorf("%v at %d of %d is finite", bad, i, n)
					}
					x[i] = was
				}
			}
		}
	})
}

// half is IEEE 754's definition of the number with these bits, with e bits of
// exponent and m of mantissa.
func half(u uint16, e, m int) float64 {
	sign := 1 - 2*float64(u>>15)
	exponent, fraction := int(u>>m)&(1<<e-1), float64(u&(1<<m-1))
	bias := 1<<(e-1) - 1
	switch {
	case exponent == 0:
		return sign * math.Ldexp(fraction, 1-bias-m)
	case exponent < 1<<e-1:
		return sign * math.Ldexp(fraction+float64(int(1)<<m), exponent-bias-m)
	case fraction == 0:
		return sign * math.Inf(1)
	}
	return math.NaN()
}

// All 65536 numbers of both types, at every place within a vector.
func TestWiden(t *testing.T) {
	const n = 1 << 16
	src := make([]byte, 2*n)
	bf16, fp16 := make([]float32, n), make([]float32, n)
	for i := range n {
		binary.LittleEndian.PutUint16(src[2*i:], uint16(i))
		bf16[i], fp16[i] = float32(half(uint16(i), 8, 7)), float32(half(uint16(i), 5, 10))
	}
	eachWay(t, func(t *testing.T) {
		for from := range 9 {
			dst := make([]float32, n-from)
			Widen(dst, src[2*from:], true)
			sameBits(t, "bf16", dst, bf16[from:])
			Widen(dst, src[2*from:], false)
			sameBits(t, "fp16", dst, fp16[from:])
		}
	})
}
