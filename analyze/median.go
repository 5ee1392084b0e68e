package analyze

import (
	"math"
	"sync"
)

// medianMagnitude returns the median of |x|, the mean of the middle two of an
// even number. The magnitudes are non-negative floats, whose bit patterns sort
// as they do: the median is found by counting the upper halves of the patterns,
// then the lower halves of those that share its upper one.
func medianMagnitude(x []float32, threads int) float64 {
	uppers := countHalves(x, threads, countUppers)
	var magnitudes [2]float64 // of the middle ranks
	var lowers *halfCounts
	counted := -1 // the upper half that lowers is of
	for i, k := range [2]int{(len(x) - 1) / 2, len(x) / 2} {
		upper, rest := uppers.find(k)
		if upper != counted {
			counted = upper
			lowers = countHalves(x, threads, func(c *halfCounts, x []float32) { countLowers(c, x, upper) })
		}
		lower, _ := lowers.find(rest)
		magnitudes[i] = float64(math.Float32frombits(uint32(upper)<<16 | uint32(lower)))
	}
	return (magnitudes[0] + magnitudes[1]) / 2
}

// halfCounts counts values by 16 of their bits.
type halfCounts [1 << 16]int

// find returns the bits of the value of rank k from 0, and its rank among those
// of the same bits.
func (c *halfCounts) find(k int) (bits, rest int) {
	for k >= c[bits] {
		k -= c[bits]
		bits++
	}
	return bits, k
}

func countUppers(c *halfCounts, x []float32) {
	for _, v := range x {
		c[magnitudeBits(v)>>16]++
	}
}

// countLowers counts the lower halves of the magnitudes whose upper half is the
// given one.
func countLowers(c *halfCounts, x []float32, upper int) {
	for _, v := range x {
		if bits := magnitudeBits(v); bits>>16 == uint32(upper) {
			c[bits&0xffff]++
		}
	}
}

// countedAtOnce is how many values are one piece of work of countHalves: many
// more than there are counts to add up in the end.
const countedAtOnce = 1 << 19

// countHalves counts x by parts on several goroutines.
func countHalves(x []float32, threads int, count func(c *halfCounts, x []float32)) *halfCounts {
	var total halfCounts
	var lock sync.Mutex
	share((len(x)+countedAtOnce-1)/countedAtOnce, threads, func(next func() (int, bool)) {
		var c halfCounts
		for k, ok := next(); ok; k, ok = next() {
			count(&c, x[k*countedAtOnce:min((k+1)*countedAtOnce, len(x))])
		}
		lock.Lock()
		defer lock.Unlock()
		for bits, n := range c {
			total[bits] += n
		}
	})
	return &total
}
