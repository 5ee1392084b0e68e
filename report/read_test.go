package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each case spoils one file of a good folder; the error must name the place
// and the value, in one line.
func TestReadRefusesByName(t *testing.T) {
	for _, c := range []struct {
		name, file, old, new string
		want                 []string
	}{
		{"schema of a later version", runFile, `"schema": 1`, `"schema": 99`, []string{"run.json", "schema=99"}},
		{"not JSON", runFile, `"schema"`, `schema`, []string{"run.json"}},
		{"text after the object", runFile, "\n}\n", "\n}\n{}", []string{"run.json", "after the end"}},
		{"wrong type", runFile, `"seed": 7`, `"seed": "x"`, []string{"run.json", "seed"}},
		{"adapter named base", runFile, `"name": "v-r2"`, `"name": "base"`, []string{"run.json", "adapters[0].name"}},
		{"prompt named all", runFile, `"id": "tale"`, `"id": "all"`, []string{"run.json", "prompts[0].id"}},
		{"prompt twice", runFile, `"id": "tale"`, `"id": "proof"`, []string{"run.json", "prompts[1].id"}},
		{"n against tokens", runFile, `"n": 6`, `"n": 7`, []string{"run.json", "prompts[0]", "6 tokens", "n=7"}},
		{"masked outside", runFile, `"position": 0`, `"position": 6`, []string{"run.json", "masked position 6"}},
		{"header", metricsFile, "lo,hi,n", "lo,hi", []string{"metrics.csv:1", "header"}},
		{"unknown variant", metricsFile, "\nv-r2,", "\nv-r3,", []string{"metrics.csv:", `variant="v-r3"`}},
		{"unknown prompt", metricsFile, "base,tale,0", "base,tail,0", []string{"metrics.csv:2", `prompt="tail"`}},
		{"layer", metricsFile, "base,tale,0", "base,tale,-1", []string{"metrics.csv:2", `layer="-1"`}},
		{"layer with a zero before", metricsFile, "base,tale,0", "base,tale,00", []string{"metrics.csv:2", `layer="00"`}},
		{"site", metricsFile, "0,resid", "0,rasid", []string{"metrics.csv:2", `site="rasid"`}},
		{"mask", metricsFile, "cosine_mean,default", "cosine_mean,some", []string{"metrics.csv:2", `mask="some"`}},
		{"value", metricsFile, "default,0.1,", "default,abc,", []string{"metrics.csv:2", `value="abc"`}},
		{"interval", metricsFile, "default,0.1,,", "default,0.1,x,", []string{"metrics.csv:2", `lo="x"`}},
		{"count", metricsFile, ",,,5", ",,,-5", []string{"metrics.csv:2", `n="-5"`}},
		{"columns", metricsFile, ",,,5", ",,", []string{"metrics.csv:2", "number of fields"}},
		{"open quote", metricsFile, "base,tale,0", `base,"tale,0`, []string{"metrics.csv:"}},
		{"bin out of order", histogramsFile, "-1,-0.98,", "-0.98,-0.96,", []string{"histograms.csv:2", `lo="-0.98"`}},
		{"bin count", histogramsFile, "-1,-0.98,0", "-1,-0.98,-3", []string{"histograms.csv:2", `count="-3"`}},
		{"histogram cut short", histogramsFile, "base,tale,0,resid,default,0.98,1,0\n", "", []string{"histograms.csv:101", "after 99 of 100 bins"}},
		{"label above the tokens", clustersFile, "[null,0", "[null,6", []string{"clusters.jsonl:1", "labels[1]=6"}},
		{"label below noise", clustersFile, "-1]", "-2]", []string{"clusters.jsonl:1", "labels[5]=-2"}},
		{"labels missing", clustersFile, "1,-1]", "1]", []string{"clusters.jsonl:1", "5 of them", "6 tokens"}},
		{"labels over all prompts", clustersFile, `"prompt":"tale"`, `"prompt":"all"`, []string{"clusters.jsonl:1", `prompt="all"`}},
		{"label no number", clustersFile, "[null,0", `[null,"0"`, []string{"clusters.jsonl:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Write(dir, sample("v-r2")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.file)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoiled := strings.Replace(string(b), c.old, c.new, 1)
			if spoiled == string(b) {
				t.Fatalf("%s does not hold %q", c.file, c.old)
			}
			if err := os.WriteFile(path, []byte(spoiled), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = Read(dir)
			if err == nil {
				t.Fatal("Read took it")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q has more than one line", err)
			}
		})
	}
}

func TestReadNamesTheMissingFile(t *testing.T) {
	for _, name := range []string{runFile, metricsFile, histogramsFile, clustersFile} {
		dir := t.TempDir()
		if err := Write(dir, sample("v-r2")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: error %v", name, err)
		}
	}
}

// A quote that nothing closes must not pull the rest of a huge file into
// memory as one field.
func TestReadBoundsARecord(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, sample()); err != nil {
		t.Fatal(err)
	}
	huge := strings.Join(metricsHeader, ",") + "\n\"" + strings.Repeat("a\n", maxRecord)
	if err := os.WriteFile(filepath.Join(dir, metricsFile), []byte(huge), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("error %v, want one that says what is too long", err)
	}
}

// FuzzRead holds that no table makes Read panic, and that what it takes can be
// drawn. The seeds are the files of a run of one state, so that they stay small.
func FuzzRead(f *testing.F) {
	names := []string{metricsFile, histogramsFile, clustersFile, runFile}
	one := sample()
	one.Metrics, one.Histograms, one.Partitions = one.Metrics[:4], one.Histograms[:1], one.Partitions[:1]
	good := f.TempDir()
	if err := Write(good, one); err != nil {
		f.Fatal(err)
	}
	files := make([][]byte, len(names))
	for i, name := range names {
		var err error
		if files[i], err = os.ReadFile(filepath.Join(good, name)); err != nil {
			f.Fatal(err)
		}
		f.Add(i, files[i])
	}
	f.Fuzz(func(t *testing.T, which int, b []byte) {
		dir := t.TempDir()
		for i, name := range names {
			content := files[i]
			if i == int(uint(which)%uint(len(names))) {
				content = b
			}
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Read(dir)
		if err != nil {
			return
		}
		tab := newTable(r)
		if _, err := renderHTML(tab, figures(tab)); err != nil {
			t.Errorf("Read took it, but the page says %v", err)
		}
		renderMarkdown(tab, figures(tab))
	})
}
