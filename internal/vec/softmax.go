package vec

// softmaxPlain replaces the scores s (keys, lanes) by exp(s - most), after raising
// most (lanes) to the new maximum, adds these to sum (lanes), and writes to shrink
// (lanes) the factor that the maximum's rise puts on what was summed before.
func softmaxPlain(s, most, sum, shrink []float32) {
	for j := range lanes {
		m := most[j]
		for i := j; i < len(s); i += lanes {
			m = max(m, s[i])
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
