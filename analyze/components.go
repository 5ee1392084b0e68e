package analyze

// Components labels the tokens of a cloud by the connected components of the
// graph that joins two tokens of cosine tau or more: single linkage cut at tau.
// Labels are numbered by their first token.
func Components(c *Cloud, tau float64) []int {
	order, joins := newCosines(c).chain()
	labels := make([]int, c.T)
	label := -1
	for i, token := range order {
		if i == 0 || joins[i-1] < tau {
			label++
		}
		labels[token] = label
	}
	return renumber(labels)
}

// componentCounts returns the number of components at each of the thresholds.
func componentCounts(g *cosines, taus []float64) []int {
	counts := make([]int, len(taus))
	_, joins := g.chain()
	for i, tau := range taus {
		counts[i] = min(g.t, 1)
		for _, join := range joins {
			if join < tau {
				counts[i]++
			}
		}
	}
	return counts
}
