package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/loader"
)

// simulateFlags are the options of one simulation.
type simulateFlags struct {
	outputFlags
	preset     string
	integrator string
	seed       uint32
	seeds      int
	n, d       int
	compat     bool
	twin       twinFlags
	given      func(flag string) bool // whether a flag was given
}

func newSimulateCommand() *cobra.Command {
	f := &simulateFlags{}
	cmd := &cobra.Command{
		Use:   "simulate (FILE.json | --preset NAME | --twin MODEL) --out DIR",
		Short: "Token-particle dynamics: a system of your own, the paper's experiments, the twin of a model",
		Long: "simulate integrates the attention dynamics of tokens as particles.\n\nPresets: " +
			strings.Join(presetNames(), ", ") + ".",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.given = cmd.Flags().Changed
			return f.simulate(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.StringVar(&f.preset, "preset", "", "an experiment by its name")
	flags.StringVar(&f.integrator, "integrator", "", "euler, rk4 or adaptive (default: the file's; adaptive)")
	flags.Uint32Var(&f.seed, "seed", 0, "seed of numpy's legacy generator (default: the paper's)")
	flags.IntVar(&f.seeds, "seeds", 0, "how many seeds a study takes (default: the preset's)")
	flags.IntVar(&f.n, "n", 0, "number of tokens of a preset (default: the paper's)")
	flags.IntVar(&f.d, "d", 0, "their dimension (default: the paper's)")
	flags.BoolVar(&f.compat, "paper-compat", false, "reproduce the published numbers with their artefacts")
	f.twin.register(flags)
	return cmd
}

// simulate runs whichever of the three was asked for.
func (f *simulateFlags) simulate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if err := f.check(args); err != nil {
		return err
	}
	out, err := f.open(args)
	if err != nil {
		return err
	}
	var done *simulated
	switch {
	case len(args) == 1:
		done, err = f.file(ctx, args[0])
	case f.twin.model != "":
		done, err = f.runTwin(ctx, stderr)
	default:
		done, err = f.runPreset(ctx)
	}
	if err != nil {
		return err
	}
	if err := out.write(done); err != nil {
		return err
	}
	return f.tell(stdout, done)
}

func (f *simulateFlags) check(args []string) error {
	if err := f.outputFlags.check(); err != nil {
		return err
	}
	asked := len(args)
	for _, v := range []string{f.preset, f.twin.model} {
		if v != "" {
			asked++
		}
	}
	switch {
	case asked != 1:
		return usageError{fmt.Errorf("give one of FILE.json, --preset NAME and --twin MODEL")}
	case f.n < 0 || f.d < 0 || f.seeds < 0:
		return usageError{fmt.Errorf("--n %d, --d %d, --seeds %d: a count is not negative", f.n, f.d, f.seeds)}
	}
	if f.preset == "" {
		for _, name := range []string{"seed", "seeds", "n", "d", "paper-compat"} {
			if f.given(name) {
				return usageError{fmt.Errorf("--%s belongs to --preset", name)}
			}
		}
	}
	if f.twin.model == "" && f.twin.given() {
		return usageError{fmt.Errorf("--prompt, --prompts, --adapter, --heads, --frozen and --dynamics belong to --twin")}
	}
	return nil
}

// method is the integrator asked for, or a default.
func (f *simulateFlags) method(otherwise particles.Integrator) (particles.Integrator, error) {
	if f.integrator == "" {
		return otherwise, nil
	}
	for _, m := range particles.Integrators {
		if string(m) == f.integrator {
			return m, nil
		}
	}
	return "", usageError{fmt.Errorf("--integrator %q is not one of euler, rk4, adaptive", f.integrator)}
}

// file integrates the system of a file, and the adapted one where it has one.
func (f *simulateFlags) file(ctx context.Context, path string) (*simulated, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, loader.InputErrorf("%w", err)
	}
	defer in.Close()
	setup, err := particles.ReadFile(in)
	if err != nil {
		return nil, loader.InputErrorf("%s: %w", path, err)
	}
	if setup.Options.Integrator, err = f.method(setup.Options.Integrator); err != nil {
		return nil, err
	}
	runs, err := runBoth(ctx, setup)
	if err != nil {
		return nil, loader.InputErrorf("%s: %w", path, err)
	}
	return fileResult(path, setup, runs)
}

// namedRun is one trajectory of a result.
type namedRun struct {
	name   string
	system *particles.System
	*particles.Trajectory
	series *particles.Series
}

// runBoth integrates the base and, where there is one, the adapted system.
func runBoth(ctx context.Context, s *particles.Setup) ([]namedRun, error) {
	var runs []namedRun
	for _, r := range []namedRun{{name: "base", system: s.System}, {name: "lora", system: s.Adapted}} {
		if r.system == nil {
			continue
		}
		var err error
		if r.Trajectory, err = particles.Run(ctx, r.system, s.X0, s.Options); err != nil {
			return nil, err
		}
		r.series = particles.NewSeries(r.system, r.Trajectory)
		runs = append(runs, r)
	}
	return runs, nil
}
