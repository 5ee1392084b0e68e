package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
)

func newExtractCommand() *cobra.Command {
	f := &inputFlags{command: "extract"}
	cmd := &cobra.Command{
		Use:   "extract MODEL [--adapter [NAME=]DIR[@SCALE]]... (--prompt TEXT | --prompts FILE)... --out DIR",
		Short: "Write every layer's states, to be measured by analyze",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.extract(cmd.Context(), args[0], cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.saveStates, "save-states", true, "always so here: this command is for nothing else")
	return cmd
}

// extract runs the layers and saves their states.
func (f *inputFlags) extract(ctx context.Context, modelDir string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	clock := newClock()
	f.saveStates = true
	job, err := f.begin(ctx, modelDir, false, stdin, stderr)
	if err != nil {
		return err
	}
	defer func() { err = job.close(err) }()
	clock.lap(&job.timings.Load)

	options := job.attach(f.extractOptions(job.in))
	options.NoLoss = true
	trace, err := extract.Run(ctx, job.in.model, job.in.adapters, job.in.prompts, options, job.take)
	if err != nil {
		return writeError(f.out, err)
	}
	clock.lap(&job.timings.Forward)

	f.maskTokens(job.in.infos, job.study)
	info, err := job.runInfo(trace, f)
	if err != nil {
		return err
	}
	if err := job.commitStates(); err != nil {
		return err
	}
	if err := job.out.writeInfo(&info, clock); err != nil {
		return err
	}
	job.progress.done()
	return f.statesSummary(stdout, &info)
}

// statesSummary says on stdout where the states are.
func (f *inputFlags) statesSummary(w io.Writer, info *analyze.RunInfo) error {
	states := filepath.Join(f.out, "states")
	if f.json {
		return writeJSON(w, map[string]any{"out": f.out, "states": states, "warnings": info.Warnings, "adapters": info.Adapters, "timings": info.Timings})
	}
	if f.quiet {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s (%.1f s, %s)\n", states, info.Timings.Total, memoryNow())
	return err
}
