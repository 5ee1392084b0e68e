package report

import (
	"fmt"
	"math"

	"github.com/layerclust/layerclust/analyze"
)

// sample makes a small Result by plain formulas: a base, adapters by name, two
// prompts of six tokens, layers 0..4 and 4-raw. An adapter called "identity"
// changes nothing; the drift of the others grows with their place.
func sample(adapters ...string) *analyze.Result {
	r := &analyze.Result{Run: sampleRun(adapters)}
	variants := append([]string{analyze.Base}, adapters...)
	for vi, v := range variants {
		shift := 0.03 * float64(vi)
		if v == "identity" {
			shift = 0
		}
		for _, p := range []string{"tale", "proof", analyze.AllPrompts} {
			for li, layer := range []string{"0", "1", "2", "3", "4", "4-raw"} {
				r.Metrics = append(r.Metrics, sampleRows(v, p, layer, li, shift)...)
				r.Histograms = append(r.Histograms, sampleHistogram(v, p, layer, li+vi))
				if p != analyze.AllPrompts {
					r.Partitions = append(r.Partitions, samplePartition(v, p, layer, li))
				}
			}
		}
	}
	return r
}

func sampleRun(adapters []string) analyze.RunInfo {
	run := analyze.RunInfo{
		Schema: Schema, Tool: "layerclust test", Argv: []string{"layerclust", "run", "models/tiny", "--prompt", "it's a test"},
		Model: analyze.ModelInfo{Path: "models/tiny", Type: "llama", Layers: 4, Hidden: 8, Heads: 2,
			SHA256: map[string]string{"model.safetensors": "00ff"}, Config: map[string]any{"rope_theta": 1e4}},
		Masks: []string{"default", "none"}, Sites: []string{"resid"}, Precision: "f32", Provider: "go",
		LoRAScale: "peft", RepeatDepth: 1, Seed: 7, Bootstrap: 1000,
		Methods: map[string]string{"clusters": "HDBSCAN on angles"}, Warnings: []string{"Only 2 prompts."},
	}
	for i, name := range adapters {
		a := analyze.AdapterInfo{Name: name, Path: "adapters/" + name, Scale: 1, ModulesApplied: 4, Ranks: []int{2},
			Targets: []string{"v_proj"}, SHA256: map[string]string{"adapter_model.safetensors": "abcd"}}
		if name != "identity" {
			a.RelativeNorm, a.RelativeMax = 0.01*float64(i+1), 0.02*float64(i+1)
		}
		run.Adapters = append(run.Adapters, a)
	}
	for _, id := range []string{"tale", "proof"} {
		run.Prompts = append(run.Prompts, analyze.PromptInfo{ID: id, File: id, N: 6,
			Tokens: []int{1, 2, 3, 4, 5, 6}, Pieces: []string{"<s>", "Once", " upon", " a", "\n", "time"},
			Masked: []analyze.Masked{{Position: 0, Reason: "massive", FirstLayer: 1, LastLayer: 3, Dimensions: []int{5}}}})
	}
	return run
}

// sampleRows are the metrics of one state; only means over prompts have an
// interval, and only they have differences to the base.
func sampleRows(variant, prompt, layer string, li int, shift float64) []analyze.Row {
	var out []analyze.Row
	add := func(metric, mask string, value float64) {
		row := analyze.Row{Key: &analyze.Key{Variant: variant, Prompt: prompt, Layer: layer, Site: "resid"}, Metric: metric, Mask: mask,
			Value: value, Lo: math.NaN(), Hi: math.NaN(), N: 5}
		if prompt == analyze.AllPrompts {
			row.Lo, row.Hi, row.N = value-0.06, value+0.06, 2
		}
		out = append(out, row)
	}
	depth := float64(li)
	for _, mask := range masks {
		bump := shift * depth
		if mask == analyze.MaskNone {
			bump += 0.1
		}
		add("cosine_mean", mask, 0.1+0.2*depth-0.035*depth*depth+bump)
		add("clusters", mask, 5-depth/2)
		if variant != analyze.Base {
			add("drift", mask, shift*depth)
			add("ami_base", mask, 1-shift*depth*2)
		}
	}
	if layer == "4" {
		add("next_token_loss", analyze.MaskDefault, 3.25-shift)
		add("next_token_loss", analyze.MaskNone, 3.25-shift)
	}
	if variant != analyze.Base && prompt == analyze.AllPrompts {
		add("cosine_mean"+analyze.DeltaSuffix, analyze.MaskDefault, shift*depth)
	}
	return out
}

func sampleHistogram(variant, prompt, layer string, at int) analyze.Histogram {
	h := analyze.Histogram{Key: &analyze.Key{Variant: variant, Prompt: prompt, Layer: layer, Site: "resid"}, Mask: analyze.MaskDefault,
		Counts: make([]int32, analyze.HistogramBins)}
	for k, n := range []int32{1, 3, 4, 2} {
		h.Counts[50+4*at+k] = n
	}
	return h
}

func samplePartition(variant, prompt, layer string, li int) analyze.Partition {
	label := func(i int) *int { return &i }
	labels := []*int{nil, label(0), label(0), label(li % 2), label(1), label(-1)} // (T)
	return analyze.Partition{Variant: variant, Prompt: prompt, Layer: layer, Site: "resid", Labels: labels}
}

// bigSample is a run that fills a page: 16 adapters, prompts of 200 tokens, 34
// layers, a number of metrics under both masks.
func bigSample(nPrompts, nMetrics int, sites ...string) *analyze.Result {
	r := &analyze.Result{}
	variants := []string{analyze.Base}
	for i := range 16 {
		r.Run.Adapters = append(r.Run.Adapters, analyze.AdapterInfo{Name: fmt.Sprintf("adapter@checkpoint-%d", 100*i), Scale: 1, RelativeNorm: 0.01})
		variants = append(variants, r.Run.Adapters[i].Name)
	}
	prompts := []string{analyze.AllPrompts}
	labels := make([]*int, 200) // (T)
	for i := range labels {
		k := i % 14
		labels[i] = &k
	}
	for i := range nPrompts {
		p := analyze.PromptInfo{ID: fmt.Sprintf("prompt-%d", i), N: len(labels), Pieces: make([]string, len(labels))}
		for k := range p.Pieces {
			p.Pieces[k] = fmt.Sprintf(" word%d", k)
		}
		r.Run.Prompts = append(r.Run.Prompts, p)
		prompts = append(prompts, p.ID)
	}
	metrics := []string{"cosine_mean", "clusters", "drift", "ami_base"}
	for i := len(metrics); i < nMetrics; i++ {
		metrics = append(metrics, fmt.Sprintf("m%d", i+1))
	}
	for vi, v := range variants {
		for pi, p := range prompts {
			for li := range 34 {
				layer := itoa(li)
				if li == 33 {
					layer = "32-raw"
				}
				for _, site := range sites {
					bigState(r, analyze.Key{Variant: v, Prompt: p, Layer: layer, Site: site}, metrics, float64(1+vi+17*pi+900*li))
					if pi > 0 {
						r.Partitions = append(r.Partitions, analyze.Partition{Variant: v, Prompt: p, Layer: layer, Site: site, Labels: labels})
					}
				}
			}
		}
	}
	return r
}

func bigState(r *analyze.Result, k analyze.Key, metrics []string, seed float64) {
	for _, mask := range masks {
		for mi, m := range metrics {
			x := math.Sqrt(seed * float64(2+mi))
			r.Metrics = append(r.Metrics, analyze.Row{Key: &k, Metric: m, Mask: mask,
				Value: x, Lo: 0.9 * x, Hi: 1.1 * x, N: 50})
		}
		counts := make([]int32, analyze.HistogramBins)
		for i := 30; i < 95; i++ {
			counts[i] = int32(seed)*int32(i)%977 + 100
		}
		r.Histograms = append(r.Histograms, analyze.Histogram{Key: &k, Mask: mask, Counts: counts})
	}
}
