package spectra

import "math"

// CircularRadius is the edge of the circular law for a matrix (n, n) of
// Frobenius norm norm: the eigenvalues of one with independent elements of mean
// 0 fill a disc of radius norm / sqrt(n) evenly as n grows (Tao and Vu 2010).
func CircularRadius(norm float64, n int) float64 { return norm / math.Sqrt(float64(n)) }

// MarchenkoPastur are the singular values, from the largest, that a matrix
// (rows, cols) with independent elements of mean 0 and Frobenius norm norm has
// in the limit of a large one: the quantiles (i + 1/2) / min(rows, cols) of the
// law of Marchenko and Pastur (1967). With q = min/max and s² the variance of an
// element, sigma²/(s² max) lies between (1 ± sqrt q)² with the density
//
//	sqrt((x₊ - x)(x - x₋)) / (2 π q x)
//
// They are right to 1e-6 of the largest.
func MarchenkoPastur(rows, cols int, norm float64) []float64 {
	k, n := min(rows, cols), max(rows, cols)
	if k <= 0 {
		return nil
	}
	q := float64(k) / float64(n)
	unit := norm / math.Sqrt(float64(k)) // s sqrt(max): norm² = s² k n
	lo, hi := 1-math.Sqrt(q), 1+math.Sqrt(q)
	// Substituted y = sqrt x and y = (lo+hi)/2 + (hi-lo)/2 sin t, so that the
	// density has no edge: what is integrated is smooth in t.
	density := func(t float64) float64 {
		sin, cos := math.Sincos(t)
		y, half := (lo+hi)/2+(hi-lo)/2*sin, (hi-lo)/2*cos
		if y <= 0 {
			return 0
		}
		// (x₊-x)(x-x₋) = (hi-y)(hi+y)(y-lo)(y+lo), and (hi-y)(y-lo) = half²
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
