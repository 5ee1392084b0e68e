package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// dominance counts the maps of a variant whose leading eigenvalue theory can use.
type dominance struct {
	all  int // maps
	real int // whose eigenvalue of the largest real part is real, positive and simple
	top  int // of these, those where it is also the largest in modulus
	gap  placed
}

// dominanceOf looks at v_leading or ov_leading.
func (w *weights) dominanceOf(prefix, variant string) dominance {
	var d dominance
	look := func(layer int, module string, head int) {
		of := func(q string) *spectrum { return w.series[spectrumKey{variant, layer, module, head, prefix + q}] }
		l := of("_leading")
		if l == nil {
			return
		}
		d.all++
		gap := of("_gap").first()
		if l.im[0] != 0 || l.re[0] <= 0 || !(gap > 0) {
			return
		}
		d.real++
		if math.Abs(l.re[0]) >= of("_radius").first()*(1-1e-12) {
			d.top++
			if gap > d.gap.value {
				d.gap = placed{variant, module, layer, head, gap}
			}
		}
	}
	for _, layer := range w.layers {
		for _, m := range w.modules {
			look(layer, m, spectra.Whole)
			for _, h := range w.heads[headsKey{variant, layer, m, prefix + "_leading"}] {
				look(layer, m, h)
			}
		}
	}
	return d
}

func sayDominantV(w *weights) string { return w.sayDominant("v", "layer", "V (v_proj)") }

func sayDominantOV(w *weights) string { return w.sayDominant("ov", "head", "OV") }

// sayDominant says in how many maps a real eigenvalue leads, which is what the
// predictions of clusters ask for.
func (w *weights) sayDominant(prefix, unit, what string) string {
	if !w.has(prefix + "_leading") {
		return ""
	}
	var parts []string
	for _, v := range w.variants {
		d := w.dominanceOf(prefix, v)
		if d.all == 0 || !w.hasBase || v != spectra.Base && !slices.Contains(w.finals(), v) {
			continue
		}
		part := fmt.Sprintf("%s of %d for %s", number(float64(d.real)), d.all, named(v))
		if d.real > 0 && v == spectra.Base {
			part += fmt.Sprintf(" (in %d of these it is also the largest in modulus", d.top)
			if d.top > 0 {
				part += fmt.Sprintf("; widest gap %s, %s", short(d.gap.value), d.gap.where())
			}
			part += ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%ss whose %s is led by a real, positive, simple eigenvalue, as the predictions of clusters ask for: %s.",
		upperFirst(unit), what, listed(parts, maxListed))
}

func upperFirst(s string) string { return string(s[0]-'a'+'A') + s[1:] }
