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

	"github.com/layerclust/layerclust/analyze"
)

// attacks are texts that end an element, an attribute, a string or a table cell
// wherever they are not escaped for it.
var attacks = []string{
	`</script><script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`]]><!--`,
	"| cell | `code` [link](javascript:alert(1)) ![](http://evil.example/x.png)",
	"line\nbreak\r\n# heading",
	"\x0e\x0f\x11\x12\x00\x1b[31m\xff",
	`{{.}} ${alert(1)} \u003c/script>`,
}

// hostile puts the attacks wherever text comes from outside.
func hostile() *analyze.Result {
	r := sample(attacks[0], attacks[1], attacks[6])
	for i := range r.Run.Prompts {
		p := &r.Run.Prompts[i]
		for k := range p.Pieces {
			p.Pieces[k] = attacks[k]
		}
		p.Masked[0].Reason = attacks[2]
	}
	rename := map[string]string{"tale": attacks[4], "proof": attacks[5]}
	for i := range r.Run.Prompts {
		r.Run.Prompts[i].ID = rename[r.Run.Prompts[i].ID]
	}
	for i := range r.Metrics {
		if to, ok := rename[r.Metrics[i].Prompt]; ok {
			r.Metrics[i].Prompt = to
		}
	}
	r.Metrics[0].Metric = attacks[2]
	for i := range r.Partitions {
		r.Partitions[i].Prompt = rename[r.Partitions[i].Prompt]
	}
	r.Run.Warnings, r.Run.Argv = attacks, attacks
	r.Run.Model.Path, r.Run.Provider, r.Run.Tool = "models/"+attacks[1], attacks[0], attacks[3]
	r.Run.Methods = map[string]string{attacks[0]: attacks[1]}
	r.Run.Model.SHA256 = map[string]string{attacks[0]: attacks[1]}
	r.Run.Adapters[0].Targets = attacks
	return r
}

func TestPageEscapesHostileText(t *testing.T) {
	tab := newTable(hostile())
	page, err := renderHTML(tab, figures(tab))
	if err != nil {
		t.Fatal(err)
	}
	s := string(page)
	if n := strings.Count(s, "<script"); n != 2 {
		t.Errorf("%d script elements, want the data and the page's own", n)
	}
	for _, bad := range []string{"<script>alert", "<img", "<svg onload", "<!--", "ZgotmplZ"} {
		if strings.Contains(s, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	p := pageData(t, s)
	if p.Variants[1] != attacks[0] {
		t.Errorf("a name in the data is %q, want it as it was, %q", p.Variants[1], attacks[0])
	}
}

func TestPageRunsNothingButItsOwn(t *testing.T) {
	tab := newTable(sample("v-r2"))
	page, err := renderHTML(tab, figures(tab))
	if err != nil {
		t.Fatal(err)
	}
	s := string(page)
	for name, text := range map[string]string{
		"style":  element(t, s, "<style>", "</style>"),
		"script": element(t, s, "<script>", "</script>"),
	} {
		// html/template writes + as a reference within an attribute.
		want := strings.ReplaceAll(digest(text), "+", "&#43;")
		if !strings.Contains(s, name+"-src &#39;"+want) {
			t.Errorf("the policy does not name the %s by its hash", name)
		}
	}
	if !strings.Contains(s, "default-src &#39;none&#39;") {
		t.Error("the policy does not begin by forbidding all")
	}
	for _, m := range regexp.MustCompile(`(?i)(src|href|action|url|@import)\s*[=(]\s*["']?[^"'\s>)]+`).FindAllString(s, -1) {
		if strings.Contains(m, "//") && !strings.Contains(m, "www.w3.org") {
			t.Errorf("the page refers to %q", m)
		}
	}
	if strings.Contains(s, " style=") {
		t.Error("a style attribute, which the policy would refuse")
	}
}

// A script that does not parse would leave a page of dead controls.
func TestScriptParses(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node here")
	}
	js, err := joined(scripts)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.js")
	if err := os.WriteFile(path, []byte(js), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, "--check", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestFiguresOfHostileTextAreXML(t *testing.T) {
	for _, f := range figures(newTable(hostile())) {
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
	}
}

func TestMarkdownEscapesHostileText(t *testing.T) {
	tab := newTable(hostile())
	s := string(renderMarkdown(tab, figures(tab)))
	before, rest, _ := strings.Cut(s, "\n```\n")
	command, after, ok := strings.Cut(rest, "\n```\n")
	if !ok || strings.Contains(command, "\n") || strings.Contains(command, "```") {
		t.Errorf("the command is not one line between fences: %q", command)
	}
	s = before + after
	for _, bad := range []string{"<script", "<img", "<svg", "[link](", "![](", "\n# heading", "\x00", "\x1b"} {
		if strings.Contains(s, bad) {
			t.Errorf("report.md holds %q", bad)
		}
	}
	for _, line := range strings.Split(s, "\n") {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|") {
			t.Errorf("a table row is broken: %q", line)
		}
	}
}

// The largest run leaves parts out, says which, and stays under the limit.
func TestPageKeepsItsSizeLimit(t *testing.T) {
	tab := newTable(bigSample(50, 12, "resid"))
	page, err := renderHTML(tab, figures(tab))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(page))
	if len(page) > 3_000_000 {
		t.Errorf("%d bytes, more than three million", len(page))
	}
	if len(page) < 2_500_000 {
		t.Errorf("%d bytes: room is left that could hold more prompts", len(page))
	}
	s := string(page)
	if !strings.Contains(s, "this page leaves out the tokens of") {
		t.Error("the page does not say what it leaves out")
	}
	p := pageData(t, s)
	if len(p.Variants) != 17 || len(p.Prompts) != 50 {
		t.Errorf("%d variants and %d prompts are named, want all 17 and 50", len(p.Variants), len(p.Prompts))
	}
	if want := 17 * 12 * 2; len(p.Lines) < want {
		t.Errorf("%d lines, want at least the %d means over prompts", len(p.Lines), want)
	}
}

// With three sites the leading one comes first: no variant's means are given up
// there for curves of another site, and the same run gives the same page.
func TestPageOfManySitesKeepsItsSizeLimit(t *testing.T) {
	const metrics = 30
	tab := newTable(bigSample(2, metrics, "resid", "attn", "mlp"))
	page, err := renderHTML(tab, figures(tab))
	if err != nil {
		t.Fatal(err)
	}
	if len(page) > 3_000_000 || len(page) < 2_500_000 {
		t.Errorf("%d bytes, want from 2.5 to 3 million", len(page))
	}
	s := string(page)
	if want := "leaves out the curves at other sites of 2 of 2 prompts;"; !strings.Contains(s, want) {
		t.Errorf("the page does not say that it %s", want)
	}
	p := pageData(t, s)
	if len(p.Parts) < len(p.Variants) {
		t.Errorf("the tokens of %d variants, want all %d of the first prompt", len(p.Parts), len(p.Variants))
	}
	means := 0
	for _, raw := range p.Lines {
		var head []any
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		means += b2i(head[1] == -1.0 && head[2] == 0.0)
	}
	if want := 17 * metrics * 2; means != want {
		t.Errorf("%d means over prompts of the leading site, want all %d", means, want)
	}
	if again, err := renderHTML(tab, figures(tab)); err != nil || string(again) != s {
		t.Errorf("the same run gives another page (%v)", err)
	}
}

// A figure that is wider than a phone would hide the last layers: none has a
// least width, nor scrolls sideways.
func TestFiguresScaleToTheWidth(t *testing.T) {
	css, err := stylesheet()
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`\.(chart|canvas)[^{}]*\{[^}]*(min-width|overflow-x)`).FindString(css); m != "" {
		t.Errorf("the style holds %q", m)
	}
	if !regexp.MustCompile(`\n\.chart \{[^}]*width: 100%`).MatchString(css) {
		t.Error("a chart does not take the width it has")
	}
}

// The page's own legend calls the interval what the headlines call it.
func TestPageNamesTheInterval(t *testing.T) {
	tab := newTable(sample("v-r2"))
	page, err := renderHTML(tab, figures(tab))
	if err != nil {
		t.Fatal(err)
	}
	if got := pageData(t, string(page)).Interval; got != "range over 2 prompts" {
		t.Errorf("the interval of two prompts is called %q", got)
	}
	if strings.Contains(string(page), "95 %") {
		t.Error("a page of two prompts speaks of 95 %")
	}
}

// One prompt of a hundred thousand tokens in run.json alone must not break the
// limit either: names and texts are cut where they are shown.
func TestPageCutsLongTexts(t *testing.T) {
	r := sample("v-r2")
	long := strings.Repeat("word ", 1_000_000)
	r.Run.Argv = append(r.Run.Argv, "--prompt", long)
	r.Run.Warnings = []string{long}
	r.Run.Model.Path, r.Run.Tool = long, long
	r.Run.Prompts[0].Pieces[1] = long
	r.Run.Adapters[0].Targets = []string{long}
	r.Run.Methods["clusters"] = long
	tab := newTable(r)
	page, err := renderHTML(tab, figures(tab))
	if err != nil {
		t.Fatal(err)
	}
	if len(page) > 500_000 {
		t.Errorf("%d bytes for a small run with long texts", len(page))
	}
}

// element returns the text between two tags that occur once.
func element(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, from)
	if !ok {
		t.Fatalf("no %s", from)
	}
	text, _, ok := strings.Cut(rest, to)
	if !ok {
		t.Fatalf("no %s after %s", to, from)
	}
	return text
}

// pageData is what the page's script draws from.
func pageData(t *testing.T, page string) payload {
	t.Helper()
	var p payload
	if err := json.Unmarshal([]byte(element(t, page, `<script type="application/json" id="data">`, "</script>")), &p); err != nil {
		t.Fatalf("the page's data: %v", err)
	}
	return p
}
