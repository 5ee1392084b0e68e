package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fewTokens is where the measures of one prompt get loose: cosine, rank and
// the number of clusters all depend on how many tokens there are, and below
// about twenty their scatter is as large as what adapters change.
const fewTokens = 20

// notices lists what a reader must know before believing a number: the run's
// own warnings, then what the Result itself shows.
func notices(t *table) []string {
	out := slices.Clone(t.Run.Warnings)
	for _, a := range t.Run.Adapters {
		told := slices.ContainsFunc(t.Run.Warnings, func(w string) bool { return strings.HasPrefix(w, "adapter "+a.Name+" changes nothing") })
		switch {
		case told || a.ModulesApplied == 0: // none: only its states were given
		case a.Scale == 0:
			out = append(out, fmt.Sprintf("Adapter %s is taken at scale 0: it is the base exactly.", a.Name))
		case a.RelativeNorm == 0:
			out = append(out, fmt.Sprintf("Adapter %s changes no weight (its update is zero): it is the base exactly.", a.Name))
		}
	}
	var short []string
	for i := range t.Run.Prompts {
		p := &t.Run.Prompts[i]
		if kept := p.N - len(p.Masked); kept < fewTokens {
			short = append(short, fmt.Sprintf("%s (%d)", p.ID, kept))
		}
	}
	if len(short) > 0 {
		out = append(out, fmt.Sprintf("Fewer than %d tokens are left under the default mask, too few to read much into one number: %s.",
			fewTokens, listed(short, 6)))
	}
	if n := massive(t); n > 0 {
		out = append(out, fmt.Sprintf("%s massive (attention sinks): masked by default, as they would govern means and cosines.",
			countOf(fmt.Sprint(n), "token")+" "+verb(n, "is", "are")))
	}
	return out
}

// massive counts the tokens that are masked for being massive.
func massive(t *table) int {
	n := 0
	for i := range t.Run.Prompts {
		for _, m := range t.Run.Prompts[i].Masked {
			n += b2i(m.Reason == "massive")
		}
	}
	return n
}

// maskReasons says how many tokens each reason masks: "2 massive, 1 bos".
func maskReasons(t *table) string {
	counts := map[string]int{}
	for i := range t.Run.Prompts {
		for _, m := range t.Run.Prompts[i].Masked {
			counts[m.Reason]++
		}
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(parts, ", ")
}

// listed joins at most n of the items and counts the rest.
func listed(items []string, n int) string {
	if len(items) <= n {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:n], ", "), len(items)-n)
}
