package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

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
	if err := job.saveStates(in.model.Config.NumLayers * f.repeatDepth); err != nil {
		return err
	}
	clock.lap(&job.timings.Load)

	trace, err := extract.Run(ctx, in.model, in.adapters, in.prompts, f.extractOptions(in, job.progress), job.take)
	if err != nil {
		return err
	}
	clock.lap(&job.timings.Forward)

	f.maskTokens(in.infos, job.study)
	info, err := job.runInfo(trace, f)
	if err != nil {
		return err
	}
	if err := job.commitStates(); err != nil {
		return err
	}
	if err := out.writeInfo(&info, clock); err != nil {
		return err
	}
	job.progress.done()
	states := filepath.Join(f.out, "states")
	if f.json {
		return writeJSON(stdout, map[string]any{"out": f.out, "states": states, "warnings": info.Warnings, "adapters": info.Adapters, "timings": info.Timings})
	}
	if !f.quiet {
		fmt.Fprintf(stdout, "%s (%.1f s, %s)\n", states, info.Timings.Total, memoryNow())
	}
	return nil
}
