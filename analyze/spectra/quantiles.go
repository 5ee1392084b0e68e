package spectra

import "math"

// MarchenkoPasturQuantiles are the singular values, from the largest, that a
// matrix (m, n) of independent elements with mean 0 and standard deviation sd has
// in the limit of a large one: the quantiles (i + 1/2) / min(m, n) of the law of
// Marchenko and Pastur (1967), right to 1e-6 of the largest. In units of
// sd sqrt(max) they lie between 1 - sqrt q and 1 + sqrt q, q = min/max.
func MarchenkoPasturQuantiles(m, n int, sd float64) []float64 {
	k := min(m, n)
	if k <= 0 {
		return nil
	}
	q := float64(k) / float64(max(m, n))
	unit := sd * math.Sqrt(float64(max(m, n)))
	lo, hi := 1-math.Sqrt(q), 1+math.Sqrt(q)
	// With y = (lo+hi)/2 + (hi-lo)/2 sin t the density loses the roots at its
	// edges, so that what is integrated is smooth in t.
	density := func(t float64) float64 {
		sin, cos := math.Sincos(t)
		y, half := (lo+hi)/2+(hi-lo)/2*sin, (hi-lo)/2*cos
		if y <= 0 {
			return 0
		}
		// (hi²-y²)(y²-lo²) = (hi+y)(y+lo) half², since (hi-y)(y-lo) = half²
		return math.Sqrt((hi+y)*(y+lo)) * half * half / (math.Pi * q * y)
	}
	const steps = 1 << 14
	h := math.Pi / steps
	values := make([]float64, k)
	sum, from := 0.0, density(math.Pi/2)
	i := 0
	for step := range steps { // from the upper edge down
		t := math.Pi/2 - float64(step+1)*h
		to := density(t)
		area := h / 6 * (from + 4*density(t+h/2) + to)
		for i < k && sum+area >= (float64(i)+0.5)/float64(k) {
			part := ((float64(i)+0.5)/float64(k) - sum) / area
			values[i] = unit * ((lo+hi)/2 + (hi-lo)/2*math.Sin(t+h*(1-part)))
			i++
		}
		sum, from = sum+area, to
	}
	for ; i < k; i++ {
		values[i] = unit * lo
	}
	return values
}
