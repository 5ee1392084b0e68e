package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/extract/particles/twin"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// twinFlags are those of the twin of a real model.
type twinFlags struct {
	model    string
	adapters []string
	prompts  []promptArg
	heads    []int
	frozen   int
	kinds    []string
}

func (f *twinFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "twin", "", "`MODEL`: integrate the mean-field dynamics with its attention, beside the model itself")
	flags.StringArrayVar(&f.adapters, "adapter", nil, "`[NAME=]DIR[@SCALE]` of a PEFT adapter for the twin; repeatable")
	flags.Var(promptValue{&f.prompts, false}, "prompt", "a prompt of the twin; repeatable")
	flags.Var(promptValue{&f.prompts, true}, "prompts", "prompts of the twin from a .txt or .jsonl file; repeatable")
	flags.IntSliceVar(&f.heads, "heads", nil, "heads of each block that act in the twin (default all)")
	flags.IntVar(&f.frozen, "frozen", -1, "the one block whose attention acts at every depth of the twin (default each in its turn)")
	flags.StringSliceVar(&f.kinds, "dynamics", []string{string(twin.Residual), string(twin.Sphere)}, "of the twin: `residual,sphere`")
}

// given says whether any flag of the twin was.
func (f *twinFlags) given() bool {
	return f.adapters != nil || f.prompts != nil || f.heads != nil || f.frozen != -1
}

func (f *twinFlags) key() any {
	return []any{f.model, f.adapters, fmt.Sprint(f.prompts), f.heads, f.frozen, f.kinds}
}

// twinRun is one twin on its way.
type twinRun struct {
	flags    *twinFlags
	in       *inputs
	starts   [][]twin.Start       // (variants, prompts)
	kept     [][]int              // (prompts), positions that are measured
	measured map[string][]float64 // mean cosine over layers by kind, variant and prompt
	layers   int
}

// curve is a line of the table: model, residual or sphere, of a variant.
func curve(kind string, variant, prompt int) string {
	return fmt.Sprint(kind, "|", variant, "|", prompt)
}

// theModel is the kind of a measured curve.
const theModel = "model"

// runTwin runs the model and its twins over the prompts.
func (f *simulateFlags) runTwin(ctx context.Context, stderr io.Writer) (*simulated, error) {
	t := &twinRun{flags: &f.twin, measured: map[string][]float64{}}
	if err := t.open(ctx, f.quiet, stderr); err != nil {
		return nil, err
	}
	defer t.in.close()
	if err := t.model(ctx); err != nil {
		return nil, err
	}
	for _, kind := range f.twin.kinds {
		for v := range t.starts {
			if err := t.twin(ctx, twin.Kind(kind), v); err != nil {
				return nil, err
			}
		}
	}
	return t.result()
}

// open reads model, adapters and prompts as run does.
func (t *twinRun) open(ctx context.Context, quiet bool, stderr io.Writer) error {
	f := t.flags
	if len(f.prompts) == 0 {
		return usageError{fmt.Errorf("no prompt: give --prompt TEXT or --prompts FILE")}
	}
	for _, k := range f.kinds {
		if !slices.Contains(twin.Kinds, twin.Kind(k)) {
			return usageError{fmt.Errorf("--dynamics %q is not residual or sphere", k)}
		}
	}
	flags := &inputFlags{adapters: f.adapters, prompts: f.prompts, repeatDepth: 1}
	flags.quiet = quiet
	in, err := flags.open(ctx, f.model, bytes.NewReader(nil), stderr)
	if err != nil {
		return err
	}
	t.in, t.layers = in, in.model.Config.NumLayers
	c := in.model.Config
	for _, h := range f.heads {
		if h < 0 || h >= c.NumHeads {
			return loader.InputErrorf("--heads %d: the blocks have heads 0 to %d", h, c.NumHeads-1)
		}
	}
	if f.frozen >= t.layers || f.frozen < -1 {
		return loader.InputErrorf("--frozen %d: the model has blocks 0 to %d", f.frozen, t.layers-1)
	}
	if err := t.keep(); err != nil {
		return err
	}
	return twin.Supports(in.model)
}

// keep chooses the tokens that are measured. The first is an attention sink in
// most models, masked or not.
func (t *twinRun) keep() error {
	for i := range t.in.infos {
		info := &t.in.infos[i]
		positions := slices.DeleteFunc(kept(info), func(at int) bool { return at == 0 })
		if len(positions) < 2 {
			return loader.InputErrorf("prompt %q: it has %d tokens besides the first and special ones, and a cosine needs two", info.ID, len(positions))
		}
		t.kept = append(t.kept, positions)
	}
	return nil
}

// model runs the model itself and keeps embeddings, cosines and lengths.
func (t *twinRun) model(ctx context.Context) error {
	for range 1 + len(t.in.adapters) {
		t.starts = append(t.starts, make([]twin.Start, len(t.in.prompts)))
	}
	_, err := extract.Run(ctx, t.in.model, t.in.adapters, t.in.prompts, extract.Options{LastLayer: -1, NoLoss: true}, func(s extract.States) error {
		if s.Site != extract.Resid || s.Layer == t.layers && !s.Raw {
			return nil // after the final norm, which the twin has no part in
		}
		x := make([]float64, len(s.X)) // (T, D)
		for i, v := range s.X {
			x[i] = float64(v)
		}
		start := &t.starts[s.Variant][s.Prompt]
		if s.Layer == 0 {
			start.X = x
		}
		start.Norms = append(start.Norms, meanLength(x, s.D))
		t.take(theModel, s.Variant, s.Prompt, x)
		return nil
	})
	return err
}

// twin runs one variant's twin.
func (t *twinRun) twin(ctx context.Context, kind twin.Kind, v int) error {
	var a *loader.Adapter
	if v > 0 {
		a = t.in.adapters[v-1]
	}
	o := twin.Options{Kind: kind, Heads: t.flags.heads, Frozen: t.flags.frozen}
	return twin.Run(ctx, t.in.model, a, t.starts[v], o, func(prompt, _ int, x []float64) { t.take(string(kind), v, prompt, x) })
}

// take measures one state of (T, D).
func (t *twinRun) take(kind string, variant, prompt int, x []float64) {
	d := t.in.model.Config.HiddenSize
	kept := make([]float64, 0, len(x))
	for _, i := range t.kept[prompt] {
		kept = append(kept, x[i*d:(i+1)*d]...)
	}
	_, cosine := particles.MeanCosine(kept, d)
	key := curve(kind, variant, prompt)
	t.measured[key] = append(t.measured[key], cosine)
}

func meanLength(x []float64, d int) float64 {
	var sum float64
	for i := 0; i < len(x); i += d {
		var square float64
		for _, v := range x[i : i+d] {
			square += v * v
		}
		sum += math.Sqrt(square)
	}
	return sum / float64(len(x)/d)
}

// mean is a curve averaged over prompts.
func (t *twinRun) mean(kind string, variant int) []float64 {
	out := make([]float64, t.layers+1)
	for p := range t.in.prompts {
		for l, v := range t.measured[curve(kind, variant, p)] {
			out[l] += v / float64(len(t.in.prompts))
		}
	}
	return out
}

// result is the page and the table.
func (t *twinRun) result() (*simulated, error) {
	header := []string{"variant", "prompt", "layer", "curve", "cosine_mean"}
	kinds := append([]string{theModel}, t.flags.kinds...)
	var rows [][]string
	for v := range t.starts {
		for p, info := range t.in.infos {
			for _, kind := range kinds {
				for l, value := range t.measured[curve(kind, v, p)] {
					rows = append(rows, []string{t.in.variantName(v), info.ID, fmt.Sprint(l), kind, exact(value)})
				}
			}
		}
	}
	out := &simulated{page: report.Simulation{Title: "The mean-field twin of " + filepath.Base(t.in.source),
		Lead:     fmt.Sprintf("%d prompts, %d blocks, %s", len(t.in.prompts), t.layers, t.attention()),
		Findings: t.findings(), Charts: t.charts(), Notices: t.in.warnings,
		Facts: [][2]string{{"model", t.in.source}, {"attention", t.attention()},
			{"tokens", "all but the first of each prompt and special ones; mean cosine of different tokens, mean over prompts"},
			{"last layer", "the last block's output before the final norm"},
			{"left out of the twin", "MLPs, rotary positions, biases, sliding windows"},
			{"residual", "x <- x + sum over heads of O P V N(x), a step a block, from the model's embeddings"},
			{"sphere", "the direction alone, one unit of time a block, at the speed that the length of the model's own tokens gives"}},
	}}
	return out, out.addCSV("results.csv", header, rows)
}

func (t *twinRun) attention() string {
	words := "the sum of all heads"
	if t.flags.heads != nil {
		words = "heads " + strings.Trim(fmt.Sprint(t.flags.heads), "[]")
	}
	if t.flags.frozen >= 0 {
		return fmt.Sprintf("%s of block %d at every depth", words, t.flags.frozen)
	}
	return words + ", block by block"
}

// charts lays the twins over the model, one chart a variant, and compares what
// the adapters change.
func (t *twinRun) charts() []report.Chart {
	layers := make([]float64, t.layers+1)
	for l := range layers {
		layers[l] = float64(l)
	}
	var out []report.Chart
	for v := range t.starts {
		c := report.Chart{File: fmt.Sprintf("twin-%d.svg", v), Title: "Model and twin: " + t.in.variantName(v), XLabel: "blocks passed", YLabel: "mean cosine",
			Caption: "The measured mean cosine of the model's tokens, and that of its mean-field twins, which start from the same embeddings.",
			Series:  []report.XYSeries{{Name: theModel, X: layers, Y: t.mean(theModel, v)}}}
		for i, kind := range t.flags.kinds {
			c.Series = append(c.Series, report.XYSeries{Name: "twin, " + kind, Color: 1 + i, X: layers, Y: t.mean(kind, v)})
		}
		out = append(out, c)
	}
	if len(t.starts) > 1 {
		out = append(out, t.changes(layers))
	}
	return out
}

// changes is what each adapter does to the mean cosine, of the model and as the
// twins have it.
func (t *twinRun) changes(layers []float64) report.Chart {
	c := report.Chart{File: "twin-change.svg", Title: "What the adapters change: model and twin", XLabel: "blocks passed", YLabel: "mean cosine, adapted minus base",
		Caption: "Lines: the model. Dashed: its twins."}
	for v := 1; v < len(t.starts); v++ {
		for i, kind := range append([]string{theModel}, t.flags.kinds...) {
			y := slices.Clone(t.mean(kind, v))
			for l, b := range t.mean(kind, 0) {
				y[l] -= b
			}
			c.Series = append(c.Series, report.XYSeries{Name: t.in.variantName(v) + ", " + kind, Color: v, Dash: i, X: layers, Y: y})
		}
	}
	return c
}

// parting is the difference of cosines at which twin and model are said to part.
const parting = 0.1

// findings say where each twin leaves the model, and whether it foresees the
// direction of what an adapter changes.
func (t *twinRun) findings() []string {
	var out []string
	for v := range t.starts {
		model := t.mean(theModel, v)
		for _, kind := range t.flags.kinds {
			first, most, at := -1, 0.0, 0
			for l, y := range t.mean(kind, v) {
				d := math.Abs(y - model[l])
				if first < 0 && d > parting {
					first = l
				}
				if d > most {
					most, at = d, l
				}
			}
			text := fmt.Sprintf("%s: the %s twin stays within %g of the model's mean cosine at every depth", t.in.variantName(v), kind, parting)
			if first >= 0 {
				text = fmt.Sprintf("%s: the %s twin and the model part (by more than %g) after block %d", t.in.variantName(v), kind, parting, first)
			}
			out = append(out, fmt.Sprintf("%s; they differ most, by %s, after block %d.", text, brief(most), at))
		}
	}
	return append(out, t.foreseen()...)
}

// foreseen compares the adapters' changes at the last block.
func (t *twinRun) foreseen() []string {
	var out []string
	last := t.layers
	for v := 1; v < len(t.starts); v++ {
		text := fmt.Sprintf("%s changes the mean cosine after the last block by %s in the model", t.in.variantName(v),
			brief(t.mean(theModel, v)[last]-t.mean(theModel, 0)[last]))
		for _, kind := range t.flags.kinds {
			text += fmt.Sprintf(", by %s in the %s twin", brief(t.mean(kind, v)[last]-t.mean(kind, 0)[last]), kind)
		}
		out = append(out, text+".")
	}
	return out
}
