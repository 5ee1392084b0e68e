package main

import (
	"context"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// maxMatrix is up to how many adapters every two are compared. Above that, as
// with a long series of checkpoints, only successive ones of a series, each with
// the last of its series, and the last ones of all.
const maxMatrix = 16

// blockModule is a module of a block, in whatever adapter.
type blockModule struct {
	layer  int
	module string
}

// overlaps compares the subspaces of adapters and checkpoints in each module,
// and those of the layers of one adapter, and follows each series of
// checkpoints.
func (f *spectraFlags) overlaps(ctx context.Context, job *spectraJob) error {
	if !f.wants("overlap") {
		return nil
	}
	series := seriesOf(job.adapters)
	places, at := placesOf(job.loras)
	for _, p := range places { // one at a time: the vectors of all are many
		if len(at[p]) < 2 {
			continue
		}
		found, err := decomposed(ctx, at[p], true)
		if err != nil {
			return err
		}
		job.result.Overlaps = append(job.result.Overlaps, overlapsAt(p, at[p], found, comparedPairs(at[p], series))...)
		job.result.Values = append(job.result.Values, pathsAt(p, at[p], found, series)...)
	}
	for _, s := range series {
		if err := job.layerOverlaps(ctx, s[len(s)-1]); err != nil {
			return err
		}
	}
	job.info.Conventions["overlaps"] = "phi = |U_A' U_B|_F^2 / min(rank_a, rank_b) (Hu et al. 2021, section 7.2) of the leading directions and of whole subspaces, at most 64 directions; " +
		"every two adapters up to 16 of them, above that successive checkpoints, each with the last of its series, and the last ones; between layers the last of a series"
	return nil
}

// seriesOf groups the checkpoints of one folder, in their order; another adapter
// is a series of its own.
func seriesOf(adapters []*loader.Adapter) [][]*loader.Adapter {
	var series [][]*loader.Adapter
	index := map[string]int{}
	for _, a := range adapters {
		k := strings.LastIndex(a.Name, "@checkpoint-")
		if k < 0 {
			series = append(series, []*loader.Adapter{a})
			continue
		}
		i, ok := index[a.Name[:k]]
		if !ok {
			i = len(series)
			index[a.Name[:k]] = i
			series = append(series, nil)
		}
		series[i] = append(series[i], a)
	}
	return series
}

// placesOf lists the modules that some adapter changes, in the order of the
// forward pass, and the updates of each.
func placesOf(loras []*update) ([]blockModule, map[blockModule][]*update) {
	at := map[blockModule][]*update{}
	var places []blockModule
	for _, u := range loras {
		p := blockModule{u.layer, u.module}
		if at[p] == nil {
			places = append(places, p)
		}
		at[p] = append(at[p], u)
	}
	slices.SortStableFunc(places, func(x, y blockModule) int { return depthOf(x) - depthOf(y) })
	return places, at
}

// depthOf puts the embedding first and the head last.
func depthOf(p blockModule) int {
	if p.module == "lm_head" {
		return 1 << 30
	}
	return p.layer
}

// comparedPairs lists the pairs i < j of updates of one module to compare.
func comparedPairs(list []*update, series [][]*loader.Adapter) [][2]int {
	var pairs [][2]int
	for i := range list {
		for j := i + 1; j < len(list); j++ {
			if len(list) <= maxMatrix || neighbours(list[i].adapter, list[j].adapter, series) {
				pairs = append(pairs, [2]int{i, j})
			}
		}
	}
	return pairs
}

// neighbours says whether two of many adapters are compared.
func neighbours(a, b *loader.Adapter, series [][]*loader.Adapter) bool {
	last := func(s []*loader.Adapter) *loader.Adapter { return s[len(s)-1] }
	of := func(a *loader.Adapter) []*loader.Adapter {
		return series[slices.IndexFunc(series, func(s []*loader.Adapter) bool { return slices.Contains(s, a) })]
	}
	s := of(a)
	if k := slices.Index(s, b); k >= 0 {
		return b == last(s) || k == slices.Index(s, a)+1
	}
	return a == last(s) && b == last(of(b))
}

func overlapsAt(p blockModule, list []*update, found []*spectra.Update, pairs [][2]int) []spectra.Overlap {
	var rows []spectra.Overlap
	for _, k := range pairs {
		a, b := list[k[0]], list[k[1]]
		pair := spectra.Overlap{A: a.adapter.Name, B: b.adapter.Name, LayerA: p.layer, LayerB: p.layer, Module: p.module}
		rows = append(rows, spectra.Overlaps(found[k[0]], found[k[1]], pair)...)
	}
	return rows
}

// pathsAt follows one module over each series of checkpoints.
func pathsAt(p blockModule, list []*update, found []*spectra.Update, series [][]*loader.Adapter) []spectra.Value {
	var rows []spectra.Value
	for _, s := range series {
		var names []string
		var steps []*spectra.Update
		for i, u := range list {
			if slices.Contains(s, u.adapter) {
				names, steps = append(names, u.adapter.Name), append(steps, found[i])
			}
		}
		if len(steps) > 1 {
			rows = append(rows, spectra.Path(names, steps, p.layer, p.module)...)
		}
	}
	return rows
}

// layerOverlaps compares the updates of one adapter in every two blocks, module
// by module.
func (j *spectraJob) layerOverlaps(ctx context.Context, a *loader.Adapter) error {
	kinds := map[string][]*update{}
	var names []string
	for _, u := range j.loras {
		if u.adapter != a || u.layer == spectra.NoBlock {
			continue
		}
		if kinds[u.module] == nil {
			names = append(names, u.module)
		}
		kinds[u.module] = append(kinds[u.module], u)
	}
	for _, name := range names {
		list := kinds[name]
		found, err := decomposed(ctx, list, true)
		if err != nil {
			return err
		}
		rows := make([][]spectra.Overlap, len(list))
		err = parallel(ctx, len(list), func(i int) error {
			for k := i + 1; k < len(list); k++ {
				pair := spectra.Overlap{A: a.Name, B: a.Name, LayerA: list[i].layer, LayerB: list[k].layer, Module: name}
				rows[i] = append(rows[i], spectra.Overlaps(found[i], found[k], pair)...)
			}
			return nil
		})
		if err != nil {
			return err
		}
		j.result.Overlaps = append(j.result.Overlaps, slices.Concat(rows...)...)
	}
	return nil
}
