package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
)

// runFlags are the flags of run.
type runFlags struct {
	inputFlags
	mask      string
	bootstrap int
	seed      int64
}

func newRunCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run MODEL [--adapter [NAME=]DIR[@SCALE]]... (--prompt TEXT | --prompts FILE)... --out DIR",
		Short: "Run prompts through a model and adapters, measure how tokens cluster, write a report",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), args[0], cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.mask, "mask", analyze.MaskDefault, "`default` leaves out BOS, special and massive tokens; none keeps every token")
	cmd.Flags().IntVar(&f.bootstrap, "bootstrap", 1000, "resamples of the prompts behind each interval; 0 for no intervals")
	cmd.Flags().Int64Var(&f.seed, "seed", 0, "of the resamples")
	return cmd
}

func (f *runFlags) check() error {
	switch {
	case f.mask != analyze.MaskDefault && f.mask != analyze.MaskNone:
		return usageError{fmt.Errorf("--mask %s: want default or none", f.mask)}
	case f.bootstrap < 0 || f.bootstrap > maxBootstrap:
		return usageError{fmt.Errorf("--bootstrap %d: want 0 to %d", f.bootstrap, maxBootstrap)}
	}
	return f.inputFlags.check()
}

// fingerprint adds the options of the measures to those of the forward pass.
func (f *runFlags) fingerprint(in *inputs) string {
	return f.inputFlags.fingerprint(in, f.mask, f.bootstrap, f.seed)
}

const maxBootstrap = 1_000_000

// run is the main job: open, run the layers, measure, report.
func (f *runFlags) run(ctx context.Context, modelDir string, stdin io.Reader, stdout, stderr io.Writer) error {
	clock := newClock()
	if err := f.check(); err != nil {
		return err
	}
	in, err := f.open(modelDir, stdin)
	if err != nil {
		return err
	}
	defer in.close()
	out, err := openOutput(f.out, f.fresh, f.fingerprint(in))
	if err != nil {
		return err
	}
	defer out.discard()
	job := startJob(ctx, in, out, newProgress(stderr, f.quiet))
	defer job.close()
	if err := job.measure(f.saveStates, in.model.Config.NumLayers*f.repeatDepth); err != nil {
		return err
	}
	clock.lap(&job.timings.Load)

	trace, err := extract.Run(ctx, in.model, in.adapters, in.prompts, f.extractOptions(in, job.progress), job.take)
	if err != nil {
		return err
	}
	clock.lap(&job.timings.Forward)

	tables, err := job.analyze(ctx, trace, f)
	if err != nil {
		return err
	}
	clock.lap(&job.timings.Analyze)

	result, err := job.result(trace, tables, f)
	if err != nil {
		return err
	}
	clock.total(&result.Run.Timings)
	if err := job.write(result); err != nil {
		return err
	}
	return f.summary(stdout, result)
}

// extractOptions are the options of the forward pass. Where the last layer is
// not chosen, the layers after the last chosen one are not run.
func (f *inputFlags) extractOptions(in *inputs, p *progress) extract.Options {
	o := extract.Options{RepeatDepth: f.repeatDepth, LastLayer: -1, BF16: f.precision == "bf16", Progress: p.forward}
	for _, site := range in.sites {
		o.Sites = append(o.Sites, extract.Site(site))
	}
	if last := in.layers.last(); last < len(in.layers.chosen)-1 {
		o.LastLayer = last
	}
	return o
}

// clock measures the parts of a run.
type clock struct{ start, last time.Time }

func newClock() *clock {
	now := time.Now()
	return &clock{now, now}
}

func (c *clock) lap(seconds *float64) {
	now := time.Now()
	*seconds = now.Sub(c.last).Seconds()
	c.last = now
}

func (c *clock) total(t *analyze.Timings) { t.Total = time.Since(c.start).Seconds() }
