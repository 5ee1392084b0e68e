package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/report"
)

func newExtractCommand() *cobra.Command {
	f := &inputFlags{}
	cmd := &cobra.Command{
		Use:   "extract MODEL [--adapter [NAME=]DIR[@SCALE]]... (--prompt TEXT | --prompts FILE)... --out DIR",
		Short: "Write every layer's states, and nothing else",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.extract(cmd.Context(), args[0], cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	return cmd
}

// extract runs the layers and saves their states.
func (f *inputFlags) extract(ctx context.Context, modelDir string, stdin io.Reader, stdout, stderr io.Writer) error {
	clock := newClock()
	f.saveStates = true
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
	if job.files, err = newStateFiles(out.partial, in, in.model.Config.NumLayers*f.repeatDepth); err != nil {
		return writeError(out.dir, err)
	}
	clock.lap(&job.timings.Load)

	trace, err := extract.Run(ctx, in.model, in.adapters, in.prompts, f.extractOptions(in, job.progress), job.save)
	if err != nil {
		return err
	}
	clock.lap(&job.timings.Forward)

	info, err := job.runInfo(trace, f)
	if err != nil {
		return err
	}
	if err := job.files.commit(); err != nil {
		return writeError(out.dir, err)
	}
	clock.total(&info.Timings)
	info.PeakRSSBytes = peakRSS()
	if err := report.WriteRun(out.partial, info); err != nil {
		return writeError(out.dir, err)
	}
	if err := out.commit(); err != nil {
		return err
	}
	states := filepath.Join(f.out, "states")
	if f.json {
		return writeJSON(stdout, map[string]any{"out": f.out, "states": states, "warnings": nonNil(info.Warnings), "adapters": nonNil(info.Adapters), "timings": info.Timings})
	}
	if !f.quiet {
		fmt.Fprintf(stdout, "%s (%.1f s, %s)\n", states, info.Timings.Total, memoryNow())
	}
	return nil
}

// save is the sink of a run that only keeps states.
func (j *job) save(s extract.States) error {
	if !j.chosen(s) {
		return nil
	}
	return writeError(j.out.dir, j.files.add(s))
}

// chosen says whether a state's layer and site were asked for.
func (j *job) chosen(s extract.States) bool {
	return j.in.layers.has(s) && slices.Contains(j.in.sites, string(s.Site))
}
