package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// placed is the value of one matrix or head.
type placed struct {
	variant, module string
	layer, head     int
	value           float64
}

func (p placed) where() string {
	s := label(p.module)
	if p.layer != spectra.NoBlock {
		s += " of layer " + itoa(p.layer)
	}
	if p.head != spectra.Whole {
		s = fmt.Sprintf("head %d of layer %d", p.head, p.layer)
	}
	return s
}

// matrices are the leading values of a quantity in all matrices of some
// variants, in the order of variants, layers and modules.
func (w *weights) matrices(quantity string, variants []string) []placed {
	var out []placed
	for _, v := range variants {
		for _, layer := range w.layers {
			for _, m := range w.modules {
				if x := leadingOf(w.of(v, layer, m, quantity), quantity); finite(x) {
					out = append(out, placed{v, m, layer, spectra.Whole, x})
				}
			}
		}
	}
	return out
}

// largest is the first of the largest values; the list must not be empty.
func largest(list []placed) placed {
	return slices.MaxFunc(list, func(a, b placed) int { return cmp.Compare(a.value, b.value) })
}

func smallest(list []placed) placed {
	return slices.MinFunc(list, func(a, b placed) int { return cmp.Compare(a.value, b.value) })
}

// median is the value in the middle, the lower of two.
func median(list []placed) float64 {
	values := make([]float64, len(list))
	for i, p := range list {
		values[i] = p.value
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
