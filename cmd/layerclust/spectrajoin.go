package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/digests"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// joinedRun is the run of --join.
type joinedRun struct {
	dir   string
	info  analyze.RunInfo
	names map[string]string // variant of the run -> adapter of this call
}

// openRun reads what the run of --join was of, and refuses one of other adapters
// before anything is computed.
func (f *spectraFlags) openRun(ctx context.Context, job *spectraJob) error {
	if f.joinDir == "" {
		return nil
	}
	info, err := readRunInfo(f.joinDir)
	if err != nil {
		return err
	}
	job.run = &joinedRun{dir: f.joinDir, info: info, names: map[string]string{}}
	if err := job.run.check(f); err != nil {
		return err
	}
	var paths []string
	for _, a := range job.adapters {
		paths = append(paths, within(a.Dir, a.Files())...)
	}
	sums, err := digests.Start(ctx, digests.UserCache(), paths).Wait()
	if err != nil {
		return unreadable(err)
	}
	for _, a := range job.adapters {
		name, err := job.run.find(a, digestsOf(a.Dir, a.Files(), sums))
		if err != nil {
			return err
		}
		if name == "" {
			job.warn("--join: adapter %s is not in %s", a.Name, job.run.file())
			continue
		}
		job.run.names[name] = a.Name
	}
	if len(job.run.names) == 0 {
		return loader.InputErrorf("--join: %s: adapters: none of this call's is among them", job.run.file())
	}
	return nil
}

func (r *joinedRun) file() string { return filepath.Join(r.dir, runName) }

// check refuses a run whose increments are not those of one pass through the
// blocks with the same weights.
func (r *joinedRun) check(f *spectraFlags) error {
	i := r.info
	switch {
	case i.Model.Layers < 1 || i.Model.Layers > maxBlocks:
		return loader.InputErrorf("--join: %s: model.layers=%d, want 1 to %d", r.file(), i.Model.Layers, maxBlocks)
	case i.RepeatDepth > 1:
		return loader.InputErrorf("--join: %s: repeat_depth=%d is not supported: a block has several increments", r.file(), i.RepeatDepth)
	case i.LoRAScale != f.loraScale:
		return loader.InputErrorf("--join: %s: lora_scale=%q, but --lora-scale is %s", r.file(), i.LoRAScale, f.loraScale)
	case !slices.Contains(i.Sites, string(extract.Resid)):
		return loader.InputErrorf("--join: %s: sites=%q: resid is not among them", r.file(), i.Sites)
	}
	return nil
}

// find gives the run's name of an adapter with these digests, "" where it was none
// of it.
func (r *joinedRun) find(a *loader.Adapter, sums map[string]string) (string, error) {
	found, scaled := "", (*analyze.AdapterInfo)(nil)
	for i := range r.info.Adapters {
		of := &r.info.Adapters[i]
		switch same := maps.Equal(of.SHA256, sums); {
		case same && of.Scale == a.Scale:
			if found == "" || of.Name == a.Name {
				found = of.Name
			}
		case same:
			scaled = of
		case of.Name == a.Name:
			return "", loader.InputErrorf("--join: %s: adapter %s: %s", r.file(), a.Name, otherFile(of.SHA256, sums))
		}
	}
	if found == "" && scaled != nil {
		return "", loader.InputErrorf("--join: %s: adapter %s: scale=%v, but --adapter %s has %v", r.file(), scaled.Name, scaled.Scale, a.Name, a.Scale)
	}
	return found, nil
}

// otherFile names the first file in which a run and this call differ.
func otherFile(run, here map[string]string) string {
	for _, name := range sortedNames(here) {
		if sum := run[name]; sum != here[name] {
			return fmt.Sprintf("%s has sha256=%.100q, here it is %s", name, sum, here[name])
		}
	}
	return "it has other files"
}

// join sets what each adapter did to the weights against what it did in a run.
func (f *spectraFlags) join(_ context.Context, job *spectraJob) error {
	if job.run == nil {
		return nil
	}
	if err := job.sameModel(); err != nil {
		return err
	}
	tracks, left, err := job.run.read()
	if err != nil {
		return err
	}
	blocks := job.blocks.indices()
	if job.model == nil && f.layers == "" { // the blocks after the last one changed
		blocks = counted(0, job.run.info.Model.Layers)
	}
	job.result.Joins = spectra.Joins(job.result.Values, blocks, tracks)
	job.describeJoins(left)
	return nil
}

// sameModel demands that the run was of this call's weights, where they are given.
func (j *spectraJob) sameModel() error {
	if j.model == nil {
		return nil
	}
	sums, err := j.digests.Wait()
	if err != nil {
		return unreadable(err)
	}
	here := digestsOf(j.model.Dir, j.modelFiles(), sums)
	for name, sum := range here {
		if j.run.info.Model.SHA256[name] != sum {
			return loader.InputErrorf("--join: %s: model: %s", j.run.file(), otherFile(j.run.info.Model.SHA256, here))
		}
	}
	return nil
}

// joinTargets are what is joined: metrics of prompt "all" with the names that their
// tracks have, in the order of join.csv.
var joinTargets = []struct{ metric, name string }{
	{"drift", "drift"}, {"ami_base", "1-ami_base"}, {"clusters" + analyze.DeltaSuffix, "clusters_delta"},
	{"effective_rank" + analyze.DeltaSuffix, "effective_rank_delta"}, {"cosine_mean" + analyze.DeltaSuffix, "cosine_mean_delta"},
}

// blank are the tracks of the adapters, all unknown.
func (r *joinedRun) blank() []spectra.Track {
	var tracks []spectra.Track
	for _, of := range r.info.Adapters {
		name, ok := r.names[of.Name]
		if !ok {
			continue
		}
		for _, t := range joinTargets {
			for _, mask := range []string{analyze.MaskDefault, analyze.MaskNone} {
				tracks = append(tracks, spectra.Track{Adapter: name, Target: t.name, Mask: mask, At: unknown(r.info.Model.Layers + 1)})
			}
		}
	}
	return tracks
}

// read takes the tracks of the adapters from metrics.csv, and how far each
// clustering agrees with the base's under the default mask.
func (r *joinedRun) read() ([]spectra.Track, map[string][]spectra.Agreement, error) {
	tracks := r.blank()
	left := map[string][]spectra.Agreement{}
	err := report.EachMetric(r.dir, func(row analyze.Row) error {
		name, ok := r.names[row.Variant]
		l, inside := trackPlace(row.Layer, r.info.Model.Layers)
		if !ok || !inside || row.Prompt != analyze.AllPrompts || row.Site != string(extract.Resid) {
			return nil
		}
		k := slices.IndexFunc(joinTargets, func(t struct{ metric, name string }) bool { return t.metric == row.Metric })
		if k < 0 {
			return nil
		}
		value := row.Value
		if row.Metric == "ami_base" {
			value = 1 - value
			if row.Mask == analyze.MaskDefault {
				left[name] = append(left[name], spectra.Agreement{Layer: row.Layer, AMI: row.Value, Lo: row.Lo, Hi: row.Hi})
			}
		}
		for i := range tracks {
			if t := &tracks[i]; t.Adapter == name && t.Target == joinTargets[k].name && t.Mask == row.Mask {
				t.At[l] = value
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, loader.InputErrorf("--join: %w", err)
	}
	return tracks, left, nil
}

func unknown(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.NaN()
	}
	return x
}

// trackPlace is the place of a layer of the residual stream in a track: the last is
// that before the final norm, and the one after it is none.
func trackPlace(layer string, depth int) (int, bool) {
	digits, raw := strings.CutSuffix(layer, "-raw")
	l, err := strconv.Atoi(digits)
	return l, err == nil && l >= 0 && (l < depth && !raw || l == depth && raw)
}
