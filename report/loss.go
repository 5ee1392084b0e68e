package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/layerclust/layerclust/analyze"
)

// lossMetric stands at the last layer alone, and under both masks alike: it is
// a number of the model, not of a choice of tokens.
const lossMetric = "next_token_loss"

// lossChange is what an adapter makes of the base's loss.
type lossChange struct {
	variant string
	size    float64 // of the change
	text    string  // the change where that is a row, else the loss
}

// sayLoss gives the next-token loss of the base and the largest changes of it.
func sayLoss(t *table, a *axis) string {
	base := t.line(analyze.Base, t.overview(), lossMetric)
	at := a.extreme(base, 1)
	if at < 0 {
		return ""
	}
	changes, link, rest := lossChanges(t, at, lossMetric+analyze.DeltaSuffix, 0), "; it changes by ", "by less for the other%s"
	if len(changes) == 0 {
		changes, link, rest = lossChanges(t, at, lossMetric, base.value[at]), "; it is ", "nearer to the base's for the other%s"
	}
	s := fmt.Sprintf("The mean next-token loss of the base is %s nats", base.said(at))
	if len(changes) == 0 {
		return s + "."
	}
	var parts []string
	for _, c := range changes[:min(len(changes), maxListed)] {
		parts = append(parts, fmt.Sprintf("%s with %s", c.text, named(c.variant)))
	}
	if n := len(changes) - len(parts); n > 0 {
		parts = append(parts, others(rest, n))
	}
	return s + link + joinNames(parts) + "."
}

// lossChanges lists a metric of every adapter at one place, the farthest from
// reference first. The paired change says more than two means do.
func lossChanges(t *table, at int, metric string, reference float64) []lossChange {
	var out []lossChange
	for _, v := range t.variants[1:] {
		if l := t.line(v, t.overview(), metric); l != nil && finite(l.value[at]) {
			out = append(out, lossChange{v, math.Abs(l.value[at] - reference), l.said(at)})
		}
	}
	slices.SortStableFunc(out, func(x, y lossChange) int { return cmp.Compare(y.size, x.size) })
	return out
}

// lossTable compares the next-token loss of all variants; its change is a row
// of its own where the Result has one.
func lossTable(t *table) (header []string, rows [][]string) {
	header = []string{"variant", "loss", "minus base"}
	a := t.axes[t.lead]
	if a == nil {
		return header, nil
	}
	for _, v := range t.variants {
		l := t.line(v, t.overview(), lossMetric)
		at := a.extreme(l, 1)
		if at < 0 {
			continue
		}
		change := "-"
		if d := t.line(v, t.overview(), lossMetric+analyze.DeltaSuffix); d != nil {
			change = d.cell(at)
		}
		rows = append(rows, []string{v, l.at(at), change})
	}
	return header, rows
}
