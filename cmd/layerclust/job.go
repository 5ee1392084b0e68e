package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/report"
)

// job is one run between its opening and its report.
type job struct {
	in       *inputs
	out      *output
	hashes   *hashes
	progress *progress
	timings  analyze.Timings
	files    *stateFiles    // nil where states are not saved
	spill    *spill         // nil where nothing is measured
	study    *analyze.Study // likewise
}

// startJob says what a reader should know before the wait, and begins what goes
// on beside the forward pass.
func startJob(ctx context.Context, in *inputs, out *output, p *progress) *job {
	p.say("engine: %s", extract.Provider())
	if !extract.SIMD() {
		in.warn("this binary was built without GOEXPERIMENT=simd: the results are the same, 9 to 40 times slower")
	}
	for _, w := range in.warnings {
		p.say("warning: %s", w)
	}
	return &job{in: in, out: out, progress: p, hashes: startHashes(ctx, in)}
}

// measure opens what the measures need: the study and its store and, with
// states, the files to save them in.
func (j *job) measure(states bool, layers int) error {
	var err error
	if j.spill, err = newSpill(j.out.partial); err != nil {
		return writeError(j.out.dir, err)
	}
	if states {
		if j.files, err = newStateFiles(j.out.partial, j.in, layers); err != nil {
			return writeError(j.out.dir, err)
		}
	}
	j.study = analyze.NewStudy(j.spill, j.in.names())
	return nil
}

// take is the sink of the forward pass: it saves and measures what was asked
// for. The base's residual states decide on massive tokens at every layer,
// chosen or not.
func (j *job) take(s extract.States) error {
	state := analyze.State{
		Key: analyze.Key{Variant: j.in.variantName(s.Variant), Prompt: j.in.prompts[s.Prompt].ID, Layer: s.LayerName(), Site: string(s.Site)},
		T:   s.T, D: s.D, X: s.X,
	}
	if !j.chosen(s) {
		return j.study.Observe(state)
	}
	if j.files != nil {
		if err := j.files.add(s); err != nil {
			return writeError(j.out.dir, err)
		}
	}
	return writeError(j.out.dir, j.study.Add(state))
}

// analyze makes the tables under the masks.
func (j *job) analyze(ctx context.Context, trace *extract.Trace, f *runFlags) (*analyze.Tables, error) {
	j.progress.step("measuring")
	last := fmt.Sprint(trace.Layers)
	for v, losses := range trace.Loss {
		for p, loss := range losses {
			if !math.IsNaN(loss) {
				j.study.AddLoss(j.in.variantName(v), j.in.prompts[p].ID, last, loss, len(j.in.prompts[p].IDs)-1)
			}
		}
	}
	keep := map[string][]int{}
	for p := range j.in.infos {
		info := &j.in.infos[p]
		if f.mask == analyze.MaskNone {
			info.Masked = nil
		} else {
			info.Masked = mergeMasked(info.Masked, j.study.Massive(info.ID))
		}
		keep[info.ID] = kept(info)
	}
	return j.study.Finish(ctx, keep, analyze.FinishOptions{Bootstrap: f.bootstrap, Seed: f.seed})
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

// result puts the tables and their provenance together.
func (j *job) result(trace *extract.Trace, tables *analyze.Tables, f *runFlags) (*analyze.Result, error) {
	info, err := j.runInfo(trace, &f.inputFlags)
	if err != nil {
		return nil, err
	}
	info.Masks = []string{analyze.MaskDefault, analyze.MaskNone}
	info.Fingerprint = f.fingerprint(j.in)
	info.Seed, info.Bootstrap = f.seed, f.bootstrap
	info.Methods = map[string]string{"clusters": analyze.ClusterMethod(), "massive": analyze.MassiveMethod()}
	info.Warnings = append(info.Warnings, tables.Warnings...)
	return &analyze.Result{Run: info, Metrics: tables.Metrics, Histograms: tables.Histograms, Partitions: tables.Partitions}, nil
}

// write puts everything into the output folder at once. The report's own time
// and the peak memory can only be known after it is drawn, so run.json is
// written last.
func (j *job) write(r *analyze.Result) error {
	j.progress.step("writing the report")
	start := time.Now()
	if j.files != nil {
		if err := j.files.commit(); err != nil {
			return writeError(j.out.dir, err)
		}
	}
	if err := report.Write(j.out.partial, r); err != nil {
		return writeError(j.out.dir, err)
	}
	r.Run.Timings.Report = time.Since(start).Seconds()
	r.Run.Timings.Total += r.Run.Timings.Report
	r.Run.PeakRSSBytes = peakRSS()
	if err := report.WriteRun(j.out.partial, r.Run); err != nil {
		return writeError(j.out.dir, err)
	}
	j.progress.done()
	return j.out.commit()
}

func (j *job) close() {
	if j.spill != nil {
		j.spill.close()
	}
	if j.hashes != nil {
		j.hashes.stop()
	}
	if j.progress != nil {
		j.progress.done()
	}
}
