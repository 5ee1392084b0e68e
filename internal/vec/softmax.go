package vec

// slack is how far a score may be above the number subtracted from its row. The
// number need not be the maximum itself: weights up to exp(16) are as precise as
// those up to 1, and while it stays, what was summed before need not shrink.
const slack = 16

// softmaxPlain replaces the scores s (keys, lanes) by exp(s - most), after raising
// most (lanes) where the scores pass it by more than slack, adds these to sum
// (lanes), and writes to shrink (lanes) the factor that the rise puts on what was
// summed before.
func softmaxPlain(s, most, sum, shrink []float32) {
	for j := range lanes {
		m := most[j]
		for i := j; i < len(s); i += lanes {
			m = max(m, s[i])
		}
		if !(m > most[j]+slack) {
			m = most[j]
		}
		shrink[j] = expPlain(most[j] - m)
		most[j] = m
		var total float32
		for i := j; i < len(s); i += lanes {
			s[i] = expPlain(s[i] - m)
			total += s[i]
		}
		sum[j] = sum[j]*shrink[j] + total
	}
}
