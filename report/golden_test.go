package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update writes the golden files anew: go test ./report -update, then read the
// difference before committing it.
var update = flag.Bool("update", false, "write the golden files anew")

// The file name says the case: what is drawn, of which sample. The methods are
// left out, because their wording is analyze's.
func TestGolden(t *testing.T) {
	tab := newTable(sample("v-r2", "identity"))
	figs := figures(tab)
	text, _, _ := strings.Cut(string(renderMarkdown(tab, figs)), "## Methods")
	got := map[string]string{"report.v-r2.identity.md": text}
	for _, f := range figs {
		if f.File == "cosine.svg" || f.File == "histograms.svg" {
			got[strings.TrimSuffix(f.File, ".svg")+".v-r2.identity.svg"] = f.SVG.file()
		}
	}
	if len(got) != 3 {
		t.Fatalf("%d texts to compare, want 3", len(got))
	}
	for name, text := range got {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMarkdownDefinesWhatItShows(t *testing.T) {
	tab := newTable(sample("v-r2"))
	_, methods, ok := strings.Cut(string(renderMarkdown(tab, figures(tab))), "## Methods")
	if !ok {
		t.Fatal("no methods")
	}
	for _, name := range []string{"clusters", `cosine\_mean`, "drift", `ami\_base`, `next\_token\_loss`} {
		if !strings.Contains(methods, "**"+name+"**: ") {
			t.Errorf("no definition of %s in\n%s", name, methods)
		}
	}
	if strings.Contains(methods, `effective\_rank`) {
		t.Error("a definition of what the run has not measured")
	}
}
