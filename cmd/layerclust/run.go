package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
)

func newRunCommand() *cobra.Command {
	f := &inputFlags{command: "run"}
	cmd := &cobra.Command{
		Use:   "run MODEL [--adapter [NAME=]DIR[@SCALE]]... (--prompt TEXT | --prompts FILE)... --out DIR",
		Short: "Run prompts through a model and adapters, measure how tokens cluster, write a report",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), args[0], cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.saveStates, "save-states", false, "write the states, too")
	cmd.Flags().BoolVar(&f.twin, "twin", false, "lay the mean cosine of the model's mean-field twins over the measured one")
	return cmd
}

// run is the main job: open, run the layers, measure, report.
func (f *inputFlags) run(ctx context.Context, modelDir string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	clock := newClock()
	job, err := f.begin(ctx, modelDir, true, stdin, stderr)
	if err != nil {
		return err
	}
	defer func() { err = job.close(err) }()
	clock.lap(&job.timings.Load)

	trace, err := extract.Run(ctx, job.in.model, job.in.adapters, job.in.prompts, job.attach(f.extractOptions(job.in)), job.take)
	if err != nil {
		return writeError(f.out, err)
	}
	clock.lap(&job.timings.Forward)

	found, info, err := job.find(ctx, trace, f, clock)
	if err != nil {
		return err
	}
	if f.twin {
		if err := job.addTwins(ctx, f, found, info); err != nil {
			return err
		}
		clock.lap(&job.timings.Analyze)
	}
	if err := job.commitStates(); err != nil {
		return err
	}
	job.progress.step("writing the report")
	result, err := job.out.write(found, info, clock)
	if err != nil {
		return err
	}
	job.progress.done()
	return f.summary(stdout, result)
}

// extractOptions are the options of the forward pass. It goes to the last layer
// even where that is not chosen, since a token may become massive at any layer
// and the mask is one for all choices of layers; without the mask it stops at
// the last chosen one.
func (f *inputFlags) extractOptions(in *inputs) extract.Options {
	o := extract.Options{RepeatDepth: f.repeatDepth, LastLayer: -1, BF16: f.precision == "bf16", Backend: f.backend, MaxMemory: f.maxMemory.orDefault()}
	for _, site := range in.sites {
		o.Sites = append(o.Sites, extract.Site(site))
	}
	if last := in.layers.last(); f.mask == analyze.MaskNone && last < len(in.layers.chosen)-1 {
		o.LastLayer = last
	}
	return o
}

// saveEvery is the least time between checkpoints; a test makes it shorter.
var saveEvery = time.Second

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
