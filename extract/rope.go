package extract

import (
	"math"

	"github.com/layerclust/layerclust/loader"
)

// ropeTables gives the cosines and sines of the rotary embedding for the
// positions 0..t-1, both (t, headDim/2).
//
// Frequencies and angles are rounded to float32 where transformers rounds them:
// at position 4,000 that rounding is already 1e-4 rad, and it is the model's own,
// since it was trained with it. Only the cosine itself is better than float32.
func ropeTables(rope loader.Rope, headDim, t int) (cos, sin []float32) {
	half := headDim / 2
	frequencies := ropeFrequencies(rope, headDim, t)
	factor := 1.0
	if rope.Type == "yarn" {
		factor = rope.AttentionFactor
	}
	cos = make([]float32, t*half) // (t, headDim/2)
	sin = make([]float32, t*half) // (t, headDim/2)
	for p := range t {
		for i, f := range frequencies {
			s, c := math.Sincos(float64(float32(p) * f))
			cos[p*half+i], sin[p*half+i] = float32(factor*c), float32(factor*s)
		}
	}
	return cos, sin
}

// ropeFrequencies are the radians per position of each pair of a head, as
// transformers' modeling_rope_utils computes them for a prompt of t tokens.
func ropeFrequencies(rope loader.Rope, headDim, t int) []float32 {
	theta := rope.Theta
	if rope.Type == "dynamic" {
		theta = dynamicTheta(rope, headDim, t)
	}
	wavelengths := make([]float32, headDim/2) // over 2 pi
	for i := range wavelengths {
		exponent := float32(2*i) / float32(headDim)
		wavelengths[i] = float32(math.Pow(theta, float64(exponent)))
	}
	switch rope.Type {
	case "llama3":
		return llama3Frequencies(rope, wavelengths)
	case "yarn":
		return yarnFrequencies(rope, headDim, wavelengths)
	}
	frequencies := make([]float32, len(wavelengths))
	for i, w := range wavelengths {
		frequencies[i] = 1 / w
		if rope.Type == "linear" {
			frequencies[i] /= float32(rope.Factor)
		}
	}
	return frequencies
}

// dynamicTheta grows with a prompt longer than the positions of the training,
// so that the slowest pair turns over the prompt as it did over those.
func dynamicTheta(rope loader.Rope, headDim, t int) float64 {
	original := rope.Original
	stretch := float32(rope.Factor*float64(max(t, original)))/float32(original) - float32(rope.Factor-1)
	power := math.Pow(float64(stretch), float64(headDim)/float64(headDim-2))
	return float64(float32(rope.Theta) * float32(power))
}

// llama3Frequencies divides the frequencies of pairs slower than LowFrequency
// turns by Factor, leaves those faster than HighFrequency turns, and blends
// between the two.
func llama3Frequencies(rope loader.Rope, wavelengths []float32) []float32 {
	original, factor := float32(rope.Original), float32(rope.Factor)
	low, span := float32(rope.LowFrequency), float32(rope.HighFrequency-rope.LowFrequency)
	frequencies := make([]float32, len(wavelengths))
	for i, w := range wavelengths {
		f := 1 / w
		length := float32(2*math.Pi) / f // positions per turn
		switch {
		case float64(length) > float64(rope.Original)/rope.LowFrequency:
			f /= factor
		case float64(length) >= float64(rope.Original)/rope.HighFrequency:
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
func yarnFrequencies(rope loader.Rope, headDim int, wavelengths []float32) []float32 {
	pairOf := func(turns float64) float64 { // the pair that turns so often
		return float64(headDim) * math.Log(float64(rope.Original)/(turns*2*math.Pi)) / (2 * math.Log(rope.Theta))
	}
	low, high := pairOf(rope.BetaFast), pairOf(rope.BetaSlow)
	if rope.Truncate {
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
		stretched := 1 / float32(float32(rope.Factor)*w)
		frequencies[i] = float32(stretched*(1-kept)) + float32(1/w*kept)
	}
	return frequencies
}
