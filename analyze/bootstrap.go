package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// intervalLevel is the coverage of every interval.
const intervalLevel = 0.95

// bootstrap resamples prompts with replacement. Prompts are the unit because
// the tokens of one prompt depend on each other. All measures share the same
// resamples, so their intervals vary together over layers.
type bootstrap struct {
	draws int
	seed  int64

	mutex sync.Mutex
	picks map[int][]int32 // number of prompts -> indices (draws, prompts)
	held  int             // indices in picks
}

// maxPicks bounds the indices that are held for several numbers of prompts: a
// measure may be undefined in any number of them.
const maxPicks = 16 << 20

func newBootstrap(draws int, seed int64) *bootstrap {
	return &bootstrap{draws: draws, seed: seed, picks: map[int][]int32{}}
}

// interval returns the percentile interval of the mean of values (Efron and
// Tibshirani 1993, chapter 13), NaN for fewer than two values or no draws. For
// a paired comparison give it the differences.
func (b *bootstrap) interval(values []float64) (lo, hi float64) {
	n := len(values)
	if n < 2 || b.draws < 1 {
		return math.NaN(), math.NaN()
	}
	picks := b.resamples(n)
	rank := (1 - intervalLevel) / 2 * float64(b.draws-1)
	low, high := newTail(int(rank)+2, 1), newTail(int(rank)+2, -1)
	for d := range b.draws {
		var s float64
		for _, i := range picks[d*n : (d+1)*n] {
			s += values[i]
		}
		low.add(s / float64(n))
		high.add(s / float64(n))
	}
	return low.quantile(rank) + 0, high.quantile(rank) + 0 // never -0
}

// resamples may be called from several goroutines.
func (b *bootstrap) resamples(n int) []int32 {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if p, ok := b.picks[n]; ok {
		return p
	}
	if b.held+b.draws*n > maxPicks {
		clear(b.picks)
		b.held = 0
	}
	r := rand.New(rand.NewPCG(uint64(b.seed), uint64(n)))
	p := make([]int32, b.draws*n)
	for i := range p {
		p[i] = r.Int32N(int32(n))
	}
	b.picks[n] = p
	b.held += len(p)
	return p
}

// tail keeps the smallest values given to it: the few order statistics that a
// quantile near the end needs, at a fraction of the cost of sorting.
type tail struct {
	sign float64   // -1: the greatest values instead
	kept []float64 // ascending, of sign times the values
	size int
}

func newTail(size int, sign float64) *tail {
	return &tail{sign: sign, kept: make([]float64, 0, size+1), size: size}
}

func (t *tail) add(v float64) {
	v *= t.sign
	if len(t.kept) == t.size && v >= t.kept[t.size-1] {
		return
	}
	at, _ := slices.BinarySearch(t.kept, v)
	t.kept = slices.Insert(t.kept, at, v)
	t.kept = t.kept[:min(len(t.kept), t.size)]
}

// quantile interpolates between the order statistics around rank, from 0.
func (t *tail) quantile(rank float64) float64 {
	k := int(rank)
	a, b := t.kept[k], t.kept[min(k+1, len(t.kept)-1)]
	return t.sign * (a + (rank-float64(k))*(b-a))
}
