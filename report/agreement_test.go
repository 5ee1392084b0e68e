package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
)

// setClusters gives a variant, at some layers, a number of clusters and the
// share of noise that goes with it; all noise agrees perfectly with all noise.
func setClusters(r *analyze.Result, variant string, clusters, noise float64, layers ...string) *analyze.Result {
	for i := range r.Metrics {
		m := &r.Metrics[i]
		if m.Variant != variant || !slices.Contains(layers, m.Layer) || m.Metric != "clusters" {
			continue
		}
		m.Value, m.Lo, m.Hi = clusters, math.NaN(), math.NaN()
		share := *m
		share.Metric, share.Value = "noise_share", noise
		r.Metrics = append(r.Metrics, share)
	}
	return r
}

var everyLayer = []string{"0", "1", "2", "3", "4", "4-raw"}

func TestHeadlinesWithoutClusters(t *testing.T) {
	for _, c := range []struct {
		name       string
		r          *analyze.Result
		want, none []string
	}{
		{"all noise everywhere", setClusters(setClusters(sample("identity"), analyze.Base, 0, 1, everyLayer...), "identity", 0, 1, everyLayer...),
			[]string{"In the base every token is noise at every layer, at the settings of this run: there are no clusters to compare.",
				"At no layer do both base and adapter have clusters"},
			[]string{"the base's own", "AMI 1", "0 clusters"}},
		{"all noise at the end", setClusters(sample("identity"), analyze.Base, 0, 1, "4", "4-raw"),
			[]string{"smallest after the final norm (0: every token is noise).",
				"is the base's own at every layer where both have clusters (AMI 1)."}, nil},
		{"the adapter has lost them where it agrees least", setClusters(sample("v-r2"), "v-r2", 0, 1, "4"),
			[]string{"0.820 [0.760, 0.880] for v-r2 at layer 3. Layers where base or adapter has no cluster are passed over."},
			[]string{"0.760 ["}},
		{"one cluster and much noise", setClusters(sample(), analyze.Base, 1, 0.93, everyLayer...),
			[]string{"form 1 cluster at every layer; the share of noise is up to 0.930 at the embeddings."}, nil},
		{"few clusters at one layer", setClusters(sample(), analyze.Base, 1, 0.93, "2"),
			[]string{"smallest at layer 2 (1; share of noise 0.930)."}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(Headlines(c.r), "\n")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("headlines\n%s\ndo not say\n%s", got, want)
				}
			}
			for _, bad := range c.none {
				if strings.Contains(got, bad) {
					t.Errorf("headlines\n%s\nsay %q", got, bad)
				}
			}
		})
	}
}

// What the headlines pass over, the figure, its caption and the tables do too.
func TestAgreementIsNotShownWithoutClusters(t *testing.T) {
	tab := newTable(setClusters(sample("v-r2"), "v-r2", 0, 1, "4"))
	l := tab.shownLine("v-r2", analyze.AllPrompts, agreementMetric)
	if at := tab.axes["resid"].index["4"]; finite(l.value[at]) || finite(l.lo[at]) || !finite(l.value[at-1]) {
		t.Errorf("agreement %v, want none at layer 4 alone", l.value)
	}
	if raw := tab.line("v-r2", analyze.AllPrompts, agreementMetric); !finite(raw.value[4]) {
		t.Error("the rows themselves were changed")
	}
	text := string(renderMarkdown(tab, figures(tab)))
	for _, want := range []string{"Layers where base or adapter has no cluster are left out.", "at layer 3 |\n", "\n| 4 | - |\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("report.md does not hold %q", want)
		}
	}
}
