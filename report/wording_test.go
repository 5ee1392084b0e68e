package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
)

func TestIntervalName(t *testing.T) {
	for n, want := range map[int]string{2: "range over 2 prompts", 3: "range over 3 prompts", 4: "approximate range over 4 prompts",
		5: "95 % interval", 50: "95 % interval"} {
		r := sample("v-r2")
		for i := len(r.Run.Prompts); i < n; i++ {
			r.Run.Prompts = append(r.Run.Prompts, analyze.PromptInfo{ID: fmt.Sprint(i)})
		}
		tab := newTable(r)
		texts := append([]string{Headlines(r)[0]}, figures(tab)[0].Caption)
		for _, s := range texts {
			if !strings.Contains(s, want) {
				t.Errorf("%d prompts: %q does not say %q", n, s, want)
			}
			if n < 5 && strings.Contains(s, "95 %") {
				t.Errorf("%d prompts: %q speaks of 95 %%", n, s)
			}
		}
		if said := strings.Count(strings.Join(Headlines(r), "\n"), "chosen after the fact"); said != 1 {
			t.Errorf("%d prompts: the caution is said %d times, want once", n, said)
		}
	}
}

// moveSite makes a run of another site out of one of the residual stream.
func moveSite(r *analyze.Result, site string) *analyze.Result {
	r.Run.Sites = []string{site}
	for i := range r.Metrics {
		r.Metrics[i].Site = site
	}
	for i := range r.Histograms {
		r.Histograms[i].Site = site
	}
	for i := range r.Partitions {
		r.Partitions[i].Site = site
	}
	return r
}

// A run without the residual stream is told of its first site, by name.
func TestRunWithoutResid(t *testing.T) {
	for _, site := range []string{"attn", "mlp"} {
		r := moveSite(withoutLoss(sample("v-r2")), site)
		tab := newTable(r)
		said := Headlines(r)
		if len(said) != 6 || !strings.Contains(said[0], "0.100 [0.0400, 0.160] at block 0, peaks") || !strings.Contains(said[0], "(site "+site+"; mean of 2") {
			t.Errorf("%s: headlines %q", site, said)
		}
		figs := figures(tab)
		if want := len(figureFiles) - 1; len(figs) != want { // all but that of --twin
			t.Errorf("%s: %d figures, want %d", site, len(figs), want)
		}
		for _, f := range figs {
			if !strings.Contains(f.Caption, "site "+site) || !strings.Contains(f.SVG.file(), "block, "+site+" output") {
				t.Errorf("%s: %s does not name the site", site, f.File)
			}
		}
		page, err := renderHTML(tab, figs)
		if err != nil {
			t.Fatal(err)
		}
		if p := pageData(t, string(page)); p.Sites[0] != site || len(p.Hists) == 0 || len(p.Parts) == 0 {
			t.Errorf("%s: the page has %d histograms and %d partitions of sites %q", site, len(p.Hists), len(p.Parts), p.Sites)
		}
	}
}
