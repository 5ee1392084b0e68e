package main

import (
	"context"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// openAdapters opens what --adapter and --variant name, in this order.
func (in *inputs) openAdapters(ctx context.Context, f *inputFlags, hub loader.HubOptions) error {
	peft, err := parseRefs(f.adapters, func(arg string) ([]loader.AdapterRef, error) {
		return loader.ResolveAdapterArg(ctx, arg, hub)
	})
	if err != nil {
		return err
	}
	tuned, err := parseRefs(f.variants, loader.ParseVariantArg)
	if err != nil {
		return err
	}
	if err := loader.CheckNames(slices.Concat(peft, tuned)); err != nil {
		return err
	}
	for _, ref := range peft {
		a, err := loader.OpenAdapter(ref, in.model, loader.AdapterOptions{PaperScale: f.loraScale == "paper"})
		if err != nil {
			return err
		}
		in.adapters = append(in.adapters, a)
		for _, w := range a.Warnings {
			in.warn("adapter %s: %s", a.Name, w)
		}
		if a.Zero() {
			in.warn("adapter %s changes nothing: every update is zero (B = 0, as before training, or a scale of 0)", a.Name)
		}
	}
	for _, ref := range tuned {
		a, err := loader.OpenVariant(ref, in.model)
		if err != nil {
			return err
		}
		in.adapters = append(in.adapters, a)
	}
	return nil
}

// parseRefs parses every argument.
func parseRefs(args []string, parse func(string) ([]loader.AdapterRef, error)) ([]loader.AdapterRef, error) {
	var refs []loader.AdapterRef
	for _, arg := range args {
		r, err := parse(arg)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r...)
	}
	return refs, nil
}

// adapterInfo says what of an adapter was applied.
func adapterInfo(a *loader.Adapter, applied extract.Applied, sums map[string]string) analyze.AdapterInfo {
	info := analyze.AdapterInfo{Name: a.Name, Path: a.Dir, Base: a.Config.BaseModel, Scale: a.Scale, ModulesApplied: applied.Modules,
		RelativeNorm: applied.RelativeNorm, RelativeMax: applied.RelativeMax, SHA256: sums}
	loras := []*loader.LoRA{a.Embed, a.Head}
	for _, path := range a.Paths {
		loras = append(loras, a.Modules[path])
	}
	for _, l := range loras {
		if l != nil {
			info.Ranks = append(info.Ranks, l.Rank)
			info.DoRA = info.DoRA || l.Magnitude != nil
		}
	}
	for _, path := range a.Changed() {
		info.Targets = append(info.Targets, path[strings.LastIndexByte(path, '.')+1:])
	}
	slices.Sort(info.Ranks)
	info.Ranks = slices.Compact(info.Ranks)
	slices.Sort(info.Targets)
	info.Targets = slices.Compact(info.Targets)
	return info
}
