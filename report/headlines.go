package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// Headlines says in a few sentences what a run found: how tokens gather over
// the depth of the base, what the mask keeps out of that, and what each adapter
// changes. Every number is a row of the Result, so a sentence whose rows are
// missing is not said. The interval is the row's; there is none for one prompt.
func Headlines(r *analyze.Result) []string {
	out := headlines(newTable(r))
	for i, s := range out {
		out[i] = unmarked(s)
	}
	return out
}

// headlines is Headlines with names and numbers marked, for the page to set
// them apart. The first sentence also says what all the numbers are a mean of.
func headlines(t *table) []string {
	a := t.axes[t.lead]
	if a == nil {
		return nil
	}
	var out []string
	for _, say := range []func(*table, *axis) string{
		sayCosine, sayMask, sayClusters, sayDrift, sayCosineChange, sayAgreement, sayLoss,
	} {
		if s := say(t, a); s != "" {
			out = append(out, s)
		}
	}
	if len(out) > 0 {
		out[0] = strings.TrimSuffix(out[0], ".") + " (" + t.basis() + ")."
	}
	return out
}

// sayCosine follows the mean cosine of the base from its start over its peak
// to its end.
func sayCosine(t *table, a *axis) string {
	l := t.line(analyze.Base, t.overview(), "cosine_mean")
	first, peak, last := a.ends(l)
	if peak < 0 || first == last {
		return ""
	}
	s := fmt.Sprintf("In the base model the mean cosine between tokens is %s %s", l.said(first), a.place(first))
	switch peak {
	case first:
		s += fmt.Sprintf(", its highest value, and %s %s", l.said(last), a.place(last))
	case last:
		s += fmt.Sprintf(" and highest at the end, %s %s", l.said(last), a.place(last))
	default:
		s += fmt.Sprintf(", peaks at %s %s, and is %s %s", l.said(peak), a.place(peak), l.said(last), a.place(last))
	}
	return s + "."
}

// sayMask says what the same peak would read with every token kept.
func sayMask(t *table, a *axis) string {
	masked := t.lines[lineKey{analyze.Base, t.overview(), t.lead, "cosine_mean", analyze.MaskDefault}]
	all := t.lines[lineKey{analyze.Base, t.overview(), t.lead, "cosine_mean", analyze.MaskNone}]
	peak := a.extreme(masked, 1)
	if peak < 0 || all == nil || !finite(all.value[peak]) {
		return ""
	}
	tokens := 0
	for i := range t.Run.Prompts {
		tokens += len(t.Run.Prompts[i].Masked)
	}
	if tokens == 0 {
		return "The default mask leaves out no token here: both masks give the same numbers."
	}
	return fmt.Sprintf("The default mask leaves out %s (%s); with every token kept the mean cosine %s would read %s instead of %s.",
		count(tokens, "token"), maskReasons(t), a.place(peak), all.said(peak), masked.said(peak))
}

// sayDrift names how far the adapters move the states, the farthest first.
func sayDrift(t *table, a *axis) string {
	peaks := adapterPeaks(t, a, "drift", 1)
	if len(peaks) == 0 {
		return ""
	}
	var moving []peak
	var still []string
	for _, p := range peaks {
		if p.value == 0 {
			still = append(still, named(p.variant))
		} else {
			moving = append(moving, p)
		}
	}
	var s string
	if len(moving) > 0 {
		s = fmt.Sprintf("Relative to the base state, tokens drift by up to %s.", listPeaks(a, moving, "less for the other%s"))
	}
	if len(still) > 0 {
		if s != "" {
			s += " "
		}
		s += fmt.Sprintf("%s %s the base exactly: the drift is 0 at every layer.", joinNames(still), verb(len(still), "equals", "equal"))
	}
	return s
}

// sayCosineChange names the largest change of the mean cosine by an adapter.
func sayCosineChange(t *table, a *axis) string {
	peaks := adapterPeaks(t, a, "cosine_mean"+analyze.DeltaSuffix, 0)
	peaks = slices.DeleteFunc(peaks, func(p peak) bool { return negligible(p.value) })
	if len(peaks) == 0 {
		return ""
	}
	return fmt.Sprintf("The mean cosine changes most by %s (adapter minus base).", listPeaks(a, peaks, "less for the other%s"))
}

// maxListed bounds how many adapters one sentence names.
const maxListed = 3

// peak is the extreme of one adapter's line.
type peak struct {
	variant string
	value   float64
	place   int
	text    string
}

// adapterPeaks returns each adapter's extreme of a metric, the most extreme
// first; sign 0 means the largest magnitude.
func adapterPeaks(t *table, a *axis, metric string, sign float64) []peak {
	var out []peak
	for _, v := range t.variants[1:] {
		l := t.shownLine(v, t.overview(), metric)
		at := a.extreme(l, sign)
		if sign == 0 {
			at = a.extreme(l, 1)
			if low := a.extreme(l, -1); low >= 0 && math.Abs(l.value[low]) > math.Abs(l.value[at]) {
				at = low
			}
		}
		if at >= 0 {
			out = append(out, peak{v, l.value[at], at, l.said(at)})
		}
	}
	rank := func(p peak) float64 {
		if sign == 0 {
			return math.Abs(p.value)
		}
		return sign * p.value
	}
	slices.SortStableFunc(out, func(x, y peak) int { return cmp.Compare(rank(y), rank(x)) })
	return out
}

// listPeaks writes "0.04 for v-r2 at layer 30, ..."; the place is said once
// where it is the same for all. rest says how it is with those not named.
func listPeaks(a *axis, peaks []peak, rest string) string {
	listed := peaks[:min(len(peaks), maxListed)]
	same := !slices.ContainsFunc(listed, func(p peak) bool { return p.place != listed[0].place })
	var parts []string
	for _, p := range listed {
		s := p.text + " for " + named(p.variant)
		if !same {
			s += " " + a.place(p.place)
		}
		parts = append(parts, s)
	}
	if n := len(peaks) - len(listed); n > 0 {
		parts = append(parts, others(rest, n))
	}
	s := joinNames(parts)
	switch {
	case same && len(listed) == 1:
		s += " " + a.place(listed[0].place)
	case same:
		s += ", all " + a.place(listed[0].place)
	}
	return s
}

// others says how it is with the n that are not named.
func others(rest string, n int) string {
	if n == 1 {
		return fmt.Sprintf(rest, "")
	}
	return fmt.Sprintf(rest, " "+itoa(n))
}

func variantsOf(peaks []peak) []string {
	var out []string
	for _, p := range peaks {
		out = append(out, named(p.variant))
	}
	return out
}
