package main

import (
	"context"
	"fmt"
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

// updates adds the spectra of every adapter's updates.
func (f *spectraFlags) updates(ctx context.Context, job *spectraJob) error {
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
	rows := make([][]spectra.Value, len(job.loras))
	found := make([]*spectra.Update, len(job.loras))
	err := parallel(ctx, len(job.loras), func(i int) error {
		u := job.loras[i]
		d, err := spectra.Decompose(u.factors(), false)
		if err != nil {
			return u.fault(err)
		}
		found[i], rows[i] = d, d.Values(u.adapter.Name, u.layer, u.module)
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		job.result.Values = append(job.result.Values, r...)
	}
	job.describeUpdates(found)
	return nil
}

func (u *update) fault(err error) error {
	return loader.InputErrorf("adapter %s: layer %d: %s: %w", u.adapter.Name, u.layer, u.module, err)
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
			others = append(others, path)
		}
	}
	if len(others) > 0 {
		j.warn("adapter %s also has tensors of its own for %s: no update B A, and no part of lora_sv", a.Name, strings.Join(others, ", "))
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

// overlaps compares the subspaces of adapters, checkpoints and layers.
func (f *spectraFlags) overlaps(_ context.Context, _ *spectraJob) error { return nil }

// describeUpdates says what was found.
func (j *spectraJob) describeUpdates(found []*spectra.Update) {
	j.findings = append(j.findings, fmt.Sprintf("%d updates", len(found)))
}
