package theory

// RankOneClusters is how many clusters V = I and K'Q = u u' lead to, from the
// components a_i = <u, x_i(0)> alone: tokens with a_i > 0 go to the one with the
// largest a, those with a_i < 0 to the one with the smallest. One at exactly 0
// pays all equal attention, which draws it to the side of their mean; only where
// it stays at 0 would there be one cluster more.
func RankOneClusters(a []float64) int {
	var positive, negative bool
	for _, v := range a {
		positive, negative = positive || v > 0, negative || v < 0
	}
	if positive && negative {
		return 2
	}
	return 1
}
