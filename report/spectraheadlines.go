package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// SpectraHeadlines says in a few sentences what the weights show. Every number
// is a row of the tables; a sentence whose rows are missing is not said.
func SpectraHeadlines(info *SpectraInfo, r *spectra.Result) []string {
	out := newWeights(info, r).headlines()
	for i, s := range out {
		out[i] = unmarked(s)
	}
	return out
}

// headlines is SpectraHeadlines with names and numbers marked.
func (w *weights) headlines() []string {
	var out []string
	for _, say := range []func(*weights) string{
		sayLargest, sayNilpotent, sayRanks, sayTraining, sayIntruders, sayDominantV, sayDominantOV, sayOverlap, sayJoin,
	} {
		if s := say(w); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// number is a value as a sentence has it.
func number(v float64) string { return numberOpen + short(v) + numberClose }

// matrixCount counts matrices.
func matrixCount(n int) string {
	if n == 1 {
		return "1 matrix"
	}
	return itoa(n) + " matrices"
}

// percent writes a share as a sentence has it.
func percent(v float64) string { return numberOpen + short(100*v) + " %" + numberClose }

// sayLargest names the largest update of each adapter, against its weight where
// that is known.
func sayLargest(w *weights) string {
	quantity, relative := "delta_norm", w.has("relative_norm")
	if relative {
		quantity = "relative_norm"
	}
	var tops []placed
	var counts []int
	for _, v := range w.finals() {
		if list := w.matrices(quantity, []string{v}); len(list) > 0 {
			tops, counts = append(tops, largest(list)), append(counts, len(list))
		}
	}
	if len(tops) == 0 {
		return ""
	}
	order := make([]int, len(tops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(tops[b].value, tops[a].value) })
	var parts []string
	for _, i := range order[:min(len(order), maxListed)] {
		parts = append(parts, w.sizeOf(tops[i], counts[i], relative))
	}
	s := "The largest update of " + strings.Join(parts, "; of ")
	if n := len(order) - len(parts); n > 0 {
		s += "; " + others("smaller for the other%s", n)
	}
	return s + "."
}

// sizeOf describes the largest of so many updates.
func (w *weights) sizeOf(p placed, of int, relative bool) string {
	s := fmt.Sprintf("%s (%s) is in %s, ", named(p.variant), matrixCount(of), p.where())
	if !relative {
		return s + "|ΔW| = " + number(p.value)
	}
	s += fmt.Sprintf("|ΔW| = %s of |W|", percent(p.value))
	if r := w.of(p.variant, p.layer, p.module, "sigma_ratio").first(); finite(r) {
		s += fmt.Sprintf(" and its σ₁ %s times that of W", number(r))
	}
	return s
}

// nearlyNilpotent is the ratio of modulus to singular value below which an
// update is called so.
const nearlyNilpotent = 0.1

// sayNilpotent sets the eigenvalues of the updates beside their singular values.
func sayNilpotent(w *weights) string {
	list := w.matrices("eig_ratio", w.finals())
	list = slices.DeleteFunc(list, func(p placed) bool { return w.of(p.variant, p.layer, p.module, "delta_norm").first() == 0 })
	if len(list) == 0 {
		return ""
	}
	top := largest(list)
	what := "As square maps the updates have"
	if top.value < nearlyNilpotent {
		what = "The updates are nearly nilpotent, so that their eigenvalues say little of their size: they have"
	}
	s := fmt.Sprintf("%s |λ₁| / σ₁ = %s in the median of %s", what, number(median(list)), countOf(itoa(len(list)), "square update"))
	if len(list) > 1 {
		s += fmt.Sprintf(", and %s at most (%s, %s)", number(top.value), named(top.variant), top.where())
	}
	if chance := w.of(top.variant, top.layer, top.module, "eig_ratio"+randomSuffix).first(); finite(chance) {
		s += fmt.Sprintf("; random updates of that shape have %s in the mean", number(chance))
	}
	return s + "."
}

// sayRanks says how much of their rank the updates use.
func sayRanks(w *weights) string {
	list := w.matrices("stable_rank", w.finals())
	list = slices.DeleteFunc(list, func(p placed) bool { return p.value == 0 })
	if len(list) == 0 {
		return ""
	}
	low, high := smallest(list), largest(list)
	s := fmt.Sprintf("Their stable rank |ΔW|² / σ₁² is %s", number(low.value))
	if short(low.value) != short(high.value) {
		s = fmt.Sprintf("Their stable rank |ΔW|² / σ₁² lies between %s (%s) and %s (%s)", number(low.value), low.where(), number(high.value), high.where())
	}
	if e := w.matrices("effective_rank", w.finals()); len(e) > 0 {
		s += fmt.Sprintf(", the effective rank is at most %s", number(largest(e).value))
	}
	var r []int
	for _, a := range w.info.Adapters {
		r = append(r, a.Ranks...)
	}
	switch {
	case len(r) == 0:
	case slices.Min(r) == slices.Max(r):
		s += fmt.Sprintf("; the adapters allow %d", slices.Max(r))
	default:
		s += fmt.Sprintf("; the adapters allow %d to %d", slices.Min(r), slices.Max(r))
	}
	return s + "."
}

// sayTraining follows the leading singular value and eigenvalue over a training,
// where they end largest.
func sayTraining(w *weights) string {
	if len(w.families) == 0 {
		return ""
	}
	f := w.families[0]
	last := len(f.Variants) - 1
	ends := w.matrices("lora_sv", f.Variants[last:])
	if len(ends) == 0 {
		return ""
	}
	top := largest(ends)
	from := w.of(f.Variants[0], top.layer, top.module, "lora_sv").first()
	s := fmt.Sprintf("Over training the largest singular value of %s goes from %s at step %d to %s at step %d",
		top.where(), number(from), f.Steps[0], number(top.value), f.Steps[last])
	a, b := w.of(f.Variants[0], top.layer, top.module, "lora_eig"), w.of(f.Variants[last], top.layer, top.module, "lora_eig")
	if a != nil && b != nil {
		s += fmt.Sprintf("; the modulus of its leading eigenvalue goes from %s to %s", number(a.modulus()), number(b.modulus()))
	}
	return s + "."
}

// defaultThreshold is the cosine that intruders are counted at in sentences.
const defaultThreshold = 0.5

// threshold is the place in the sweep of the default, or of the first.
func (w *weights) threshold() int {
	return max(0, slices.Index(w.info.Thresholds, defaultThreshold))
}

// sayIntruders counts the intruder dimensions at the default threshold.
func sayIntruders(w *weights) string {
	if len(w.info.Thresholds) == 0 || !w.has("intruders") {
		return ""
	}
	at := w.threshold()
	var parts []string
	for _, v := range w.finals() {
		total, hit, matrices := 0.0, 0, 0
		var top placed
		for _, layer := range w.layers {
			for _, m := range w.modules {
				s := w.of(v, layer, m, "intruders")
				if s == nil || at >= len(s.re) {
					continue
				}
				matrices++
				total += s.re[at]
				hit += b2i(s.re[at] > 0)
				if s.re[at] > top.value {
					top = placed{v, m, layer, spectra.Whole, s.re[at]}
				}
			}
		}
		if matrices == 0 {
			continue
		}
		part := fmt.Sprintf("%s for %s in %d of %s", number(total), named(v), hit, matrixCount(matrices))
		if top.value > 0 {
			part += fmt.Sprintf(" (most, %s, in %s)", short(top.value), top.where())
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("Intruder dimensions, those of the 10 leading left singular vectors of W' whose cosine with each of W's is below %s: %s.",
		formatFloat(w.info.Thresholds[at]), listed(parts, maxListed))
}

// sayOverlap names the two adapters whose updates of one module are most alike.
func sayOverlap(w *weights) string {
	familyOf := func(v string) string {
		name, _, ok := splitCheckpoint(v)
		if !ok {
			return "\x00" + v
		}
		return name
	}
	var best *spectra.Overlap
	n := 0
	for i := range w.Overlaps {
		o := &w.Overlaps[i]
		if o.LayerA != o.LayerB || !finite(o.Phi) || familyOf(o.A) == familyOf(o.B) {
			continue
		}
		n++
		if best == nil || o.Phi-o.Random > best.Phi-best.Random {
			best = o
		}
	}
	if best == nil {
		return ""
	}
	return fmt.Sprintf("The updates of two adapters share most in %s of layer %d, %s side: φ = %s of %s and %s, where random subspaces have %s (the most of %d comparisons).",
		label(best.Module), best.LayerA, label(best.Side), number(best.Phi), named(best.A), named(best.B), number(best.Random), n)
}

// strongest is the join of the largest |rho|, nil for none.
func (w *weights) strongest() *spectra.Join {
	var best *spectra.Join
	for i := range w.Joins {
		if j := &w.Joins[i]; finite(j.Rho) && (best == nil || math.Abs(j.Rho) > math.Abs(best.Rho)) {
			best = j
		}
	}
	return best
}

// joinsOf counts the joins of an adapter, which its PMax is corrected for.
func (w *weights) joinsOf(adapter string) int {
	n := 0
	for i := range w.Joins {
		n += b2i(w.Joins[i].Adapter == adapter)
	}
	return n
}

// sayJoin names the closest relation of weights and tokens, with how often
// chance alone would show one as close: in this pair, and in any of the adapter's.
func sayJoin(w *weights) string {
	j := w.strongest()
	if j == nil {
		return ""
	}
	s := fmt.Sprintf("Between weights and tokens the closest relation over depth, its trend removed, is that of %s with %s for %s: Spearman's ρ = %s over %d layers",
		label(j.Covariate), label(j.Target), named(j.Adapter), number(j.Rho), len(j.Points))
	if finite(j.P) {
		s += fmt.Sprintf(", p = %s over %d circular shifts", number(j.P), j.Shifts)
	}
	switch n := w.joinsOf(j.Adapter); {
	case n > 1 && finite(j.PMax):
		s += fmt.Sprintf("; as the extreme of %d pairs it has p = %s", n, number(j.PMax))
	case n > 1:
		s += fmt.Sprintf("; it is the extreme of %d pairs, for which p is not corrected", n)
	}
	return s + "."
}
