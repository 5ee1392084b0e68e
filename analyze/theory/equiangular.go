package theory

import "math"

// Equiangular is the motion of n tokens on the sphere whose pairwise inner
// products all equal gamma, under Q = K = V = I: they stay so, and gamma obeys
// one equation (Geshkovski, Letrouit, Polyanskiy and Rigollet, 2312.10794).
type Equiangular struct {
	N            int
	Beta         float64
	Unnormalised bool // exp(..)/n in place of the softmax
}

// Slope is gamma'.
func (e Equiangular) Slope(gamma float64) float64 {
	n := float64(e.N)
	shape := (1 - gamma) * ((n-1)*gamma + 1)
	if e.Unnormalised {
		return 2 / n * math.Exp(e.Beta*gamma) * shape
	}
	// divided by e^{beta gamma}, which may overflow where the quotient does not
	return 2 * shape / (math.Exp(e.Beta*(1-gamma)) + n - 1)
}

// At returns gamma at each of the times, which must not fall, from gamma0 at 0.
// Steps of the classical Runge-Kutta method are halved until two sizes agree to
// 1e-12.
func (e Equiangular) At(gamma0 float64, times []float64) []float64 {
	out := make([]float64, len(times))
	gamma, t := gamma0, 0.0
	for i, to := range times {
		gamma = e.advance(gamma, to-t)
		out[i], t = gamma, to
	}
	return out
}

func (e Equiangular) advance(gamma, span float64) float64 {
	if span <= 0 {
		return gamma
	}
	last := math.NaN()
	for pieces := 32; ; pieces *= 2 {
		g, h := gamma, span/float64(pieces)
		for range pieces {
			k1 := e.Slope(g)
			k2 := e.Slope(g + h/2*k1)
			k3 := e.Slope(g + h/2*k2)
			k4 := e.Slope(g + h*k3)
			g += h / 6 * (k1 + 2*k2 + 2*k3 + k4)
		}
		if math.Abs(g-last) < 1e-12 || pieces >= 1<<20 {
			return g
		}
		last = g
	}
}

// TimeTo is when gamma reaches goal from gamma0: the integral of d gamma over
// the slope, by Simpson's rule refined until two sizes agree. Infinite for goals
// that are never reached.
func (e Equiangular) TimeTo(gamma0, goal float64) float64 {
	if goal >= 1 || e.Slope(gamma0) <= 0 {
		return math.Inf(1)
	}
	last := math.NaN()
	for pieces := 64; ; pieces *= 2 {
		h := (goal - gamma0) / float64(pieces)
		sum := 1/e.Slope(gamma0) + 1/e.Slope(goal)
		for k := 1; k < pieces; k++ {
			sum += float64(2+2*(k%2)) / e.Slope(gamma0+float64(k)*h)
		}
		sum *= h / 3
		if math.Abs(sum-last) < 1e-12*math.Abs(sum) || pieces >= 1<<20 {
			return sum
		}
		last = sum
	}
}
