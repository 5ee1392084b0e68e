package loader

import "math"

// Rope says how rotary position embeddings turn the pairs of a head. Pair i of
// HeadDim/2 at position p is turned by the angle p f_i, f_i = Theta^(-2i/HeadDim)
// for the type "default". The other types stretch the context (Factor of s):
//
//	linear   f_i / s                              position interpolation (arXiv 2306.15595)
//	dynamic  Theta grows with the prompt beyond Original positions ("NTK-aware")
//	llama3   slow pairs f_i / s, fast ones f_i, a ramp between (Llama 3.1)
//	yarn     the same with another ramp, and cos and sin times AttentionFactor (arXiv 2309.00071)
//
// Fields that a type does not use are 0, so that two values are the same
// rotation if they are equal.
type Rope struct {
	Theta  float64
	Type   string
	Factor float64 // 1 for "default"

	Original int // positions of the training before the stretch: dynamic, llama3, yarn

	// The ramp of llama3, in turns over Original positions.
	LowFrequency, HighFrequency float64

	// The ramp of yarn, in turns over Original positions too.
	BetaFast, BetaSlow float64
	Truncate           bool    // the ramp's ends are rounded to whole pairs
	AttentionFactor    float64 // factor of cos and sin
}

// defaultTheta is RotaryEmbeddingConfigMixin.default_theta of transformers.
const defaultTheta = 10000

// rope reads the three forms in which config.json gives rotary embeddings:
// transformers 4 has rope_theta beside rope_scaling (null, or an object that
// names its kind "type" or, later, "rope_type"); transformers 5 has one flat
// rope_parameters, which may hold rope_theta too. Where one thing is said twice
// and differently the versions disagree about who wins, so that is refused.
func (f *fields) rope(positions, headDim int) Rope {
	r := Rope{Theta: f.number("rope_theta", defaultTheta), Type: "default", Factor: 1}
	f.fullRotation("partial_rotary_factor", f.values["partial_rotary_factor"])
	key := "rope_parameters"
	if !blank(f.values["rope_scaling"]) {
		if !blank(f.values[key]) {
			f.failf("rope_scaling and rope_parameters are both given")
		}
		key = "rope_scaling"
	}
	if v := f.values[key]; !blank(v) {
		o, ok := v.(*object)
		if !ok {
			f.failf("%s=%s is not an object", key, shown(v))
			return r
		}
		f.ropeParameters(key, o, &r, positions)
	}
	if f.err == nil && r.Theta <= 0 {
		f.failf("rope_theta=%v is not above 0", r.Theta)
	}
	// Both divide by a difference that these would make 0.
	if f.err == nil && (r.Type == "dynamic" && headDim <= 2 || r.Type == "yarn" && r.Theta == 1) {
		f.failf("rope_type=%s is not defined for head_dim=%d and rope_theta=%v", shown(r.Type), headDim, r.Theta)
	}
	return r
}

// ropeParameters reads the object named key over what the top level said.
func (f *fields) ropeParameters(key string, o *object, r *Rope, positions int) {
	p := &fields{object: o}
	if kind := p.text("rope_type", p.text("type", "default")); kind != p.text("type", kind) {
		p.failf("rope_type=%s and type=%s differ", shown(kind), shown(p.values["type"]))
	} else {
		r.Type = kind
	}
	if theta := p.number("rope_theta", r.Theta); f.values["rope_theta"] != nil && theta != r.Theta {
		p.failf("rope_theta=%v differs from the one beside it, %v", theta, r.Theta)
	} else {
		r.Theta = theta
	}
	p.fullRotation("partial_rotary_factor", p.values["partial_rotary_factor"])
	known := []string{"rope_type", "type", "rope_theta", "partial_rotary_factor"}
	read, ok := ropeTypes[r.Type]
	if !ok {
		p.failf("rope_type=%s is not supported; default, dynamic, linear, llama3 and yarn are", shown(r.Type))
	} else {
		known = append(known, read(p, r, positions)...)
	}
	p.refuseUnknown(known)
	if p.err != nil {
		f.failf("%s: %w", key, p.err)
	}
}

// ropeTypes read the parameters of each type and return their names.
var ropeTypes = map[string]func(p *fields, r *Rope, positions int) []string{
	"default": func(*fields, *Rope, int) []string { return nil },
	"linear": func(p *fields, r *Rope, _ int) []string {
		r.Factor = p.above0("factor")
		return []string{"factor"}
	},
	"dynamic": func(p *fields, r *Rope, positions int) []string {
		r.Factor, r.Original = p.above0("factor"), positions
		return []string{"factor"}
	},
	"llama3": func(p *fields, r *Rope, positions int) []string {
		r.Factor = p.above0("factor")
		r.LowFrequency, r.HighFrequency = p.above0("low_freq_factor"), p.above0("high_freq_factor")
		if p.err == nil && r.HighFrequency <= r.LowFrequency {
			p.failf("high_freq_factor=%v is not above low_freq_factor=%v", r.HighFrequency, r.LowFrequency)
		}
		r.Original = p.size("original_max_position_embeddings", positions, maxPositions)
		return []string{"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}
	},
	"yarn": yarn,
}

// yarn reads the parameters of YaRN as transformers' _compute_yarn_parameters
// does, where 0 stands for the default of a ramp's end.
func yarn(p *fields, r *Rope, positions int) []string {
	r.Factor = p.above0("factor")
	r.Original = p.size("original_max_position_embeddings", positions, maxPositions)
	if r.BetaFast = p.number("beta_fast", 0); r.BetaFast == 0 {
		r.BetaFast = 32
	}
	if r.BetaSlow = p.number("beta_slow", 0); r.BetaSlow == 0 {
		r.BetaSlow = 1
	}
	if r.BetaSlow < 0 || r.BetaFast < r.BetaSlow {
		p.failf("beta_fast=%v and beta_slow=%v are not the fast and slow end of a ramp", r.BetaFast, r.BetaSlow)
	}
	_, given := p.values["truncate"] // transformers takes null for false
	r.Truncate = p.flag("truncate", !given)
	a, b := p.number("mscale", 0), p.number("mscale_all_dim", 0)
	switch {
	case p.values["attention_factor"] != nil:
		r.AttentionFactor = p.above0("attention_factor")
	case a != 0 && b != 0:
		r.AttentionFactor = yarnScale(r.Factor, a) / yarnScale(r.Factor, b)
	default:
		r.AttentionFactor = yarnScale(r.Factor, 1)
	}
	if p.err == nil && (math.IsInf(r.AttentionFactor, 0) || math.IsNaN(r.AttentionFactor)) {
		p.failf("mscale=%v and mscale_all_dim=%v give no finite attention factor", a, b)
	}
	return []string{"factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "truncate",
		"mscale", "mscale_all_dim", "attention_factor"}
}

// yarnScale is how much attention is sharpened for a stretch (eq. 22 of the
// paper, with the weight that DeepSeek's configurations give it).
func yarnScale(factor, weight float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*weight*math.Log(factor) + 1
}

// above0 reads a number that must be there and above 0.
func (f *fields) above0(key string) float64 {
	x := f.number(key, 0)
	if f.err == nil && x <= 0 {
		f.failf("%s=%s is not above 0", key, shown(f.values[key]))
	}
	return x
}

// fullRotation refuses to turn only a part of each head.
func (f *fields) fullRotation(key string, v any) {
	if v != nil && f.number(key, 1) != 1 {
		f.failf("%s=%s is not supported; 1 is", key, shown(v))
	}
}
