package main

import (
	"context"
	"fmt"
	"math"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/extract/particles/twin"
	"github.com/layerclust/layerclust/loader"
)

// addTwins adds the mean cosines of the model's mean-field twins to what was
// found, at the layers chosen and under the masks.
func (j *job) addTwins(ctx context.Context, f *inputFlags, found *findings, info *analyze.RunInfo) error {
	if err := twin.Supports(j.in.model); err != nil {
		return err
	}
	j.progress.step("integrating the twins")
	t := &jobTwins{job: j, found: found, depth: j.in.model.Config.NumLayers * f.repeatDepth}
	starts, err := t.starts(ctx, f)
	if err != nil {
		return err
	}
	t.rows = make([]analyze.Tables, len(starts))
	kinds := []twin.Kind{twin.Residual}
	if t.lengths(starts) {
		kinds = append(kinds, twin.Sphere)
	} else {
		info.Warnings = append(info.Warnings, "--twin: the twin on the sphere needs the lengths of the tokens at every layer, of which --layers or the number of prompts leaves some out")
	}
	for _, kind := range kinds {
		for v := range starts {
			if err := t.variant(ctx, kind, v, starts[v]); err != nil {
				return fmt.Errorf("--twin: %s: %w", j.in.variantName(v), err)
			}
		}
	}
	for v := range t.rows {
		if err := found.take(v, &t.rows[v]); err != nil {
			return writeError(j.out.dir, err)
		}
	}
	return nil
}

// jobTwins adds rows to what a run has found.
type jobTwins struct {
	*job
	found *findings
	rows  []analyze.Tables // (variants)
	depth int
}

// starts are the embeddings, (variants, prompts).
func (t *jobTwins) starts(ctx context.Context, f *inputFlags) ([][]twin.Start, error) {
	starts := make([][]twin.Start, 1+len(t.in.adapters))
	for v := range starts {
		starts[v] = make([]twin.Start, len(t.in.prompts))
	}
	o := extract.Options{LastLayer: 0, NoLoss: true, Backend: f.backend}
	_, err := extract.Run(ctx, t.in.model, t.in.adapters, t.in.prompts, o, func(s extract.States) error {
		x := make([]float64, len(s.X)) // (T, D)
		for i, v := range s.X {
			x[i] = float64(v)
		}
		starts[s.Variant][s.Prompt].X = x
		return nil
	})
	return starts, err
}

// lengths takes the mean lengths of the model's tokens before each block from
// what was found, and says whether they are all there.
func (t *jobTwins) lengths(starts [][]twin.Start) bool {
	found := map[analyze.Key]float64{}
	for v := range t.found.shown {
		for _, r := range t.found.shown[v].Metrics {
			if r.Metric == "norm_mean" && r.Mask == analyze.MaskNone {
				found[*r.Key] = r.Value
			}
		}
	}
	for v := range starts {
		for p, prompt := range t.in.prompts {
			for l := range t.depth {
				n, ok := found[analyze.Key{Variant: t.in.variantName(v), Prompt: prompt.ID, Layer: fmt.Sprint(l), Site: string(extract.Resid)}]
				if !ok {
					return false
				}
				starts[v][p].Norms = append(starts[v][p].Norms, n)
			}
		}
	}
	return true
}

// twinRow is a mean cosine by layer and mask.
type twinRow struct{ layer, mask string }

// variant runs one twin and adds its rows, and the means over prompts.
func (t *jobTwins) variant(ctx context.Context, kind twin.Kind, v int, starts []twin.Start) error {
	var a *loader.Adapter
	if v > 0 {
		a = t.in.adapters[v-1]
	}
	metric := map[twin.Kind]string{twin.Residual: analyze.TwinResidual, twin.Sphere: analyze.TwinSphere}[kind]
	sums, counts := map[twinRow]float64{}, map[twinRow]int{}
	var order []twinRow
	add := func(prompt string, at twinRow, value float64, n int) {
		t.rows[v].Metrics = append(t.rows[v].Metrics, analyze.Row{
			Key:    &analyze.Key{Variant: t.in.variantName(v), Prompt: prompt, Layer: at.layer, Site: string(extract.Resid)},
			Metric: metric, Mask: at.mask, Value: value, Lo: math.NaN(), Hi: math.NaN(), N: n})
	}
	o := twin.Options{Kind: kind, Frozen: -1, Depth: t.depth}
	err := twin.Run(ctx, t.in.model, a, starts, o, func(p, layer int, x []float64) {
		if !t.in.layers.chosen[layer] {
			return
		}
		for _, mask := range []string{analyze.MaskDefault, analyze.MaskNone} {
			at := twinRow{layerName(layer, t.depth), mask}
			value, n := t.cosine(p, mask, x)
			if math.IsNaN(value) {
				continue
			}
			if counts[at] == 0 {
				order = append(order, at)
			}
			sums[at], counts[at] = sums[at]+value, counts[at]+1
			add(t.in.infos[p].ID, at, value, n)
		}
	})
	for _, at := range order {
		add(analyze.AllPrompts, at, sums[at]/float64(counts[at]), counts[at])
	}
	return err
}

// layerName is where a state of the twin belongs: it never passes the final
// norm, so that the last stands beside the model's before that.
func layerName(layer, depth int) string {
	if layer == depth {
		return fmt.Sprintf("%d-raw", layer)
	}
	return fmt.Sprint(layer)
}

// cosine is the mean cosine of a prompt's tokens under a mask, and their number.
func (t *jobTwins) cosine(p int, mask string, x []float64) (float64, int) {
	d := t.in.model.Config.HiddenSize
	if mask == analyze.MaskNone {
		_, c := particles.MeanCosine(x, d)
		return c, len(x) / d
	}
	positions := kept(&t.in.infos[p])
	tokens := make([]float64, 0, len(positions)*d)
	for _, i := range positions {
		tokens = append(tokens, x[i*d:(i+1)*d]...)
	}
	if len(positions) < 2 {
		return math.NaN(), len(positions)
	}
	_, c := particles.MeanCosine(tokens, d)
	return c, len(positions)
}
