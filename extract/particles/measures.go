package particles

import "math"

// MeanCosine is the mean cosine over ordered pairs of tokens x (n, d). The
// paper counts each token with itself; excluding them is what a clustering of
// different tokens means. A zero token has no direction and cosine 0.
func MeanCosine(x []float64, d int) (including, excluding float64) {
	n := len(x) / d
	sum := make([]float64, d)
	alive := 0
	for i := range n {
		row := x[i*d : (i+1)*d]
		size := length(row)
		if size == 0 {
			continue
		}
		alive++
		for k, v := range row {
			sum[k] += v / size
		}
	}
	total := dot(sum, sum)
	including = total / float64(n*n)
	if n == 1 {
		return including, math.NaN()
	}
	return including, (total - float64(alive)) / float64(n*(n-1))
}

// length is norm for a row of any size: squares of large numbers overflow.
func length(x []float64) float64 {
	if n := norm(x); n > 1e-150 && n < 1e150 {
		return n
	}
	var largest, sum float64
	for _, v := range x {
		largest = math.Max(largest, math.Abs(v))
	}
	if largest == 0 {
		return 0
	}
	for _, v := range x {
		sum += (v / largest) * (v / largest)
	}
	return largest * math.Sqrt(sum)
}

// Energy is E_beta = sum_ij exp(beta <x_i, x_j>)/(2 beta n^2), which never
// falls along the dynamics on the sphere with Q = K = V = I.
func Energy(x []float64, d int, beta float64) float64 {
	n := len(x) / d
	var sum float64
	for i := range n {
		xi := x[i*d : (i+1)*d]
		sum += math.Exp(beta * dot(xi, xi))
		for j := range i {
			sum += 2 * math.Exp(beta*dot(xi, x[j*d:(j+1)*d]))
		}
	}
	return sum / (2 * beta * float64(n) * float64(n))
}

// Diameter is the largest distance between two tokens.
func Diameter(x []float64, d int) float64 {
	n := len(x) / d
	var most float64
	for i := range n {
		for j := range i {
			most = math.Max(most, distance(x[i*d:(i+1)*d], x[j*d:(j+1)*d]))
		}
	}
	return most
}

// OneSided is how far the farthest token is from its nearest point. NaN is as
// far as none is found to be, as in the paper's script, where that is 100.
func OneSided(x, points []float64, d int) float64 {
	const none = 100
	var far float64
	for i := 0; i < len(x); i += d {
		near := float64(none * none)
		for c := 0; c < len(points); c += d {
			if v := squared(x[i:i+d], points[c:c+d]); v < near {
				near = v
			}
		}
		if near > far {
			far = near
		}
	}
	return math.Sqrt(far)
}

// PerToken is how far the farthest token is from its own point.
func PerToken(x, points []float64, d int) float64 {
	var far float64
	for i := 0; i < len(x); i += d {
		if v := squared(x[i:i+d], points[i:i+d]); v > far {
			far = v
		}
	}
	return math.Sqrt(far)
}
