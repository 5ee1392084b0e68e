package report

import (
	"math"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/analyze/spectra"
)

// sampleSpectra makes a small Result by plain formulas: a base of four layers of
// two heads, and adapters by name that change q_proj and v_proj, the more the
// later they stand. V is 6 x 6, with a real leading eigenvalue in even layers.
func sampleSpectra(adapters ...string) (*SpectraInfo, *spectra.Result) {
	info := &SpectraInfo{Schema: SpectraSchema, Tool: "layerclust test", Argv: []string{"layerclust", "spectra", "models/tiny", "--adapter", "it's"},
		Model:    &analyze.ModelInfo{Path: "models/tiny", Type: "llama", Layers: 4, Hidden: 6, Heads: 2, SHA256: map[string]string{"model.safetensors": "00ff"}},
		Adapters: []analyze.AdapterInfo{}, Provider: "gonum", LoRAScale: "peft", Only: []string{"lora", "v"}, NormGain: "leave", RoPEOffsets: []int{0, 8},
		Thresholds: []float64{0.3, 0.5, 0.7}, Seed: 7, Conventions: map[string]string{"rank tolerance": "d eps"},
		Predictions: []string{"Layer 2: the second cluster is predicted at time 3.5."}, Warnings: []string{"Only a sample."}}
	r := &spectra.Result{}
	for i, name := range adapters {
		info.Adapters = append(info.Adapters, analyze.AdapterInfo{Name: name, Path: "adapters/" + name, Scale: 1, ModulesApplied: 8,
			Ranks: []int{2}, Targets: []string{"q_proj", "v_proj"}, SHA256: map[string]string{"adapter_model.safetensors": "abcd"}})
		sampleUpdates(r, name, float64(i+1))
		for j := range i {
			sampleOverlaps(r, adapters[j], name, 1/float64(1+i-j))
		}
	}
	for i, v := range append([]string{spectra.Base}, adapters...) {
		sampleDense(r, v, float64(i))
	}
	if len(adapters) > 0 {
		sampleJoins(r, adapters[0])
	}
	return info, r
}

// add appends a spectrum.
func addSpectrum(r *spectra.Result, v string, layer int, module string, head int, quantity string, values ...complex128) {
	for i, x := range values {
		r.Values = append(r.Values, spectra.Value{Variant: v, Layer: layer, Module: module, Head: head, Quantity: quantity, Index: i, Re: real(x), Im: imag(x)})
	}
}

// sampleUpdates are singular values 2 k, k and eigenvalues ±k/50 i of updates
// k = size (1 + layer / 4).
func sampleUpdates(r *spectra.Result, v string, size float64) {
	for layer := range 4 {
		for mi, m := range []string{"q_proj", "v_proj"} {
			k := size * (1 + float64(layer)/4) / float64(1+mi)
			c := complex(k, 0)
			add := func(q string, values ...complex128) { addSpectrum(r, v, layer, m, spectra.Whole, q, values...) }
			add("lora_sv", 2*c, c)
			add("lora_eig", complex(0, k/50), complex(0, -k/50))
			add("delta_norm", complex(k*math.Sqrt(5), 0))
			add("stable_rank", 1.25)
			add("effective_rank", 1.89)
			add("eig_ratio", 0.01)
			add("lora_energy", 0.8, 1)
			add("lora_sv_random", 1.7*c, 1.45*c)
			add("lora_sv_random_lo", 1.65*c, 1.4*c)
			add("lora_sv_random_hi", 1.75*c, 1.5*c)
			add("relative_norm", complex(k/100, 0))
			add("sigma_ratio", complex(k/50, 0))
			add("intruders", 0, complex(math.Floor(k), 0), complex(math.Floor(2*k), 0))
			add("intruder_cosine", 0.9, 0.6, 0.4)
		}
	}
}

// sampleDense is V with its eigenvalues, and the heads.
func sampleDense(r *spectra.Result, v string, shift float64) {
	for layer := range 4 {
		lead := complex(1+shift/10, float64(layer%2)/4) // real in even layers
		second := complex(0.5, 0.5)
		if layer%2 == 0 {
			addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_eig", lead, second, complex(0.5, -0.5), -0.3, 0.2, 0.1)
		} else {
			addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_eig", lead, complex(real(lead), -imag(lead)), second, complex(0.5, -0.5), 0.2, 0.1)
		}
		addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_leading", lead)
		addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_gap", complex(0.5*float64(1-layer%2), 0))
		addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_radius", complex(math.Hypot(real(lead), imag(lead)), 0))
		addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_sv", 2, 1.5, 1, 0.5, 0.25, 0)
		for h := range 2 {
			addSpectrum(r, v, layer, "attn", h, "ov_eig", complex(0.3, 0.2), complex(0.3, -0.2), -0.1)
			addSpectrum(r, v, layer, "attn", h, "ov_norm", 0.9)
			addSpectrum(r, v, layer, "attn", h, "ov_radius", complex(0.36+shift/10+float64(h+layer)/20, 0))
			addSpectrum(r, v, layer, "attn", h, "qk_sv", 3, 1, 0.001)
			addSpectrum(r, v, layer, "attn", h, "qk_rank", 2)
		}
	}
}

func sampleOverlaps(r *spectra.Result, a, b string, phi float64) {
	for layer := range 4 {
		for _, side := range []string{spectra.Left, spectra.Right} {
			r.Overlaps = append(r.Overlaps,
				spectra.Overlap{A: a, B: b, LayerA: layer, LayerB: layer, Module: "v_proj", Side: side, RankA: 1, RankB: 1, Phi: phi / 2, Random: 1.0 / 6, Angles: []float64{0.5}},
				spectra.Overlap{A: a, B: b, LayerA: layer, LayerB: layer, Module: "v_proj", Side: side, RankA: 2, RankB: 2, Phi: phi, Random: 2.0 / 6, Angles: []float64{0.25, 0.5}})
		}
	}
}

func sampleJoins(r *spectra.Result, v string) {
	for i, target := range []string{"drift", "ami_base"} {
		j := spectra.Join{Adapter: v, Covariate: "relative_norm v_proj", Target: target, Mask: "default", Rho: 0.8 - 1.2*float64(i), P: 0.25, Shifts: 4, PMax: 0.5, PHolm: 1}
		for layer := range 4 {
			x := float64(layer * (1 + layer%2))
			j.Points = append(j.Points, spectra.JoinPoint{Layer: layer, X: x, Y: 2*x + 1, XRest: x - 2, YRest: 2*x - 3})
		}
		r.Joins = append(r.Joins, j)
	}
}

// bigSpectra is a model of the size of Llama-2-7B: 32 layers, 32 heads, V of 4096
// eigenvalues, in the base and with so many adapters.
func bigSpectra(adapters, layers, heads, n int) (*SpectraInfo, *spectra.Result) {
	info, r := sampleSpectra()
	r.Values = nil
	info.Model.Hidden = n
	variants := []string{spectra.Base}
	for i := range adapters {
		info.Adapters = append(info.Adapters, analyze.AdapterInfo{Name: "a" + itoa(i), Scale: 1, Ranks: []int{2}})
		variants = append(variants, "a"+itoa(i))
	}
	angle := 0.0
	disc := func(count int) []complex128 {
		out := make([]complex128, 0, count)
		for k := range count / 2 {
			angle += 2.39996 // the golden angle fills a disc evenly
			x := complex(math.Sqrt(1-float64(k)/float64(count/2)), 0)
			z := x * complex(math.Cos(angle), math.Abs(math.Sin(angle))+1e-9)
			out = append(out, z, complex(real(z), -imag(z)))
		}
		return out
	}
	falling := func(count int) []complex128 {
		out := make([]complex128, count)
		for k := range out {
			out[k] = complex(2*math.Exp(-float64(k)/float64(count)*5), 0)
		}
		return out
	}
	for _, v := range variants {
		for layer := range layers {
			addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_eig", disc(n)...)
			addSpectrum(r, v, layer, "v_proj", spectra.Whole, "v_sv", falling(n)...)
			for h := range heads {
				addSpectrum(r, v, layer, "attn", h, "ov_eig", disc(n/heads)...)
				addSpectrum(r, v, layer, "attn", h, "ov_radius", 1)
				addSpectrum(r, v, layer, "attn", h, "qk_sv", falling(n/heads)...)
				addSpectrum(r, v, layer, "attn", h, "qk_rank", 128)
			}
		}
	}
	return info, r
}
