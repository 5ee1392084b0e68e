package spectra

import (
	"math"
	"slices"
)

// covariate says how much an adapter changed a module of a block.
type covariate struct {
	name  string
	from  []string // quantities of spectra.csv: the first that a module has
	every bool     // the sum over indices, not the leading value alone
	shift bool     // how far the adapter's value is from the base's
}

// covariates are those that are joined. Shifts are absolute, summed over heads. An
// eigenvalue is taken by its real part, which changes continuously where another
// eigenvalue takes the lead.
var covariates = []covariate{
	{name: "relative_norm", from: []string{"relative_norm"}},
	{name: "delta_norm", from: []string{"effective_norm", "delta_norm"}},
	{name: "delta_sigma1", from: []string{"effective_sv", "lora_sv"}},
	{name: "sigma_ratio", from: []string{"sigma_ratio"}},
	{name: "sigma1_shift", from: []string{"weight_sv", "v_sv"}, shift: true},
	{name: "v_eigenvalue_shift", from: []string{"v_leading", "v_radius"}, shift: true},
	{name: "ov_eigenvalue_shift", from: []string{"ov_leading"}, shift: true},
	{name: "ov_sigma1_shift", from: []string{"ov_sv"}, shift: true},
	{name: "qk_sigma1_shift", from: []string{"qk_sv"}, shift: true},
	{name: "intruders", from: []string{"intruders"}, every: true},
}

// series is a covariate of one adapter over the blocks that are known.
type series struct {
	name string
	at   map[int]float64
}

// cell is what values with several heads and indices share.
type cell struct {
	variant          string
	layer            int
	module, quantity string
}

// part is one value in a cell.
type part struct {
	head, index int
	re          float64
}

// covariatesOf are the covariates of an adapter: one for each module that it
// changes anywhere, and their sum where these are several.
func covariatesOf(values []Value, blocks []int, adapter string) []series {
	cells, modules := cellsOf(values, adapter)
	var list []series
	for _, c := range covariates {
		all := series{c.name + " all", map[int]float64{}}
		n := 0
		for _, module := range modules {
			s := series{c.name + " " + module, map[int]float64{}}
			if !c.over(blocks, cells, adapter, module, s.at) {
				continue
			}
			n++
			list = append(list, s)
			for block, v := range s.at {
				all.at[block] += v
			}
		}
		if n > 1 {
			list = append(list, all)
		}
	}
	return list
}

// cellsOf gathers what the covariates ask for, and the modules by first row.
func cellsOf(values []Value, adapter string) (map[cell][]part, []string) {
	wanted := map[string]bool{} // quantity -> every index
	for _, c := range covariates {
		for _, q := range c.from {
			wanted[q] = c.every
		}
	}
	cells := map[cell][]part{}
	var modules []string
	for _, v := range values {
		every, ok := wanted[v.Quantity]
		if !ok || v.Layer == NoBlock || v.Variant != Base && v.Variant != adapter || v.Index != 0 && !every {
			continue
		}
		k := cell{v.Variant, v.Layer, v.Module, v.Quantity}
		cells[k] = append(cells[k], part{v.Head, v.Index, v.Re})
		if !slices.Contains(modules, v.Module) {
			modules = append(modules, v.Module)
		}
	}
	return cells, modules
}

// over fills in the covariate of a module in every block, from the first of its
// quantities that the adapter has a value of in any.
func (c covariate) over(blocks []int, cells map[cell][]part, adapter, module string, at map[int]float64) bool {
	for _, q := range c.from {
		if !slices.ContainsFunc(blocks, func(b int) bool { return cells[cell{adapter, b, module, q}] != nil }) {
			continue
		}
		for _, b := range blocks {
			at[b] = c.in(cells[cell{adapter, b, module, q}], cells[cell{Base, b, module, q}])
		}
		return true
	}
	return false
}

// in is the covariate in one block: 0 where the adapter has no value of its own,
// NaN where the base's to set it against is missing.
func (c covariate) in(adapted, base []part) float64 {
	var sum float64
	for _, a := range adapted {
		if !c.shift {
			sum += a.re
			continue
		}
		k := slices.IndexFunc(base, func(b part) bool { return a.head == b.head && a.index == b.index })
		if k < 0 {
			return math.NaN()
		}
		sum += math.Abs(a.re - base[k].re)
	}
	return sum
}
