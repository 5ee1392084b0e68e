package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/layerclust/layerclust/analyze"
)

// withLossChanges adds the paired change of the loss of each adapter, in order.
func withLossChanges(r *analyze.Result, changes ...float64) *analyze.Result {
	for i, x := range changes {
		for _, mask := range masks {
			r.Metrics = append(r.Metrics, analyze.Row{
				Key:    &analyze.Key{Variant: r.Run.Adapters[i].Name, Prompt: analyze.AllPrompts, Layer: "4", Site: "resid"},
				Metric: lossMetric + analyze.DeltaSuffix, Mask: mask, Value: x, Lo: math.NaN(), Hi: math.NaN(), N: 2})
		}
	}
	return r
}

func withoutLoss(r *analyze.Result) *analyze.Result {
	r.Metrics = slices.DeleteFunc(r.Metrics, func(m analyze.Row) bool { return m.Metric == lossMetric })
	return r
}

// The largest changes are named, whatever their sign and their adapters'
// places, and the others counted; rows under both masks are said once.
func TestLossNamesTheLargestChanges(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *analyze.Result
		want string
	}{
		{"changes are rows", withLossChanges(sample("a", "b", "c", "d", "e"), 0.001, -0.02, 0.5, 0.003, -0.75),
			"is 3.25 [3.19, 3.31] nats; it changes by -0.750 with e, 0.500 with c, -0.0200 with b and by less for the other 2."},
		{"one is not named", withLossChanges(sample("a", "b", "c", "d"), 4, 3, 2, 1), "4 with a, 3 with b, 2 with c and by less for the other."},
		{"only the losses are rows", sample("a", "b", "c", "d", "e"),
			"nats; it is 3.10 [3.04, 3.16] with e, 3.13 [3.07, 3.19] with d, 3.16 [3.10, 3.22] with c and nearer to the base's for the other 2."},
	} {
		got := strings.Join(Headlines(c.r), "\n")
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: headlines\n%s\ndo not say\n%s", c.name, got, c.want)
		}
		if n := strings.Count(got, "next-token loss"); n != 1 {
			t.Errorf("%s: the loss is said %d times", c.name, n)
		}
	}
}

func TestLossTableHasARowAVariant(t *testing.T) {
	_, rows := lossTable(newTable(withLossChanges(sample("a"), 0.001)))
	want := [][]string{{"base", "3.25 [3.19, 3.31]", "-"}, {"a", "3.22 [3.16, 3.28]", "0.00100"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// States alone have no loss: then nothing, not even a method, speaks of one.
func TestNoLossNoWordOfIt(t *testing.T) {
	r := withoutLoss(sample("v-r2"))
	tab := newTable(r)
	page, err := renderHTML(tab, figures(tab))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"report.html": string(page), "report.md": string(renderMarkdown(tab, figures(tab)))} {
		for _, bad := range []string{"next_token_loss", `next\_token\_loss`, "ext-token loss"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
}
