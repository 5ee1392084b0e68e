package analyze

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/lapack/gonum"
)

// eigenvalues returns the eigenvalues, ascending, of the symmetric tridiagonal
// matrix of diagonal d (n) and subdiagonal e (n-1), to within the rounding of
// the largest. Where vectors count for many numbers at a time how many
// eigenvalues are below each, bisection by these counts is several times faster
// than LAPACK's iteration, whose divisions wait for one another.
func eigenvalues(d, e []float64) []float64 {
	l := slices.Clone(d)
	bound := norm1(d, e)
	if bound == 0 {
		return l
	}
	if countPoints == 0 {
		if !(gonum.Implementation{}).Dsterf(len(d), l, slices.Clone(e)) {
			// The iteration fails only on numbers that are not finite, and a
			// Study lets none in.
			panic("analyze: the eigenvalues of a Gram matrix did not converge")
		}
		return l
	}
	_, exponent := math.Frexp(bound)
	b := newBisection(d, e, math.Ldexp(1, -exponent))
	b.start()
	for b.narrowAll() {
	}
	for i := range l {
		l[i] = math.Ldexp((b.intervals[i].lower.x+b.intervals[i].upper.x)/2, exponent)
	}
	return l
}

// norm1 returns the largest sum of magnitudes in a row: no eigenvalue is larger.
func norm1(d, e []float64) float64 {
	var most float64
	for i, v := range d {
		s := math.Abs(v)
		if i > 0 {
			s += math.Abs(e[i-1])
		}
		if i < len(e) {
			s += math.Abs(e[i])
		}
		most = max(most, s)
	}
	return most
}

// bisection narrows an interval about each eigenvalue of a tridiagonal matrix of
// norm at most 1.
type bisection struct {
	d, e2     []float64  // (n) diagonal; less the squares of the subdiagonal, e2[i] left of d[i]
	intervals []interval // (n)
	points    []float64  // (n, padded) to be counted at
	counts    []int      // (n, padded) eigenvalues below each point
	dets      []det      // (n, padded) determinants there
	open      []int      // eigenvalues whose interval is still wide
}

// interval holds an eigenvalue.
type interval struct {
	lower, upper end
	checked      float64 // width when it was last checked to shrink
	points       int     // since then
}

// end is one end of an interval.
type end struct {
	x     float64
	count int // eigenvalues below x
	det   det // made smaller by a stay
	stays int // how often in a row the other end moved
}

// det is the magnitude of det(T - x), fraction * 2^exponent: it is far outside
// the range of a float64.
type det struct {
	fraction float64
	exponent int
}

// over returns a/b.
func (a det) over(b det) float64 { return math.Ldexp(a.fraction/b.fraction, a.exponent-b.exponent) }

// leastSquare stands for the square of a subdiagonal entry of zero. A sequence
// that meets an eigenvalue of the leading matrix goes on from it.
const leastSquare = 1e-60

func newBisection(d, e []float64, scale float64) *bisection {
	n := len(d)
	padded := n + countPoints
	b := &bisection{
		d: make([]float64, n), e2: make([]float64, n),
		intervals: slices.Repeat([]interval{{lower: end{x: -1}, upper: end{x: 1, count: n}, checked: 2}}, n),
		points:    make([]float64, padded), counts: make([]int, padded), dets: make([]det, padded),
	}
	for i := range d {
		b.d[i] = d[i] * scale
		if i > 0 {
			b.e2[i] = -max(e[i-1]*scale*(e[i-1]*scale), leastSquare)
		}
		b.open = append(b.open, i)
	}
	return b
}

// narrow is the width at which an interval is the eigenvalue, with a norm of 1.
const narrow = 0x1p-52

// start counts at numbers whose logarithms are equally far apart, and one below
// zero: the eigenvalues of a Gram matrix are positive and of many sizes.
func (b *bisection) start() {
	n := len(b.d)
	b.points[0] = -narrow / 2
	for i := 1; i < n; i++ {
		b.points[i] = math.Exp2(-52 * float64(n-1-i) / float64(n-1))
	}
	b.count(n)
	above := 0 // the first point above eigenvalue i
	for i := range n {
		for above < n && b.counts[above] <= i {
			above++
		}
		if above > 0 {
			b.intervals[i].lower = b.end(above - 1)
		}
		if above < n {
			b.intervals[i].upper = b.end(above)
		}
	}
}

// end returns point p as an end.
func (b *bisection) end(p int) end {
	return end{x: b.points[p], count: b.counts[p], det: b.dets[p]}
}

// narrowAll counts inside every open interval and says whether there were any.
func (b *bisection) narrowAll() bool {
	b.open = slices.DeleteFunc(b.open, func(i int) bool { return b.intervals[i].width() <= narrow })
	for k, i := range b.open {
		b.points[k] = b.intervals[i].next()
	}
	b.count(len(b.open))
	for k, i := range b.open {
		v := &b.intervals[i]
		if b.counts[k] > i {
			v.lower.stay(v.upper.det, b.dets[k])
			v.upper = b.end(k)
		} else {
			v.upper.stay(v.lower.det, b.dets[k])
			v.lower = b.end(k)
		}
	}
	return len(b.open) > 0
}

func (v *interval) width() float64 { return v.upper.x - v.lower.x }

// next chooses the next point: the middle while other eigenvalues are in the
// interval, then where the straight line through the two determinants, of
// opposite signs, is zero. It keeps away from the ends, so that an end close to
// the eigenvalue is passed and the interval closes. Where three lines have not
// halved the interval, it is halved.
func (v *interval) next() float64 {
	middle := v.lower.x + v.width()/2
	if v.points++; v.points > 3 {
		slow := v.width() > v.checked/2
		if v.points, v.checked = 0, v.width(); slow {
			return middle
		}
	}
	share := 1 / (1 + v.upper.det.over(v.lower.det))
	if v.upper.count-v.lower.count > 1 || math.IsNaN(share) {
		return middle
	}
	return min(max(v.lower.x+share*v.width(), v.lower.x+narrow/2), v.upper.x-narrow/2)
}

// stay lowers the determinant of an end that stays again while the other one
// moves, from the determinant before to the one at, so that the next line
// crosses zero nearer to it (Anderson and Björck 1973).
func (e *end) stay(before, at det) {
	if e.stays++; e.stays < 2 {
		return
	}
	kept := 1 - at.over(before)
	if !(kept > 0) {
		kept = 0.5
	}
	e.det.fraction *= kept
}

// count sets the counts and determinants of the first n points.
func (b *bisection) count(n int) {
	for k := 0; k < n; k += countPoints {
		countBelow(b.dets[k:k+countPoints], b.counts[k:k+countPoints], b.points[k:k+countPoints], b.d, b.e2)
	}
}

// stepsUnscaled is how many steps a sequence may take before it is scaled: each
// makes its terms at most three times larger.
const stepsUnscaled = 16

// countBelowPlain counts the eigenvalues below each of the points: the changes
// of sign in the sequence of the determinants of the leading matrices of T - x,
// p_i = (d_i - x) p_(i-1) - e_i^2 p_(i-2) (Givens 1954). The last of them is
// det(T - x). It is the oracle of countBelow.
func countBelowPlain(dets []det, counts []int, points, d, e2 []float64) {
	for k, x := range points {
		before, p := 0.0, 1.0
		counts[k], dets[k].exponent = 0, 0
		for i := range d {
			before, p = p, (d[i]-x)*p+e2[i]*before
			if math.Signbit(p) != math.Signbit(before) {
				counts[k]++
			}
			if i%stepsUnscaled == stepsUnscaled-1 {
				_, exponent := math.Frexp(max(math.Abs(p), math.Abs(before)))
				p, before = math.Ldexp(p, -exponent), math.Ldexp(before, -exponent)
				dets[k].exponent += exponent
			}
		}
		dets[k].fraction = math.Abs(p)
	}
}
