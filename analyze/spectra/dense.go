package spectra

import "math"

// Laws of a matrix (m, n) of independent elements with mean 0 and standard
// deviation sd, for large m and n. A weight that training has not shaped follows
// them; what lies outside was learned.

// EntryDeviation is the sd of a matrix (m, n) of the given Frobenius norm.
func EntryDeviation(norm float64, m, n int) float64 {
	return norm / math.Sqrt(float64(m)*float64(n))
}

// MarchenkoPasturEdges are the ends of the bulk of the singular values:
// sd |sqrt m - sqrt n| and sd (sqrt m + sqrt n) (Marchenko and Pastur 1967).
func MarchenkoPasturEdges(m, n int, sd float64) (lo, hi float64) {
	a, b := math.Sqrt(float64(m)), math.Sqrt(float64(n))
	return sd * math.Abs(a-b), sd * (a + b)
}

// MarchenkoPasturDensity is the density at s of the min(m, n) singular values:
// for k = min, N = max and x = s²/N the law of x with ratio k/N, times dx/ds.
func MarchenkoPasturDensity(s float64, m, n int, sd float64) float64 {
	lo, hi := MarchenkoPasturEdges(m, n, sd)
	if s <= 0 || s <= lo || s >= hi {
		return 0
	}
	// sqrt((b-x)(x-a)) / (2 pi sd² (k/N) x) * 2 s/N, with a, b, x in units of s²/N.
	return math.Sqrt((hi*hi-s*s)*(s*s-lo*lo)) / (math.Pi * sd * sd * float64(min(m, n)) * s)
}

// CircularRadius is the radius of the disc that the eigenvalues of an (n, n)
// matrix fill evenly: sd sqrt n (Ginibre 1965; Tao and Vu 2010).
func CircularRadius(n int, sd float64) float64 { return sd * math.Sqrt(float64(n)) }
