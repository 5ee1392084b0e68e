package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/layerclust/layerclust/analyze"
)

// measureFlags are the choices of the measures. extract has them as well: it
// measures nothing, but decides on the mask and notes the rest for analyze.
type measureFlags struct {
	mask      string
	bootstrap int
	seed      int64
}

func (f *measureFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.mask, "mask", analyze.MaskDefault, "`default` leaves out BOS, special and massive tokens; none keeps every token")
	flags.IntVar(&f.bootstrap, "bootstrap", 1000, "resamples of the prompts behind each interval; 0 for no intervals")
	flags.Int64Var(&f.seed, "seed", 0, "of the resamples")
}

const maxBootstrap = 1_000_000

func (f *measureFlags) check() error {
	switch {
	case f.mask != analyze.MaskDefault && f.mask != analyze.MaskNone:
		return usageError{fmt.Errorf("--mask %s: want default or none", f.mask)}
	case f.bootstrap < 0 || f.bootstrap > maxBootstrap:
		return usageError{fmt.Errorf("--bootstrap %d: want 0 to %d", f.bootstrap, maxBootstrap)}
	}
	return nil
}

// maskMethod is the key of run.json's methods that holds the choice of --mask.
const maskMethod = "mask"

// note writes the choices into run.json.
func (f *measureFlags) note(info *analyze.RunInfo) {
	info.Masks = []string{analyze.MaskDefault, analyze.MaskNone}
	info.Seed, info.Bootstrap = f.seed, f.bootstrap
	info.Methods = map[string]string{"clusters": analyze.ClusterMethod(), "massive": analyze.MassiveMethod(), maskMethod: f.mask}
}

// maskTokens completes the masked tokens of each prompt with the massive ones
// that the study has seen.
func (f *measureFlags) maskTokens(prompts []analyze.PromptInfo, study *analyze.Study) {
	for i := range prompts {
		p := &prompts[i]
		if f.mask == analyze.MaskNone {
			p.Masked = nil
		} else {
			p.Masked = mergeMasked(p.Masked, study.Massive(p.ID))
		}
		p.Masked = nonNil(p.Masked)
	}
}

// find makes the tables under the masks of the prompts, in the folder dir.
func (f *measureFlags) find(ctx context.Context, study *analyze.Study, prompts []analyze.PromptInfo, variants int, dir string) (*findings, error) {
	keep := map[string][]int{}
	for i := range prompts {
		keep[prompts[i].ID] = kept(&prompts[i])
	}
	found, err := newFindings(dir, variants)
	if err != nil {
		return nil, err
	}
	rest, err := study.Finish(ctx, keep, analyze.FinishOptions{Bootstrap: f.bootstrap, Seed: f.seed, Each: found.take})
	if err != nil {
		return nil, err
	}
	found.warnings = rest.Warnings
	return found, nil
}

// mergeMasked adds the massive tokens to those masked for another reason; a
// token that is both keeps the first reason and gains the details.
func mergeMasked(masked, massive []analyze.Masked) []analyze.Masked {
	for _, m := range massive {
		i := slices.IndexFunc(masked, func(o analyze.Masked) bool { return o.Position == m.Position })
		if i < 0 {
			masked = append(masked, m)
			continue
		}
		m.Reason = masked[i].Reason
		masked[i] = m
	}
	slices.SortFunc(masked, func(a, b analyze.Masked) int { return a.Position - b.Position })
	return masked
}

// kept lists the positions that the default mask leaves in.
func kept(info *analyze.PromptInfo) []int {
	keep := []int{}
	for i := range info.N {
		if !slices.ContainsFunc(info.Masked, func(m analyze.Masked) bool { return m.Position == i }) {
			keep = append(keep, i)
		}
	}
	return keep
}
