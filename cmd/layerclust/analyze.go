package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// analyzeFlags are the flags of analyze.
type analyzeFlags struct {
	outputFlags
	measureFlags
}

func newAnalyzeCommand() *cobra.Command {
	f := &analyzeFlags{}
	cmd := &cobra.Command{
		Use:   "analyze DIR_OR_STATES... --out DIR",
		Short: "Measure stored states, ours or another tool's, and write the report of a run",
		Long: `Measure stored states and write what run writes. The states are

  the folder of extract or of run --save-states, whose run.json names variants,
  prompts and masks; --mask, --bootstrap and --seed default to its own;

  a folder VARIANT/PROMPT.safetensors, in which the variant base is compared with
  the others;

  files of one prompt, the base's first, each other a variant named by its file:
  .safetensors with hidden_states (L+1, T, D) and, where known, last_block_output
  (T, D), attn and mlp (L, T, D), token_ids (T); or .npy of shape (L+1, T, D).`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.analyze(cmd.Context(), args, cmd.Flags().Changed, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().SortFlags = false
	f.outputFlags.register(cmd.Flags())
	f.measureFlags.register(cmd.Flags())
	return cmd
}

// analyze measures the states and writes the folder of a run. given says which
// flags the command line has.
func (f *analyzeFlags) analyze(ctx context.Context, args []string, given func(string) bool, stdout, stderr io.Writer) error {
	clock := newClock()
	set, err := f.open(args, given)
	if err != nil {
		return err
	}
	out, err := openOutput(f.out, f.fresh, f.fingerprint(set, args))
	if err != nil {
		return err
	}
	defer out.discard()
	if err := out.restart(f.fresh); err != nil {
		return writeError(out.dir, err)
	}
	spill, err := openSpill(filepath.Join(out.partial, cloudsName), 0)
	if err != nil {
		return writeError(out.dir, err)
	}
	defer spill.close()
	study := analyze.NewStudy(spill, set.adapters())
	set.info.Timings, set.info.Fingerprint = analyze.Timings{}, out.fingerprint
	clock.lap(&set.info.Timings.Load)

	err = set.each(ctx, func(st analyze.State) error { return writeError(out.dir, study.Add(st)) })
	if err != nil {
		return err
	}
	found, err := f.find(ctx, set, study, out.partial)
	if err != nil {
		return writeError(out.dir, err)
	}
	clock.lap(&set.info.Timings.Analyze)
	result, err := out.write(found, &set.info, clock)
	if err != nil {
		return err
	}
	progress := newProgress(stderr, f.quiet)
	for _, w := range result.Run.Warnings {
		progress.say("warning: %s", w)
	}
	return f.summary(stdout, result)
}

// open finds the states and settles the choices.
func (f *analyzeFlags) open(args []string, given func(string) bool) (*stateSet, error) {
	if err := f.outputFlags.check(); err != nil {
		return nil, err
	}
	set, err := openStateSet(args)
	if err != nil {
		return nil, err
	}
	if err := f.adopt(set, given); err != nil {
		return nil, err
	}
	return set, apart(f.out, args)
}

// adopt takes the choices that the command line leaves open from the run that
// made the states, so that the same measures come out.
func (f *analyzeFlags) adopt(set *stateSet, given func(string) bool) error {
	if set.ran {
		if !given("seed") {
			f.seed = set.info.Seed
		}
		if !given("bootstrap") {
			f.bootstrap = set.info.Bootstrap
		}
		made := set.info.Methods[maskMethod]
		if !given("mask") && made != "" {
			f.mask = made
		}
		if f.mask == analyze.MaskDefault && made == analyze.MaskNone {
			return usageError{fmt.Errorf("--mask default: %s was made with --mask none, so that its masks are not known", set.source)}
		}
	}
	return f.measureFlags.check()
}

// apart refuses to write where the states are read: the output would replace
// them.
func apart(out string, args []string) error {
	for _, arg := range args {
		if inside(out, arg) {
			return loader.InputErrorf("--out %s: %s lies in it, and would be replaced", out, arg)
		}
	}
	return nil
}

// find makes the tables in the folder dir, and says where they come from.
func (f *analyzeFlags) find(ctx context.Context, set *stateSet, study *analyze.Study, dir string) (*findings, error) {
	for _, row := range set.losses {
		study.AddLoss(row.Variant, row.Prompt, row.Layer, row.Value, row.N)
	}
	info := &set.info
	if !set.ran || f.mask == analyze.MaskNone { // a run has seen every layer, also those that are not stored
		f.maskTokens(info.Prompts, study)
	}
	info.Schema, info.Tool, info.Argv = report.Schema, "layerclust "+version, os.Args
	info.Adapters, info.Warnings = nonNil(info.Adapters), nonNil(info.Warnings)
	info.Detailed = 0 // as many as these tables leave room for
	f.note(info)
	return f.measureFlags.find(ctx, study, info.Prompts, 1+len(info.Adapters), dir)
}

// fingerprint is a digest of the states' places and of every option that
// changes a result.
func (f *analyzeFlags) fingerprint(set *stateSet, args []string) string {
	var paths []string
	for _, arg := range args {
		paths = append(paths, absolute(arg))
	}
	return digest([]any{version, "analyze", paths, set.info.Fingerprint, set.paths, f.mask, f.bootstrap, f.seed})
}
