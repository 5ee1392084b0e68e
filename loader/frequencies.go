package loader

import "math"

// Frequencies are the radians per position of each pair of a head, as
// transformers' modeling_rope_utils computes them for a prompt of t tokens.
func (r Rope) Frequencies(headDim, t int) []float32 {
	theta := r.Theta
	if r.Type == "dynamic" {
		theta = r.dynamicTheta(headDim, t)
	}
	wavelengths := make([]float32, headDim/2) // over 2 pi
	for i := range wavelengths {
		exponent := float32(2*i) / float32(headDim)
		wavelengths[i] = float32(math.Pow(theta, float64(exponent)))
	}
	switch r.Type {
	case "llama3":
		return r.llama3Frequencies(wavelengths)
	case "yarn":
		return r.yarnFrequencies(headDim, wavelengths)
	}
	frequencies := make([]float32, len(wavelengths))
	for i, w := range wavelengths {
		frequencies[i] = 1 / w
		if r.Type == "linear" {
			frequencies[i] /= float32(r.Factor)
		}
	}
	return frequencies
}

// dynamicTheta grows with a prompt longer than the positions of the training,
// so that the slowest pair turns over the prompt as it did over those.
func (r Rope) dynamicTheta(headDim, t int) float64 {
	original := r.Original
	stretch := float32(r.Factor*float64(max(t, original)))/float32(original) - float32(r.Factor-1)
	power := math.Pow(float64(stretch), float64(headDim)/float64(headDim-2))
	return float64(float32(r.Theta) * float32(power))
}

// llama3Frequencies divides the frequencies of pairs slower than LowFrequency
// turns by Factor, leaves those faster than HighFrequency turns, and blends
// between the two.
func (r Rope) llama3Frequencies(wavelengths []float32) []float32 {
	original, factor := float32(r.Original), float32(r.Factor)
	low, span := float32(r.LowFrequency), float32(r.HighFrequency-r.LowFrequency)
	frequencies := make([]float32, len(wavelengths))
	for i, w := range wavelengths {
		f := 1 / w
		length := float32(2*math.Pi) / f // positions per turn
		switch {
		case float64(length) > float64(r.Original)/r.LowFrequency:
			f /= factor
		case float64(length) >= float64(r.Original)/r.HighFrequency:
			smooth := (original/length - low) / span
			slow := float32((1-smooth)*f) / factor
			f = slow + float32(smooth*f)
		}
		frequencies[i] = f
	}
	return frequencies
}

// yarnFrequencies leaves the pairs that turn more than BetaFast times over the
// positions of the training, divides the frequencies of those that turn less
// than BetaSlow times by Factor, and blends pair by pair between the two
// (arXiv 2309.00071, section 3.2).
func (r Rope) yarnFrequencies(headDim int, wavelengths []float32) []float32 {
	pairOf := func(turns float64) float64 { // the pair that turns so often
		return float64(headDim) * math.Log(float64(r.Original)/(turns*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high := pairOf(r.BetaFast), pairOf(r.BetaSlow)
	if r.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(headDim-1))
	if low == high {
		high += 0.001
	}
	frequencies := make([]float32, len(wavelengths))
	for i, w := range wavelengths {
		ramp := min(max((float32(i)-float32(low))/float32(high-low), 0), 1)
		kept := 1 - ramp
		stretched := 1 / float32(float32(r.Factor)*w)
		frequencies[i] = float32(stretched*(1-kept)) + float32(1/w*kept)
	}
	return frequencies
}
