package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// describeJoins says how the joins were made and what they show, and what theory
// predicts of the clustering beside where it leaves the base's.
func (j *spectraJob) describeJoins(left map[string][]spectra.Agreement) {
	for name, text := range map[string]string{
		"join": "per block, what an adapter changed against the increment over that block of what moved (all prompts, residual stream, the last place before the final norm); " +
			"ranks of both less a cubic in depth, the first and the last block by themselves; Spearman's rho of the rest; p over all circular shifts of the covariate, at least 1/blocks",
		"join covariates": "shifts are |adapter - base|, summed over heads; intruders are summed over the thresholds; all is the sum over modules; a block that the adapter leaves alone has 0",
		"join correction": "p_max: the largest |rho| of all joins of the adapter, at the same shift, at most as rare; p_holm: Holm over all rows, at least their number over the blocks, so that it says little of a long table",
		"join heads":      "none per head: a run has no output of single heads",
		"second cluster": fmt.Sprintf("a leading eigenvalue counts as dominant where it is real, positive and %g of it ahead of the next modulus; the time is (eps T)/(its gap) blocks, one block a unit of time, derived here and not in the paper; "+
			"eps T = ln(1/r*)/2 hangs on where the tokens' clusters lie and is taken from %.4g to %.4g, its range for the paper's 20 random tokens in the plane. Tokens reach V through a norm and are added to longer ones, so that all is slower by the root mean square of the residual stream", spectra.DominanceMargin, spectra.PaperEpsT[0], spectra.PaperEpsT[1]),
	} {
		j.info.Conventions[name] = text
	}
	for _, a := range j.adapters {
		if !j.run.has(a.Name) {
			continue
		}
		j.findings = append(j.findings, j.joinSentence(a.Name))
		for _, attention := range []struct{ quantity, what, unit string }{{"v_eig", "V", "block"}, {"ov_eig", "OV", "head"}} {
			if text := j.prediction(a.Name, attention.quantity, attention.what, attention.unit); text != "" {
				j.info.Predictions = append(j.info.Predictions, text)
			}
		}
		j.info.Predictions = append(j.info.Predictions, leaving(a.Name, left[a.Name]))
	}
}

func (r *joinedRun) has(adapter string) bool {
	for _, name := range r.names {
		if name == adapter {
			return true
		}
	}
	return false
}

// joinSentence sums up the joins of an adapter by the one that chance gives least
// easily.
func (j *spectraJob) joinSentence(adapter string) string {
	var best *spectra.Join
	pairs, low, expected := 0, 0, 0.0
	for i := range j.result.Joins {
		k := &j.result.Joins[i]
		if k.Adapter != adapter {
			continue
		}
		pairs++
		expected += math.Floor(0.05*float64(k.Shifts)) / float64(k.Shifts)
		if k.P <= 0.05 {
			low++
		}
		if best == nil || k.PMax < best.PMax || k.PMax == best.PMax && math.Abs(k.Rho) > math.Abs(best.Rho) {
			best = k
		}
	}
	if best == nil {
		return fmt.Sprintf("%s: nothing to join: fewer than 10 blocks follow one another of which both are known, or nothing changes from block to block", adapter)
	}
	text := fmt.Sprintf("%s, weights against tokens over depth: of %d pairs %d have p <= 0.05 (chance gives about %.1f); the strongest is %s with %s (mask %s), rho %.2f over %d blocks, p = %s, corrected for all of the adapter's pairs %s",
		adapter, pairs, low, expected, best.Covariate, best.Target, best.Mask, best.Rho, len(best.Points), brief(best.P), brief(best.PMax))
	if best.PMax > 0.05 {
		text += ": no more than chance gives"
	}
	return text
}

// prediction says in how many maps of a kind a leading eigenvalue dominates, and
// when theory's second cluster would begin; "" where they are not known.
func (j *spectraJob) prediction(adapter, quantity, what, unit string) string {
	var base, adapted []spectra.Separation // of every map; the base's where the adapter leaves it alone
	for _, s := range spectra.Separations(j.result.Values) {
		if (quantity == "v_eig") != (s.Head == spectra.Whole) {
			continue
		}
		switch s.Variant {
		case spectra.Base:
			base, adapted = append(base, s), append(adapted, s)
		case adapter:
			k := slices.IndexFunc(adapted, func(b spectra.Separation) bool { return b.Layer == s.Layer && b.Head == s.Head })
			if k >= 0 {
				adapted[k] = s
			}
		}
	}
	if len(base) == 0 {
		return ""
	}
	led := dominant(adapted)
	text := fmt.Sprintf("%s: the leading eigenvalue of %s is real, positive and alone in front in %d of %d %ss (base: %d)", adapter, what, len(led), len(base), unit, len(dominant(base)))
	switch {
	case len(led) == 0:
		return text + "; it dominates nowhere, so there is no time of a second cluster"
	case len(led) < len(base) && unit == "block":
		return text + "; theory asks for it in all of them, so there is no time of a second cluster"
	}
	middle := led[len(led)/2]
	if unit == "block" {
		return text + fmt.Sprintf("; with the median gap (%s) in every block the second cluster would begin after %s", brief(middle.Gap()), times(middle))
	}
	return text + fmt.Sprintf("; no head acts alone, so that this predicts nothing of the model. By itself in every block the one with the median gap (%s) would begin its second cluster after %s",
		brief(middle.Gap()), times(middle))
}

// dominant are the maps that one eigenvalue dominates, from the largest gap.
func dominant(list []spectra.Separation) []spectra.Separation {
	var led []spectra.Separation
	for _, s := range list {
		if s.Dominant {
			led = append(led, s)
		}
	}
	slices.SortStableFunc(led, func(a, b spectra.Separation) int { return cmp.Compare(b.Gap(), a.Gap()) })
	return led
}

// times are the earliest and the latest time of a second cluster, of tokens of root
// mean square 1.
func times(s spectra.Separation) string {
	return fmt.Sprintf("%s to %s blocks", brief(s.Time(spectra.PaperEpsT[0])), brief(s.Time(spectra.PaperEpsT[1])))
}

// leaving says where the adapter's clustering leaves the base's.
func leaving(adapter string, places []spectra.Agreement) string {
	if len(places) == 0 {
		return fmt.Sprintf("%s: the run has no ami_base, so that it is not known where the clustering leaves the base's", adapter)
	}
	first, sure := spectra.Leaves(places)
	if first < 0 {
		return fmt.Sprintf("%s: the clustering leaves the base's at no layer of the run: the AMI with it stays at %g or more", adapter, spectra.LeavingAMI)
	}
	at := places[first]
	text := fmt.Sprintf("%s: the clustering leaves the base's at layer %s of the run, where the AMI with it is first below %g (%.3f", adapter, at.Layer, spectra.LeavingAMI, at.AMI)
	switch {
	case math.IsNaN(at.Hi):
		return text + "; the run has no interval)"
	case sure < 0:
		return text + fmt.Sprintf(", 95 %% %.3f to %.3f; no interval is wholly below)", at.Lo, at.Hi)
	}
	return text + fmt.Sprintf(", 95 %% %.3f to %.3f; the first interval wholly below is at layer %s)", at.Lo, at.Hi, places[sure].Layer)
}
