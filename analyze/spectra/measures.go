package spectra

import (
	"math"
	"math/cmplx"
)

// Measures sum up the singular values of an update. Of an update that is zero
// they are all 0.
type Measures struct {
	Norm          float64   // |s B A|_F
	StableRank    float64   // |.|_F² / sigma_1²
	EffectiveRank float64   // exp of the entropy of sigma / sum sigma (Roy and Vetterli 2007)
	Rank90        int       // the fewest leading directions with 90 % of |.|_F²
	Rank99        int       // and with 99 %
	Utilisation   float64   // EffectiveRank / r: 1 where all that the adapter has is used evenly
	NumericalRank int       // singular values above RankTolerance times the largest
	Energy        []float64 // share of |.|_F² in the leading 1, 2, ... directions

	// Of a square update; 0 elsewhere.
	EigenRatio   float64 // |lambda_1| / sigma_1: 0 for a nilpotent map, 1 for a normal one
	NonNormality float64 // sqrt(|.|_F² - sum |lambda|²) / |.|_F, Henrici's departure from normality: 1 for a nilpotent map
}

// RankTolerance is the relative size under which a singular value of an update
// counts as zero: what rounding its factors to float32 leaves of one, max(out,
// in) 2^-23.
func RankTolerance(out, in int) float64 { return float64(max(out, in)) * 0x1p-23 }

// Measures of the update.
func (u *Update) Measures() Measures {
	m := Measures{Energy: make([]float64, len(u.Sigma))}
	var squares, sum float64
	for _, s := range u.Sigma {
		sum += s
		squares += s * s
	}
	if squares == 0 {
		return m
	}
	top := u.Sigma[0]
	m.Norm, m.StableRank = math.Sqrt(squares), squares/(top*top)
	var entropy, energy float64
	for i, s := range u.Sigma {
		if p := s / sum; p > 0 {
			entropy -= p * math.Log(p)
		}
		energy += s * s
		m.Energy[i] = energy / squares
		if s > RankTolerance(u.Out, u.In)*top {
			m.NumericalRank++
		}
	}
	m.Rank90, m.Rank99 = leading(m.Energy, 0.90), leading(m.Energy, 0.99)
	m.EffectiveRank = math.Exp(entropy)
	m.Utilisation = m.EffectiveRank / float64(u.Rank)
	if len(u.Eigen) > 0 {
		m.EigenRatio = cmplx.Abs(u.Eigen[0]) / top
		m.NonNormality = math.Sqrt(max(0, 1-sumModuli(u.Eigen)/squares)) // rounding can pass below 0
	}
	return m
}

// sumModuli is the sum of squared moduli.
func sumModuli(values []complex128) float64 {
	sum := 0.0
	for _, v := range values {
		sum += real(v)*real(v) + imag(v)*imag(v)
	}
	return sum
}

// leading is how many of the cumulative shares it takes to reach one; rounding
// leaves the last at 1 only nearly.
func leading(energy []float64, share float64) int {
	for i, e := range energy {
		if e >= share-1e-12 {
			return i + 1
		}
	}
	return len(energy)
}

// Values are the rows of spectra.csv of an update.
func (u *Update) Values(variant string, layer int, module string) []Value {
	var rows []Value
	add := func(quantity string, index int, v complex128) {
		rows = append(rows, Value{variant, layer, module, Whole, quantity, index, real(v), imag(v)})
	}
	one := func(quantity string, v float64) { add(quantity, 0, complex(v, 0)) }
	for i, s := range u.Sigma {
		add("lora_sv", i, complex(s, 0))
	}
	for i, v := range u.Eigen {
		add("lora_eig", i, v)
	}
	m := u.Measures()
	one("delta_norm", m.Norm)
	one("stable_rank", m.StableRank)
	one("effective_rank", m.EffectiveRank)
	one("rank90", float64(m.Rank90))
	one("rank99", float64(m.Rank99))
	one("utilisation", m.Utilisation)
	one("lora_rank", float64(m.NumericalRank))
	for i, e := range m.Energy {
		add("lora_energy", i, complex(e, 0))
	}
	if u.Eigen != nil {
		one("eig_ratio", m.EigenRatio)
		one("nonnormality", m.NonNormality)
	}
	return rows
}
