package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/layerclust/layerclust/loader"
)

// spectraFlags are the flags of spectra.
type spectraFlags struct {
	outputFlags
	adapters    []string
	revision    string
	loraScale   string
	only        []string // groups of quantities; none: all that the inputs allow
	layers      string
	normGain    string
	ropeOffsets []int
	top         int
	thresholds  []float64
	joinDir     string
	lapack      string
	threads     int
	seed        int64
	given       func(flag string) bool // whether a flag was given
}

// spectraGroup is a value of --only.
type spectraGroup struct {
	name  string
	dense bool // it is of the base's weights
}

var spectraGroups = []spectraGroup{
	{"lora", false}, {"overlap", false}, {"v", true}, {"ov", true}, {"qk", true}, {"qk_layer", true}, {"intruders", true},
}

func groupNames() string {
	var names []string
	for _, g := range spectraGroups {
		names = append(names, g.name)
	}
	return strings.Join(names, ",")
}

func newSpectraCommand() *cobra.Command {
	f := &spectraFlags{}
	cmd := &cobra.Command{
		Use:   "spectra [MODEL] [--adapter [NAME=]DIR[@SCALE]]... --out DIR",
		Short: "The weights: spectra of attention and of LoRA updates, with each adapter and without",
		Long: `Read off the weights what theory asks of them. Of adapters alone, without MODEL:
singular values and eigenvalues of every update, its norm and ranks, how the
subspaces of adapters, checkpoints and layers overlap, the path over a series of
checkpoints. With MODEL also the eigenvalues of V and of each head's OV, the
singular values of each head's QK, with each adapter and without, and where an
update lies in the basis of its weight.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.given = cmd.Flags().Changed
			return f.spectra(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *spectraFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringArrayVar(&f.adapters, "adapter", nil, "`[NAME=]DIR[@SCALE]` of a PEFT adapter, or of a folder of checkpoint-N folders; repeatable")
	f.outputFlags.register(flags)
	flags.StringVar(&f.loraScale, "lora-scale", "peft", "`peft`, or paper: without the factor alpha/r")
	flags.StringSliceVar(&f.only, "only", nil, "groups of quantities, of `"+groupNames()+"` (default all that the inputs allow)")
	flags.StringVar(&f.layers, "layers", "", "block numbers, as `0-5,12,-1` (default all)")
	flags.StringVar(&f.normGain, "norm-gain", "leave", "the RMSNorm's gain in V, Q and K: `leave` them as the file has them, or fold it into them")
	flags.IntSliceVar(&f.ropeOffsets, "rope-offsets", []int{0}, "offsets of a key before its query at which QK is taken, as `0,1,8`")
	flags.IntVar(&f.top, "top", 0, "only the `K` leading values of dense matrices (default 0: all)")
	flags.Float64SliceVar(&f.thresholds, "intruder-thresholds", spectraThresholds, "cosines below which a singular vector is an intruder, as `0.3,0.5,0.7`")
	flags.StringVar(&f.joinDir, "join", "", "`DIR` of a run with the same adapters, whose increments per layer are set against the weights'")
	flags.StringVar(&f.lapack, "lapack", "auto", "`auto|native|gonum`: what decomposes dense matrices; auto is native where this machine has the library")
	flags.StringVar(&f.revision, "revision", "", "branch, tag or commit of a MODEL from the hub")
	flags.IntVar(&f.threads, "threads", 0, "processor threads (default all)")
	flags.Int64Var(&f.seed, "seed", 0, "of the random references")
}

// spectraThresholds are the cosines of the sweep over intruders; 0.5 is that of
// Shuttleworth et al. 2024.
var spectraThresholds = []float64{0.3, 0.4, 0.5, 0.6, 0.7}

// spectra is the command: the run to join, adapters, base, overlaps, join, files, page.
func (f *spectraFlags) spectra(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	if err := f.check(args); err != nil {
		return err
	}
	job, err := f.open(ctx, args, stderr)
	if err != nil {
		return err
	}
	defer func() { err = job.close(err) }()

	steps := []struct {
		name string
		do   func(context.Context, *spectraJob) error
	}{
		{"run", f.openRun}, {"adapters", f.updates}, {"base", f.base}, {"overlaps", f.overlaps}, {"join", f.join},
	}
	for _, step := range steps {
		if err := step.do(ctx, job); err != nil {
			return writeError(f.out, err)
		}
		job.lap(step.name)
	}
	if err := job.write(f); err != nil {
		return err
	}
	return f.tell(stdout, job)
}

// check refuses values that no call could use.
func (f *spectraFlags) check(args []string) error {
	if err := cmp.Or(f.outputFlags.check(), f.checkGroups(args)); err != nil {
		return err
	}
	switch {
	case len(args) == 0 && len(f.adapters) == 0:
		return usageError{fmt.Errorf("give a MODEL, --adapter DIR or both")}
	case f.loraScale != "peft" && f.loraScale != "paper":
		return usageError{fmt.Errorf("--lora-scale %s: want peft or paper", f.loraScale)}
	case f.normGain != "leave" && f.normGain != "fold":
		return usageError{fmt.Errorf("--norm-gain %s: want leave or fold", f.normGain)}
	case !slices.Contains(lapackChoices, f.lapack):
		return usageError{fmt.Errorf("--lapack %s: want %s", f.lapack, strings.Join(lapackChoices, ", "))}
	case f.top < 0:
		return usageError{fmt.Errorf("--top %d: want 0 or more", f.top)}
	case f.threads < 0:
		return usageError{fmt.Errorf("--threads %d: want 0 or more", f.threads)}
	case len(f.ropeOffsets) == 0 || len(f.ropeOffsets) > maxSweep:
		return usageError{fmt.Errorf("--rope-offsets: want 1 to %d of them", maxSweep)}
	case len(f.thresholds) == 0 || len(f.thresholds) > maxSweep:
		return usageError{fmt.Errorf("--intruder-thresholds: want 1 to %d of them", maxSweep)}
	case f.joinDir != "" && len(f.adapters) == 0:
		return usageError{fmt.Errorf("--join %s: it needs the run's adapters, with --adapter", f.joinDir)}
	}
	for _, v := range f.ropeOffsets {
		if v < 0 || v > maxOffset {
			return usageError{fmt.Errorf("--rope-offsets %d: want 0 to %d", v, maxOffset)}
		}
	}
	for _, v := range f.thresholds {
		if math.IsNaN(v) || v <= 0 || v > 1 {
			return usageError{fmt.Errorf("--intruder-thresholds %v: want a cosine above 0, at most 1", v)}
		}
	}
	if f.threads > 0 {
		runtime.GOMAXPROCS(f.threads)
	}
	return nil
}

// Limits of what one call sweeps.
const (
	maxSweep  = 64
	maxOffset = 1 << 24
)

// checkGroups refuses groups that are not known or that the inputs do not allow.
func (f *spectraFlags) checkGroups(args []string) error {
	if f.given("only") && len(f.only) == 0 {
		return usageError{fmt.Errorf("--only is empty")}
	}
	for _, name := range f.only {
		k := slices.IndexFunc(spectraGroups, func(g spectraGroup) bool { return g.name == name })
		switch {
		case k < 0:
			return usageError{fmt.Errorf("--only %s: it is not one of %s", name, groupNames())}
		case spectraGroups[k].dense && len(args) == 0:
			return usageError{fmt.Errorf("--only %s: it needs MODEL", name)}
		case (!spectraGroups[k].dense || name == "intruders") && len(f.adapters) == 0:
			return usageError{fmt.Errorf("--only %s: it needs --adapter DIR", name)}
		}
	}
	return nil
}

// wants says whether a group of quantities is asked for.
func (f *spectraFlags) wants(group string) bool {
	return len(f.only) == 0 || slices.Contains(f.only, group)
}

// groups are those that --only leaves, of what the inputs allow.
func (f *spectraFlags) groups(model, adapters bool) []string {
	var names []string
	for _, g := range spectraGroups {
		allowed := adapters
		if g.dense {
			allowed = model && (adapters || g.name != "intruders")
		}
		if allowed && f.wants(g.name) {
			names = append(names, g.name)
		}
	}
	return names
}

// scaleOptions are the loader's, for --lora-scale.
func (f *spectraFlags) scaleOptions() loader.AdapterOptions {
	return loader.AdapterOptions{PaperScale: f.loraScale == "paper"}
}
