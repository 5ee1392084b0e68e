package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// series are the sample's adapters: a training of three steps and one beside it.
var spectraSeries = []string{"imdb@checkpoint-25", "imdb@checkpoint-50", "imdb@checkpoint-100", "other"}

// The file name says the case: what is drawn, of which sample. The definitions
// are left out, because their wording is that of analyze/spectra.
func TestSpectraGolden(t *testing.T) {
	w := newWeights(sampleSpectra(spectraSeries...))
	figs := w.figures()
	text, _, _ := strings.Cut(string(w.markdown(figs)), "## Methods")
	got := map[string]string{"spectra.imdb.other.md": text}
	for _, f := range figs {
		got["spectra."+strings.TrimSuffix(f.File, ".svg")+".imdb.other.svg"] = f.SVG.file()
	}
	if want := 1 + len(spectraFigureFiles); len(got) != want {
		t.Fatalf("%d texts to compare, want %d", len(got), want)
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

// hostileSpectra puts the attacks wherever text comes from outside.
func hostileSpectra() (*SpectraInfo, *spectra.Result) {
	info, r := sampleSpectra(attacks[0], attacks[1], attacks[4]+"@checkpoint-1", attacks[4]+"@checkpoint-2")
	info.Argv, info.Warnings, info.Predictions, info.Only = attacks, attacks, attacks, attacks
	info.Model.Path, info.Tool, info.Provider, info.LoRAScale, info.NormGain, info.Join = "m/"+attacks[1], attacks[2], attacks[3], attacks[0], attacks[1], attacks[5]
	info.Conventions = map[string]string{attacks[0]: attacks[1]}
	info.Model.SHA256 = map[string]string{attacks[0]: attacks[1]}
	for i := range r.Values {
		switch i % 50 {
		case 3:
			r.Values[i].Module = attacks[2]
		case 7:
			r.Values[i].Quantity = attacks[1] + "_eig"
		}
	}
	for i := range r.Overlaps {
		r.Overlaps[i].Side, r.Overlaps[i].Module = attacks[3], attacks[2]
	}
	for i := range r.Joins {
		r.Joins[i].Covariate, r.Joins[i].Target, r.Joins[i].Mask = attacks[0], attacks[1], attacks[5]
	}
	return info, r
}

func TestSpectraPageEscapesHostileText(t *testing.T) {
	w := newWeights(hostileSpectra())
	page, err := w.render(w.figures())
	if err != nil {
		t.Fatal(err)
	}
	s := string(page)
	if n := strings.Count(s, "<script"); n != 2 {
		t.Errorf("%d script elements, want the data and the page's own", n)
	}
	for _, bad := range []string{"<script>alert", "<img", "<svg onload", "<!--", "ZgotmplZ", " style=", "NaN"} {
		if strings.Contains(strings.ReplaceAll(s, "NaN or", ""), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if p := spectraData(t, s); p.Variants[1] != attacks[0] {
		t.Errorf("a name in the data is %q, want it as it was, %q", p.Variants[1], attacks[0])
	}
	for name, text := range map[string]string{"style": element(t, s, "<style>", "</style>"), "script": element(t, s, "<script>", "</script>")} {
		if want := strings.ReplaceAll(digest(text), "+", "&#43;"); !strings.Contains(s, name+"-src &#39;"+want) {
			t.Errorf("the policy does not name the %s by its hash", name)
		}
	}
}

func TestSpectraFiguresOfHostileTextAreXML(t *testing.T) {
	for _, f := range newWeights(hostileSpectra()).figures() {
		dec := xml.NewDecoder(strings.NewReader(f.SVG.file()))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", f.File, err)
				break
			}
			if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "script" || e.Name.Local == "img") {
				t.Errorf("%s: an element %s", f.File, e.Name.Local)
			}
		}
		if strings.Contains(f.SVG.file(), "NaN") {
			t.Errorf("%s: a coordinate that is none", f.File)
		}
	}
}

func TestSpectraMarkdownEscapesHostileText(t *testing.T) {
	w := newWeights(hostileSpectra())
	s := string(w.markdown(w.figures()))
	for _, bad := range []string{"<script", "<img", "[link](", "![](", "\n# heading", "\x00", "\x1b"} {
		before, rest, _ := strings.Cut(s, "\n```\n")
		_, after, _ := strings.Cut(rest, "\n```\n") // the command stands between fences as it is
		if strings.Contains(before+after, bad) {
			t.Errorf("report.md holds %q", bad)
		}
	}
}

// What a hostile file may hold as numbers breaks neither page nor figures.
func TestSpectraOfNoNumbers(t *testing.T) {
	info, r := sampleSpectra(spectraSeries...)
	w := newWeights(info, r)
	want := len(w.figures())
	for i := range r.Values {
		r.Values[i].Re, r.Values[i].Im = spectraNumbers[i%len(spectraNumbers)], spectraNumbers[i/3%len(spectraNumbers)]
	}
	for i := range r.Joins {
		r.Joins[i].Rho, r.Joins[i].P = spectraNumbers[0], spectraNumbers[1]
	}
	w = newWeights(info, r)
	figs := w.figures()
	if len(figs) > want {
		t.Errorf("%d figures of no numbers, more than %d", len(figs), want)
	}
	for _, f := range figs {
		if bad := regexp.MustCompile(`.*(NaN|Inf).*`).FindString(f.SVG.file()); bad != "" {
			t.Errorf("%s: a coordinate that is none: %.400s", f.File, bad)
		}
	}
	page, err := w.render(figs)
	if err != nil {
		t.Fatal(err)
	}
	spectraData(t, string(page))
}

// The largest models leave values out, say so, and stay under the limit; a
// million rows take seconds, not minutes.
func TestSpectraPageKeepsItsSizeLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("1.6 million values")
	}
	info, r := bigSpectra(2, 32, 32, 4096)
	start := time.Now()
	w := newWeights(info, r)
	page, err := w.render(w.figures())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d values, %d bytes, %.1f s", len(r.Values), len(page), time.Since(start).Seconds())
	if len(page) > maxPage || len(page) < 1_500_000 {
		t.Errorf("%d bytes, want 1.5 to 3 million", len(page))
	}
	if s := string(page); !strings.Contains(s, "this page draws a part of the values of") {
		t.Error("the page does not say what it leaves out")
	}
	p := spectraData(t, string(page))
	blocks := map[string]int{}
	for _, raw := range p.Lists {
		var b []any
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		blocks[p.Quantities[int(b[0].(float64))].Name]++
	}
	for _, q := range []string{"v_eig", "ov_eig", "v_sv", "qk_sv"} {
		if blocks[q] != 3*32 {
			t.Errorf("%d spectra %s, want one of each layer and variant, 96", blocks[q], q)
		}
	}
}

func TestSpectraScriptParses(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node here")
	}
	js, err := joined(spectraScripts)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "spectra.js")
	if err := os.WriteFile(path, []byte(js), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, "--check", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// spectraData is what the page's script draws from.
func spectraData(t *testing.T, page string) spectraPayload {
	t.Helper()
	var p spectraPayload
	if err := json.Unmarshal([]byte(element(t, page, `<script type="application/json" id="data">`, "</script>")), &p); err != nil {
		t.Fatalf("the page's data: %v", err)
	}
	return p
}
