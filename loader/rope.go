package loader

// Rope says how rotary position embeddings turn the pairs of a head: pair i of
// HeadDim/2 at position p is turned by p / Theta^(2i/HeadDim), and by 1/Factor
// of that angle for the type "linear" (position interpolation).
type Rope struct {
	Theta  float64
	Type   string  // "default" or "linear"
	Factor float64 // 1 for "default"
}

// defaultTheta is RotaryEmbeddingConfigMixin.default_theta of transformers.
const defaultTheta = 10000

// rope reads the three forms in which config.json gives rotary embeddings:
// transformers 4 has rope_theta beside rope_scaling (null, or an object that
// names its kind "type" or, later, "rope_type"); transformers 5 has one flat
// rope_parameters, which may hold rope_theta too. Where one thing is said twice
// and differently the versions disagree about who wins, so that is refused.
func (f *fields) rope() Rope {
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
		f.ropeParameters(key, o, &r)
	}
	if f.err == nil && r.Theta <= 0 {
		f.failf("rope_theta=%v is not above 0", r.Theta)
	}
	return r
}

// ropeParameters reads the object named key over what the top level said.
func (f *fields) ropeParameters(key string, o *object, r *Rope) {
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
	switch r.Type {
	case "default":
	case "linear":
		known = append(known, "factor")
		r.Factor = p.number("factor", 0)
		if p.err == nil && r.Factor <= 0 {
			p.failf("factor=%s is not above 0", shown(p.values["factor"]))
		}
	default:
		p.failf(`rope_type=%s is not supported; "default" and "linear" are`, shown(r.Type))
	}
	p.refuseUnknown(known)
	if p.err != nil {
		f.failf("%s: %w", key, p.err)
	}
}

// fullRotation refuses to turn only a part of each head.
func (f *fields) fullRotation(key string, v any) {
	if v != nil && f.number(key, 1) != 1 {
		f.failf("%s=%s is not supported; 1 is", key, shown(v))
	}
}
