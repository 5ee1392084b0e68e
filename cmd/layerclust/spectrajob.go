package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/digests"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// spectraJob is one call of spectra between its opening and its report.
type spectraJob struct {
	source   string             // MODEL as it was named
	model    *loader.Model      // nil without MODEL
	adapters []*loader.Adapter  // in the order of the command line
	loras    []*update          // their LoRAs in those blocks
	blocks   *layerSet          // the block numbers of --layers
	run      *joinedRun         // of --join, or nil
	result   *spectra.Result    // what was found so far
	findings []string           // a sentence each, of what was found
	info     report.SpectraInfo // spectra.json so far
	out      *spectraOutput     // where to
	progress *progress
	digests  *digests.Work // of the input files
	start    time.Time
	lapped   time.Time // of the last lap
}

// open opens what the command line names, and the folder of the results.
func (f *spectraFlags) open(ctx context.Context, args []string, stderr io.Writer) (_ *spectraJob, err error) {
	now := time.Now()
	job := &spectraJob{result: &spectra.Result{}, progress: newProgress(stderr, f.quiet), start: now, lapped: now}
	defer func() {
		if err != nil {
			err = job.close(err)
		}
	}()
	hub := loader.HubOptions{Revision: f.revision, Progress: stderr}
	if f.quiet {
		hub.Progress = nil
	}
	if len(args) == 1 {
		if err := job.openModel(ctx, args[0], hub); err != nil {
			return nil, err
		}
	}
	if err := job.openAdapters(ctx, f, hub); err != nil {
		return nil, err
	}
	if job.blocks, err = parseLayers(f.layers, job.depth()-1); err != nil {
		return nil, err
	}
	job.describe(f)
	if job.out, err = openSpectraOutput(f.out, f.fresh, job.info.Fingerprint); err != nil {
		return nil, err
	}
	job.lap("load")
	return job, nil
}

func (j *spectraJob) openModel(ctx context.Context, name string, hub loader.HubOptions) error {
	dir, err := loader.ResolveModel(ctx, name, hub)
	if err != nil {
		return err
	}
	j.source = name
	j.model, err = loader.Open(dir)
	return err
}

func (j *spectraJob) openAdapters(ctx context.Context, f *spectraFlags, hub loader.HubOptions) error {
	refs, err := parseRefs(f.adapters, func(arg string) ([]loader.AdapterRef, error) {
		return loader.ResolveAdapterArg(ctx, arg, hub)
	})
	if err != nil {
		return err
	}
	if err := loader.CheckNames(refs); err != nil {
		return err
	}
	for _, ref := range refs {
		a, err := loader.OpenAdapter(ref, j.model, f.scaleOptions())
		if err != nil {
			return err
		}
		j.adapters = append(j.adapters, a)
		for _, w := range a.Warnings {
			j.warn("adapter %s: %s", a.Name, w)
		}
		if a.Zero() {
			j.warn("adapter %s changes nothing: every update is zero (B = 0, as before training, or a scale of 0)", a.Name)
		}
	}
	return nil
}

// depth is the number of blocks: the model's, or up to the last one that an
// adapter changes.
func (j *spectraJob) depth() int {
	if j.model != nil {
		return j.model.Config.NumLayers
	}
	depth := 1
	for _, a := range j.adapters {
		for _, path := range a.Paths {
			if layer, _, err := moduleName(path); err == nil {
				depth = max(depth, layer+1)
			}
		}
	}
	return depth
}

// warn notes what a user should know, and says it at once.
func (j *spectraJob) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	j.info.Warnings = append(j.info.Warnings, text)
	j.progress.say("warning: %s", text)
}

// lap notes the seconds since the last one under a name.
func (j *spectraJob) lap(name string) {
	now := time.Now()
	if j.info.Timings == nil {
		j.info.Timings = map[string]float64{}
	}
	j.info.Timings[name+"_s"] += now.Sub(j.lapped).Seconds()
	j.lapped = now
}

// describe fills in what is known before anything is computed.
func (j *spectraJob) describe(f *spectraFlags) {
	warnings, timings := j.info.Warnings, j.info.Timings
	j.info = report.SpectraInfo{
		Schema: report.SpectraSchema, Tool: "layerclust " + version, Argv: os.Args, Adapters: []analyze.AdapterInfo{},
		LoRAScale: f.loraScale, Only: f.groups(j.model != nil, len(j.adapters) > 0), NormGain: f.normGain,
		RoPEOffsets: f.ropeOffsets, Top: f.top, Thresholds: f.thresholds, Join: f.joinDir, Seed: f.seed,
		Conventions: map[string]string{}, Predictions: []string{}, Timings: timings, Warnings: warnings,
	}
	for _, a := range j.adapters {
		j.info.Adapters = append(j.info.Adapters, adapterInfo(a, extract.Applied{Modules: len(a.Paths)}, nil))
	}
	j.info.Fingerprint = j.fingerprint(f)
}

// modelFiles are those that decide what the model's weights are.
func (j *spectraJob) modelFiles() []string {
	return append([]string{"config.json"}, j.model.Weights.Files()...)
}

func (j *spectraJob) startDigests(ctx context.Context) *digests.Work {
	var paths []string
	if j.model != nil {
		paths = within(j.model.Dir, j.modelFiles())
	}
	for _, a := range j.adapters {
		paths = append(paths, within(a.Dir, a.Files())...)
	}
	return digests.Start(ctx, digests.UserCache(), paths)
}

// fingerprint is a digest of the inputs and of every option that changes a
// result.
func (j *spectraJob) fingerprint(f *spectraFlags) string {
	key := []any{version, "spectra"}
	if j.model != nil {
		key = append(key, absolute(j.model.Dir), stamps(j.model.Dir, j.modelFiles()))
	}
	for _, a := range j.adapters {
		key = append(key, a.Name, absolute(a.Dir), a.Scale, stamps(a.Dir, a.Files()))
	}
	if f.joinDir != "" {
		key = append(key, absolute(f.joinDir), stamps(f.joinDir, []string{runName, "metrics.csv"}))
	}
	i := j.info
	return digest(append(key, i.LoRAScale, i.Only, j.blocks.indices(), i.NormGain, i.RoPEOffsets, i.Top, i.Thresholds, i.Seed, f.lapack))
}

// close closes what is open, and leaves no half of a result where err is one.
func (j *spectraJob) close(err error) error {
	if j.digests != nil {
		j.digests.Stop()
	}
	j.progress.done()
	if j.out != nil {
		j.out.discard()
	}
	var errs []error
	for _, a := range j.adapters {
		errs = append(errs, a.Close())
	}
	if j.model != nil {
		errs = append(errs, j.model.Close())
	}
	if err != nil {
		return err
	}
	return errors.Join(errs...)
}
