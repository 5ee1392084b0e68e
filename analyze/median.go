package analyze

import (
	"math"
	"sync"
)

// medianMagnitude returns the median of |x|, the mean of the middle two of an
// even number. The magnitudes are non-negative floats, whose bit patterns sort
// as they do: the middle two patterns are found digit by digit, each by
// counting the digits of the values that share the ones before.
func medianMagnitude(x []float32, threads int) float64 {
	rest := [2]int{(len(x) - 1) / 2, len(x) / 2} // ranks among the values of the same prefix
	var prefix [2]uint32
	for _, d := range digits {
		var counts [2]*digitCounts
		counts[0] = countDigits(x, prefix[0], d, threads)
		counts[1] = counts[0]
		if prefix[1] != prefix[0] {
			counts[1] = countDigits(x, prefix[1], d, threads)
		}
		for i := range prefix {
			var value uint32
			value, rest[i] = counts[i].find(rest[i])
			prefix[i] = prefix[i]<<d.width | value
		}
	}
	low, high := math.Float32frombits(prefix[0]), math.Float32frombits(prefix[1])
	return (float64(low) + float64(high)) / 2
}

// digit is a run of bits of a pattern, from shift up.
type digit struct{ shift, width int }

// digits cover the 31 bits of a magnitude, so wide that the first tells values
// of one power of two apart and the counts still fit the first-level cache.
var digits = []digit{{20, 11}, {9, 11}, {0, 9}}

// digitCounts counts values by one digit.
type digitCounts [1 << 11]uint32

// find returns the digit of the value of rank k from 0, and its rank among
// those of the same digit.
func (c *digitCounts) find(k int) (value uint32, rest int) {
	for k >= int(c[value]) {
		k -= int(c[value])
		value++
	}
	return value, k
}

// add counts the digit d of the values whose bits above it are prefix.
func (c *digitCounts) add(x []float32, prefix uint32, d digit) {
	first, most := prefix<<d.width, uint32(1)<<d.width-1
	shift := d.shift & 31 // of which the compiler then knows that it is in range
	for _, v := range x {
		// One comparison, which few values pass: half of them pass a first one
		// of two, and the processor cannot foresee which.
		if value := magnitudeBits(v)>>shift - first; value <= most {
			c[value%uint32(len(c))]++
		}
	}
}

// countedAtOnce is how many values are one piece of work of countDigits.
const countedAtOnce = 1 << 17

// countDigits counts x by parts on several goroutines.
func countDigits(x []float32, prefix uint32, d digit, threads int) *digitCounts {
	var total digitCounts
	var lock sync.Mutex
	share((len(x)+countedAtOnce-1)/countedAtOnce, threads, func(next func() (int, bool)) {
		var c digitCounts
		for k, ok := next(); ok; k, ok = next() {
			c.add(x[k*countedAtOnce:min((k+1)*countedAtOnce, len(x))], prefix, d)
		}
		lock.Lock()
		defer lock.Unlock()
		for value, n := range c {
			total[value] += n
		}
	})
	return &total
}
