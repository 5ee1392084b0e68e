package report

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/layerclust/layerclust/analyze"
)

// sameResult takes NaN for equal to NaN, and no list for an empty one: the
// files cannot tell those apart.
var sameResult = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}

func TestReadGivesBackWhatWriteWrote(t *testing.T) {
	awkward := sample("v-r2", "odd, \"name\"\nwith </script> & lines")
	awkward.Metrics[0].Value = 0.1 + 0.2   // 17 digits
	awkward.Metrics[1].Value = 5e-324      // the smallest float64
	awkward.Metrics[2].Value = 1.797e308   // near the largest
	awkward.Metrics[3].Value = -1.0 / 3.0  // negative
	awkward.Metrics[4].Metric = "über,mäß" // not ASCII, with a comma
	for name, r := range map[string]*analyze.Result{
		"base alone": sample(), "two adapters": sample("v-r2", "identity"), "awkward": awkward,
		"nothing measured": {Run: analyze.RunInfo{Schema: Schema}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Write(dir, r); err != nil {
				t.Fatal(err)
			}
			got, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r, got, sameResult); diff != "" {
				t.Errorf("Read after Write differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteIsDeterministic(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if err := Write(dir, sample("v-r2", "identity")); err != nil {
			t.Fatal(err)
		}
	}
	a, b := contents(t, one), contents(t, two)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two writes differ:\n%s", diff)
	}
	for _, name := range []string{"run.json", "metrics.csv", "histograms.csv", "clusters.jsonl", "report.html", "report.md",
		"figures/cosine.svg", "figures/clusters.svg", "figures/drift.svg", "figures/agreement.svg", "figures/histograms.svg"} {
		if a[name] == "" {
			t.Errorf("%s was not written", name)
		}
	}
	if len(a) != 11 {
		t.Errorf("%d files, want 11: a temporary file was left", len(a))
	}
}

// Render makes the same drawings from the files as Write makes from the run.
func TestRenderFromFilesEqualsWrite(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, sample("v-r2")); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Render(dir, r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("rendered again, the folder differs:\n%s", diff)
	}
}

func TestRenderRemovesFiguresThatHaveNoData(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, sample("v-r2")); err != nil {
		t.Fatal(err)
	}
	if err := Render(dir, sample()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "figures", "drift.svg")); !os.IsNotExist(err) {
		t.Errorf("drift.svg of the earlier run is still there (%v)", err)
	}
}

// A Result that cannot be written leaves an earlier report as it was.
func TestFailedWriteLeavesTheFolderAlone(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, sample("v-r2")); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	bad := sample("other")
	bad.Histograms[3].Counts = bad.Histograms[3].Counts[:7]
	err := Write(dir, bad)
	if err == nil || !strings.Contains(err.Error(), "histograms.csv") {
		t.Fatalf("Write of a short histogram: %v, want an error that names histograms.csv", err)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("the failed write changed the folder:\n%s", diff)
	}
}

// contents maps every file of a folder to its text.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		out[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTablesHaveTheContractsForm(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, sample("v-r2")); err != nil {
		t.Fatal(err)
	}
	files := contents(t, dir)
	for _, c := range []struct {
		file string
		line int
		want string
	}{
		{"metrics.csv", 0, "variant,prompt,layer,site,metric,mask,value,lo,hi,n"},
		{"metrics.csv", 1, "base,tale,0,resid,cosine_mean,default,0.1,,,5"},
		{"histograms.csv", 0, "variant,prompt,layer,site,mask,lo,hi,count"},
		{"histograms.csv", 52, "base,tale,0,resid,default,0.02,0.04,3"},
		{"clusters.jsonl", 0, `{"variant":"base","prompt":"tale","layer":"0","site":"resid","labels":[null,0,0,0,1,-1]}`},
	} {
		if got := strings.Split(files[c.file], "\n")[c.line]; got != c.want {
			t.Errorf("%s: line %d is %q, want %q", c.file, c.line, got, c.want)
		}
	}
}
