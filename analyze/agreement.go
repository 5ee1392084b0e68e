package analyze

import (
	"fmt"
	"math"
)

// contingency counts how two labellings of the same n tokens meet.
type contingency struct {
	n     int
	cells []float64 // (rows, columns) row-major
	a, b  []float64 // sizes of the clusters of each labelling
}

func newContingency(a, b []int) *contingency {
	if len(a) != len(b) {
		panic(fmt.Sprintf("analyze: labellings of %d and %d tokens", len(a), len(b)))
	}
	ia, na := indexLabels(a)
	ib, nb := indexLabels(b)
	c := &contingency{n: len(a), cells: make([]float64, na*nb), a: make([]float64, na), b: make([]float64, nb)}
	for i := range ia {
		c.cells[ia[i]*nb+ib[i]]++
		c.a[ia[i]]++
		c.b[ib[i]]++
	}
	return c
}

// same says whether the two partitions are one.
func (c *contingency) same() bool {
	filled := 0
	for _, n := range c.cells {
		if n > 0 {
			filled++
		}
	}
	return filled == len(c.a) && filled == len(c.b)
}

// indexLabels numbers the labels, noise among them, from 0 by first token.
func indexLabels(labels []int) (index []int, n int) {
	number := map[int]int{}
	index = make([]int, len(labels))
	for i, l := range labels {
		k, ok := number[l]
		if !ok {
			k = len(number)
			number[l] = k
		}
		index[i] = k
	}
	return index, len(number)
}

// ARI is the Rand index of two labellings adjusted for chance (Hubert and
// Arabie 1985): 1 for the same partition, 0 on average for unrelated ones.
// Noise counts as a label like any other, as in scikit-learn. Labellings that
// are both one cluster, or both all singletons, agree: 1.
func ARI(a, b []int) float64 {
	c := newContingency(a, b)
	both, inA, inB := pairs(c.cells...), pairs(c.a...), pairs(c.b...)
	all := pairs(float64(c.n))
	if inA == inB && (inA == 0 || inA == all) {
		return 1
	}
	expected := inA * inB / all
	return (both - expected) / ((inA+inB)/2 - expected)
}

// pairs returns the number of pairs within groups of the given sizes.
func pairs(sizes ...float64) float64 {
	var p float64
	for _, s := range sizes {
		p += s * (s - 1) / 2
	}
	return p
}

// AMI is the mutual information of two labellings adjusted for chance and
// divided by the mean of their entropies (Vinh, Epps and Bailey 2010, with the
// arithmetic mean, as scikit-learn's default): 1 for the same partition, 0 on
// average for unrelated ones. Noise counts as a label like any other.
// Labellings that are both one cluster, or both all singletons, agree: 1.
func AMI(a, b []int) float64 {
	c := newContingency(a, b)
	if len(c.a) == len(c.b) && (len(c.a) <= 1 || len(c.a) == c.n || c.same()) {
		return 1 // exactly, where rounding would leave 1 ± 2e-16
	}
	expected := c.expectedInformation()
	spread := (entropy(c.a) + entropy(c.b)) / 2
	// Where chance explains everything the quotient is 0/0 up to rounding;
	// scikit-learn keeps the denominator away from zero in the same way.
	denominator := spread - expected
	if denominator < 0 {
		denominator = min(denominator, -0x1p-52)
	} else {
		denominator = max(denominator, 0x1p-52)
	}
	return (c.information() - expected) / denominator
}

// entropy of a partition with the given cluster sizes, in nats.
func entropy(sizes []float64) float64 {
	n := sum(sizes)
	var h float64
	for _, s := range sizes {
		if s > 0 {
			h -= s / n * math.Log(s/n)
		}
	}
	return h
}

// information is the mutual information of the two labellings, in nats.
func (c *contingency) information() float64 {
	n, columns := float64(c.n), len(c.b)
	var mi float64
	for k, m := range c.cells {
		if m > 0 {
			mi += m / n * math.Log(m*n/(c.a[k/columns]*c.b[k%columns]))
		}
	}
	return max(mi, 0)
}

// expectedInformation is the mean mutual information over all pairs of
// labellings with these cluster sizes: for each pair of clusters, the sum over
// the counts m that their overlap can have, weighted by the hypergeometric
// probability (Vinh, Epps and Bailey 2010). Clusters of equal size give
// equal terms, so each pair of distinct sizes is computed once.
func (c *contingency) expectedInformation() float64 {
	logFactorial := logFactorials(c.n)
	sizesA, timesA := distinctSizes(c.a, c.n)
	sizesB, timesB := distinctSizes(c.b, c.n)
	var emi float64
	for i, a := range sizesA {
		for j, b := range sizesB {
			emi += timesA[i] * timesB[j] * expectedOverlap(a, b, c.n, logFactorial)
		}
	}
	return emi
}

// expectedOverlap sums m/n log(n m / (a b)) over the overlap m of two clusters
// of sizes a and b drawn from n tokens.
func expectedOverlap(a, b, n int, logFactorial []float64) float64 {
	fixed := logFactorial[a] + logFactorial[b] + logFactorial[n-a] + logFactorial[n-b] - logFactorial[n]
	var s float64
	for m := max(1, a+b-n); m <= min(a, b); m++ {
		logP := fixed - logFactorial[m] - logFactorial[a-m] - logFactorial[b-m] - logFactorial[n-a-b+m]
		x := float64(m) / float64(n)
		s += x * math.Log(x*float64(n)*float64(n)/(float64(a)*float64(b))) * math.Exp(logP)
	}
	return s
}

// distinctSizes returns the different cluster sizes, ascending, and how many
// clusters have each.
func distinctSizes(sizes []float64, n int) (distinct []int, times []float64) {
	count := make([]float64, n+1)
	for _, s := range sizes {
		count[int(s)]++
	}
	for s, k := range count {
		if k > 0 {
			distinct, times = append(distinct, s), append(times, k)
		}
	}
	return distinct, times
}

// logFactorials returns log(k!) for k from 0 to n.
func logFactorials(n int) []float64 {
	l := make([]float64, n+1)
	for k := 2; k <= n; k++ {
		l[k], _ = math.Lgamma(float64(k) + 1)
	}
	return l
}
