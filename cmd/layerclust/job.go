package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"slices"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/digests"
)

// job is one run between its opening and its report.
type job struct {
	in       *inputs
	out      *output
	digests  *digests.Work // of the input files
	progress *progress
	timings  analyze.Timings
	provider string
	fresh    bool           // --fresh
	files    *stateFiles    // nil where states are not saved
	spill    *spill         // nil where nothing is measured
	study    *analyze.Study // of extract: notes massive tokens only
	saves    []int          // layers of the snapshots that may still be needed
	from     int            // the layer behind which this process began
}

// begin opens inputs and output, and finds what an ended run has left of the
// same job. It says what a reader should know before the wait, and begins what
// goes on beside the forward pass.
func (f *inputFlags) begin(ctx context.Context, modelDir string, measured bool, stdin io.Reader, stderr io.Writer) (*job, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	in, err := f.open(ctx, modelDir, stdin, stderr)
	if err != nil {
		return nil, err
	}
	provider, advice, err := extract.Provider(f.extractOptions(in))
	if err != nil {
		in.close()
		return nil, err
	}
	out, err := openOutput(f.out, f.fresh, f.fingerprint(in, provider))
	if err != nil {
		in.close()
		return nil, err
	}
	j := &job{in: in, out: out, progress: newProgress(stderr, f.quiet), provider: provider, fresh: f.fresh}
	j.progress.say("engine: %s", provider)
	if advice != "" {
		j.progress.say("%s", advice)
	}
	if !extract.SIMD() {
		in.warn("this binary was built without GOEXPERIMENT=simd: the results are the same, 9 to 40 times slower")
	}
	for _, w := range in.warnings {
		j.progress.say("warning: %s", w)
	}
	j.digests = startDigests(ctx, in)
	if err := j.sayMemory(f); err != nil {
		return nil, j.close(err)
	}
	if f.saveStates {
		j.files = newStateFiles(out.partial, in, in.model.Config.NumLayers*f.repeatDepth)
	}
	if err := j.restore(measured, f.resume, f.fresh); err != nil {
		return nil, j.close(writeError(out.dir, err))
	}
	return j, nil
}

// take is the sink of the forward pass: it saves and measures what was asked
// for. The base's residual states decide on massive tokens at every layer,
// chosen or not.
func (j *job) take(s extract.States) error {
	state := analyze.State{
		Key: analyze.Key{Variant: j.in.variantName(s.Variant), Prompt: j.in.prompts[s.Prompt].ID, Layer: s.LayerName(), Site: string(s.Site)},
		T:   s.T, D: s.D, X: s.X,
	}
	chosen := j.chosen(s)
	if chosen && j.files != nil {
		if err := j.files.add(s); err != nil {
			return writeError(j.out.dir, err)
		}
	}
	if chosen && j.spill != nil {
		return writeError(j.out.dir, j.study.Add(state))
	}
	return j.study.Observe(state)
}

// chosen says whether a state's layer and site were asked for.
func (j *job) chosen(s extract.States) bool {
	return j.in.layers.has(s) && slices.Contains(j.in.sites, string(s.Site))
}

// addLosses gives the losses of the head to the study.
func (j *job) addLosses(trace *extract.Trace) {
	last := fmt.Sprint(trace.Layers)
	for v, losses := range trace.Loss {
		for p, loss := range losses {
			if !math.IsNaN(loss) {
				j.study.AddLoss(j.in.variantName(v), j.in.prompts[p].ID, last, loss, len(j.in.prompts[p].IDs)-1)
			}
		}
	}
}

// find makes the tables, and says where they come from.
func (j *job) find(ctx context.Context, trace *extract.Trace, f *inputFlags, c *clock) (*findings, *analyze.RunInfo, error) {
	j.progress.step("measuring")
	debug.SetMemoryLimit(math.MaxInt64) // that of the forward pass, which is over
	j.digests.Hurry()
	j.addLosses(trace)
	f.maskTokens(j.in.infos, j.study)
	found, err := f.measureFlags.find(ctx, j.study, j.in.infos, 1+len(j.in.adapters), j.out.partial)
	if err != nil {
		return nil, nil, writeError(j.out.dir, err)
	}
	c.lap(&j.timings.Analyze)
	info, err := j.runInfo(trace, f)
	return found, &info, err
}

// commitStates completes the files of the states, where there are any.
func (j *job) commitStates() error {
	if j.files == nil {
		return nil
	}
	return writeError(j.out.dir, j.files.commit())
}

// close ends the job. Of one that failed what is done is kept for the next,
// where there is a checkpoint; the error says so.
func (j *job) close(err error) error {
	if j.spill != nil {
		j.spill.close()
	}
	if !j.out.committed && worthResuming(err) {
		layer, ok := extract.Finished(j.checkpoints())
		if j.out.keep = j.out.keep || ok; ok && err != nil {
			err = unfinished{err, j.fresh, fmt.Sprintf("layer %d of %d", layer, len(j.in.layers.chosen)-1)}
		}
	}
	j.digests.Stop()
	j.progress.done()
	j.out.discard()
	j.in.close()
	return err
}
