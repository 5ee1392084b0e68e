package main

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// update is the LoRA of one module of one adapter.
type update struct {
	adapter *loader.Adapter
	layer   int    // block number; spectra.NoBlock for the embedding and the head
	module  string // as q_proj
	lora    *loader.LoRA
}

// factors are those of its update, at the scale of the adapter.
func (u *update) factors() *spectra.Factors {
	l := u.lora
	return &spectra.Factors{Rank: l.Rank, In: l.In, Out: l.Out, A: l.A, B: l.B, Scale: l.Scale * u.adapter.Scale}
}

// updates adds the spectra of every adapter's updates. They take milliseconds, so
// that the files are hashed after them, beside the rest.
func (f *spectraFlags) updates(ctx context.Context, job *spectraJob) error {
	err := f.addUpdates(ctx, job)
	job.digests = job.startDigests(ctx)
	return err
}

func (f *spectraFlags) addUpdates(ctx context.Context, job *spectraJob) error {
	if !f.wants("lora") && !f.wants("overlap") {
		return nil
	}
	for _, a := range job.adapters {
		list, err := job.updatesOf(a)
		if err != nil {
			return err
		}
		job.loras = append(job.loras, list...)
	}
	if !f.wants("lora") {
		return nil
	}
	found, err := decomposed(ctx, job.loras, false)
	if err != nil {
		return err
	}
	job.lap("adapters")
	random, err := randomOf(ctx, found, f.seed)
	if err != nil {
		return err
	}
	job.lap("random")
	for i, u := range job.loras {
		d := found[i]
		job.result.Values = append(job.result.Values, d.Values(u.adapter.Name, u.layer, u.module)...)
		reference := random[shapeOf(d)].Values(u.adapter.Name, u.layer, u.module, d.Measures().Norm)
		job.result.Values = append(job.result.Values, reference...)
	}
	job.convene()
	job.describeUpdates(found, random)
	return nil
}

// decomposed takes updates apart, in their order.
func decomposed(ctx context.Context, list []*update, vectors bool) ([]*spectra.Update, error) {
	found := make([]*spectra.Update, len(list))
	return found, parallel(ctx, len(list), func(i int) (err error) {
		if found[i], err = spectra.Decompose(list[i].factors(), vectors); err != nil {
			return list[i].fault(err)
		}
		return nil
	})
}

// shape is what a random reference depends on.
type shape struct{ out, in, rank int }

func shapeOf(u *spectra.Update) shape { return shape{u.Out, u.In, u.Rank} }

// randomOf draws the reference of every shape.
func randomOf(ctx context.Context, found []*spectra.Update, seed int64) (map[shape]*spectra.RandomReference, error) {
	var shapes []shape
	for _, u := range found {
		if s := shapeOf(u); !slices.Contains(shapes, s) {
			shapes = append(shapes, s)
		}
	}
	drawn := make([]*spectra.RandomReference, len(shapes))
	err := parallel(ctx, len(shapes), func(i int) (err error) {
		s := shapes[i]
		drawn[i], err = spectra.NewRandomReference(s.out, s.in, s.rank, seed)
		return err
	})
	random := map[shape]*spectra.RandomReference{}
	for i, s := range shapes {
		random[s] = drawn[i]
	}
	return random, err
}

// convene says in spectra.json how the values of updates are to be read.
func (j *spectraJob) convene() {
	scale := "s B A with s = alpha/r (alpha/sqrt(r) for rsLoRA)"
	if j.info.LoRAScale == "paper" {
		scale = "B A, without the factor alpha/r that PEFT applies"
	}
	for name, text := range map[string]string{
		"update":         scale + ", times the @SCALE of the adapter",
		"lora_rank":      "singular values above max(out, in) 2^-23 of the largest: the factors are float32",
		"rank90, rank99": "the fewest leading directions with that share of the squared Frobenius norm",
		"effective_rank": "exp of the entropy of the singular values over their sum; utilisation is that over r",
		"zero updates":   "norm, ranks and utilisation of an update that is zero are 0; cosines and subspaces with it have no row",
		"random":         "lora_sv_random, eig_ratio_random: B A with independent normal elements, of the shape, rank and Frobenius norm of the update; mean and 95 % of the draws",
	} {
		j.info.Conventions[name] = text
	}
}

func (u *update) fault(err error) error {
	return loader.InputErrorf("adapter %s: %s: %w", u.adapter.Name, u.where(), err)
}

// updatesOf lists the LoRAs of an adapter in the chosen blocks, by block and in
// the order of the forward pass. Of one that began as a part of the base it
// takes what it does to the base.
func (j *spectraJob) updatesOf(a *loader.Adapter) ([]*update, error) {
	var list []*update
	if a.Embed != nil {
		list = append(list, &update{a, spectra.NoBlock, "embed_tokens", a.Embed})
	}
	started := false
	for _, path := range a.Paths {
		layer, name, err := moduleName(path)
		if err != nil {
			return nil, err
		}
		if !j.blocks.chosen[layer] {
			continue
		}
		u := &update{a, layer, name[strings.LastIndexByte(name, '.')+1:], a.Modules[path]}
		if u.lora.Start != loader.StartZero {
			if started = true; j.model != nil {
				if u.lora, err = j.onBase(path, u.lora); err != nil {
					return nil, u.fault(err)
				}
			}
		}
		list = append(list, u)
	}
	if a.Head != nil {
		list = append(list, &update{a, spectra.NoBlock, "lm_head", a.Head})
	}
	j.warnPartial(a, started)
	return list, nil
}

// onBase is what a LoRA that began as a part of the base does to the base.
func (j *spectraJob) onBase(path string, l *loader.LoRA) (*loader.LoRA, error) {
	w := make([]float32, l.Out*l.In) // (out, in)
	if err := j.model.Weights.ReadFloat32(path+".weight", w); err != nil {
		return nil, err
	}
	return l.OnBase(w)
}

// warnPartial says where s B A is not all that an adapter changes.
func (j *spectraJob) warnPartial(a *loader.Adapter, started bool) {
	if started && j.model == nil {
		j.warn("adapter %s began as a part of the base's weights (init_lora_weights=%v): without MODEL the values are of B A, which is not what it changes",
			a.Name, a.Config.Raw["init_lora_weights"])
	}
	if slices.ContainsFunc(slices.Collect(maps.Values(a.Modules)), func(l *loader.LoRA) bool { return l.Magnitude != nil }) {
		text := "lora_sv and what follows from it are of s B A alone"
		if j.model == nil {
			text += "; what it changes needs MODEL"
		}
		j.warn("adapter %s uses DoRA, whose update W' - W depends on W: %s", a.Name, text)
	}
	var others []string
	for _, path := range a.Changed() {
		if _, ok := a.Modules[path]; !ok && path != "model.embed_tokens" && path != "lm_head" || a.Replaces(path+".weight") {
			others = append(others, path[strings.LastIndexByte(path, '.')+1:])
		}
	}
	if len(others) > 0 {
		j.warn("adapter %s also brings tensors of its own for %d modules (%s): they are no update B A, and no part of lora_sv",
			a.Name, len(others), strings.Join(distinct(others), ", "))
	}
}

// parallel calls do for 0..n-1 on all processors, and returns the error of the
// first that has one.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var failed atomic.Bool
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !failed.Load() && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if errs[i] = do(i); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
