package report

import (
	"fmt"
	"slices"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// dominance counts the maps of a variant whose leading eigenvalue theory can use:
// real, positive and alone in front, as Separation has it.
type dominance struct {
	maps, dominant int
	widest         spectra.Separation // of the widest gap, where there is one
}

// dominances looks at all V, or at OV of all heads, by variant.
func (w *weights) dominances(heads bool) map[string]*dominance {
	out := map[string]*dominance{}
	for _, s := range spectra.Separations(w.Values) {
		if (s.Head != spectra.Whole) != heads {
			continue
		}
		d := out[s.Variant]
		if d == nil {
			d = &dominance{}
			out[s.Variant] = d
		}
		d.maps++
		if !s.Dominant {
			continue
		}
		d.dominant++
		if d.dominant == 1 || s.Gap() > d.widest.Gap() {
			d.widest = s
		}
	}
	return out
}

func sayDominantV(w *weights) string  { return w.sayDominant(false, "Layers", "V (v_proj)") }
func sayDominantOV(w *weights) string { return w.sayDominant(true, "Heads", "OV") }

// sayDominant says in how many maps a real eigenvalue leads, which is what the
// predictions of clusters ask for.
func (w *weights) sayDominant(heads bool, units, what string) string {
	found := w.dominances(heads)
	var parts []string
	for _, v := range w.variants {
		d := found[v]
		if d == nil || v != spectra.Base && !slices.Contains(w.finals(), v) {
			continue
		}
		part := fmt.Sprintf("%s of %d for %s", number(float64(d.dominant)), d.maps, named(v))
		if d.dominant > 0 && v == spectra.Base {
			at := placed{v, d.widest.Module, d.widest.Layer, d.widest.Head, 0}
			part += fmt.Sprintf(" (the widest gap to the next modulus is %s, %s)", short(d.widest.Gap()), at.where())
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s whose %s is led by a real, positive eigenvalue, %s %% ahead of the next modulus, as the predictions of clusters ask for: %s.",
		units, what, short(100*spectra.DominanceMargin), listed(parts, maxListed))
}
