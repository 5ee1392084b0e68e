package spectra

import (
	"cmp"
	"math"
	"slices"
)

// Track is where something of an adapter's tokens stands in the residual stream
// before the first block and after each, the last before the final norm: (L+1)
// values, NaN where they are not known.
type Track struct {
	Adapter, Target, Mask string
	At                    []float64 // (L+1)
}

// leastBlocks is the fewest blocks that are joined: the trend takes six of them.
const leastBlocks = 10

// Joins asks whether the blocks where an adapter changed the weights most are
// those where its tokens moved most. Every covariate of values is set against the
// increment of every track over each block, At[l+1] - At[l]. values must be known
// of the blocks listed; one among them without a row is as the base has it, and
// its covariate 0. Where some increments are unknown, the longest stretch of
// blocks that follow one another is joined; below 10 blocks nothing is, nor what
// is the same in all blocks.
//
// Both series change smoothly with depth in every network, whatever the adapter,
// so two of them are nearly always correlated and a permutation of blocks would
// call that significant. Hence:
//
//   - The trend. Both series are replaced by their ranks, so that one block with a
//     huge value does not bend it, and lose their least-squares cubic in depth. The
//     first and the last block, unlike others in most networks, are fitted by
//     themselves: their remainder is 0. Rho is Spearman's of what remains.
//   - The permutation. What remains of the covariate is shifted in a circle by 0,
//     1, .. L-1 blocks, which keeps its own smoothness, and loses the trend of the
//     new places. P is the share of the L shifts, the identity among them, at
//     which |rho| is at least that observed.
//
// P is a multiple of 1/L: with fewer than 20 blocks none can be below 0.05. Under
// noise of autocorrelation up to 0.9, with trends and without, P <= 0.05 was seen in 2
// to 5 % of cases at 30 blocks (see the tests); with trends sharper than a cubic that
// both series share P is too small.
func Joins(values []Value, blocks []int, tracks []Track) []Join {
	var joins []joined
	for _, adapter := range adaptersOf(tracks) {
		list := covariatesOf(values, blocks, adapter)
		for _, x := range list {
			for _, t := range tracks {
				if t.Adapter == adapter {
					if j, ok := x.join(t); ok {
						joins = append(joins, j)
					}
				}
			}
		}
	}
	correct(joins)
	out := make([]Join, len(joins))
	for i := range joins {
		out[i] = joins[i].Join
	}
	return out
}

func adaptersOf(tracks []Track) []string {
	var names []string
	for _, t := range tracks {
		if !slices.Contains(names, t.Adapter) {
			names = append(names, t.Adapter)
		}
	}
	return names
}

// joined is a Join with |rho| at every shift, (Shifts).
type joined struct {
	Join
	shifted []float64
}

// join sets a covariate against a track.
func (c series) join(t Track) (joined, bool) {
	j := joined{Join: Join{Adapter: t.Adapter, Covariate: c.name, Target: t.Target, Mask: t.Mask}}
	var stretch []JoinPoint
	for l := range max(0, len(t.At)-1) {
		x, known := c.at[l]
		y := t.At[l+1] - t.At[l]
		if !known || math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
			stretch = nil
			continue
		}
		stretch = append(stretch, JoinPoint{Layer: l, X: x, Y: y})
		if len(stretch) > len(j.Points) {
			j.Points = stretch
		}
	}
	if len(j.Points) < leastBlocks {
		return j, false
	}
	return j, j.correlate()
}

// correlate fills in what is left of the points without the trend, and what the
// shifts say. It fails where one series is constant, or nothing but trend.
func (j *joined) correlate() bool {
	n := len(j.Points)
	x, y := make([]float64, n), make([]float64, n)
	for i, p := range j.Points {
		x[i], y[i] = p.X, p.Y
	}
	trend := newTrend(n)
	xRest, yRest := trend.rest(ranks(x)), trend.rest(ranks(y))
	j.shifted = shiftedRho(xRest, yRest, trend)
	if math.IsNaN(j.shifted[0]) {
		return false
	}
	for i := range j.Points {
		j.Points[i].XRest, j.Points[i].YRest = xRest[i], yRest[i]
	}
	j.Rho, j.Shifts = j.shifted[0], n
	for s := range j.shifted {
		j.shifted[s] = math.Abs(j.shifted[s]) // NaN, of a shift that leaves nothing but trend, reaches no other
	}
	j.P = reached(j.shifted, j.shifted[0])
	return true
}

// reached is the share of values that are at least v.
func reached(values []float64, v float64) float64 {
	count := 0
	for _, u := range values {
		if u >= v-tie {
			count++
		}
	}
	return float64(count) / float64(len(values))
}

// shiftedRho is Spearman's correlation of y (L) with x (L) shifted in a circle by
// 0 .. L-1, less the trend of its new places.
func shiftedRho(x, y []float64, t trend) []float64 {
	n := len(x)
	of := ranks(y)
	rho := make([]float64, n)
	for s := range n {
		rho[s] = pearson(ranks(t.rest(append(slices.Clone(x[n-s:]), x[:n-s]...))), of)
	}
	return rho
}

// family is what joins share that are corrected for each other by shifts.
type family struct {
	adapter       string
	first, shifts int // blocks
}

func (j *joined) family() family { return family{j.Adapter, j.Points[0].Layer, j.Shifts} }

// correct fills in PMax and PHolm.
func correct(joins []joined) {
	most := map[family][]float64{} // the largest |rho| of the family at each shift
	for i := range joins {
		j := &joins[i]
		of := j.family()
		if most[of] == nil {
			most[of] = make([]float64, j.Shifts)
		}
		for s, rho := range j.shifted {
			if rho > most[of][s] { // never with NaN
				most[of][s] = rho
			}
		}
	}
	order := make([]int, len(joins))
	for i := range joins {
		order[i] = i
		joins[i].PMax = reached(most[joins[i].family()], math.Abs(joins[i].Rho))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(joins[a].P, joins[b].P) })
	least := 0.0
	for k, i := range order {
		least = max(least, min(1, float64(len(joins)-k)*joins[i].P))
		joins[i].PHolm = least
	}
}
