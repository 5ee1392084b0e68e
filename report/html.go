package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// maxPage is the size that report.html keeps below.
const maxPage = 3_000_000

//go:embed assets
var assets embed.FS

// scripts is the page's script, one file a concept, in the order of use.
var scripts = []string{"core.js", "depth.js", "heat.js", "clusters.js", "main.js"}

// pageTemplate is parsed once; a mistake in it is a mistake of ours.
var pageTemplate = template.Must(template.ParseFS(assets, "assets/report.html.tmpl"))

// page is what the template shows.
type page struct {
	CSP       string
	CSS       template.CSS
	JS        template.JS
	Data      template.JS
	Model     string
	Adapters  []string
	Headlines []template.HTML
	Notices   []string
	Figures   []pageFigure
	Facts     []fact
	Hashes    []fact
	Command   string
	Tables    []pageTable
	Methods   []fact
	Metrics   []analyze.Definition
	HasClouds bool // whether there is a histogram to draw
	HasTokens bool // whether there is a partition to show
}

type pageFigure struct {
	File, Title, Caption string
	SVG                  template.HTML
	Static               bool // the script draws a better one
}

type pageTable struct {
	ID, Title string
	Header    []string
	Rows      [][]string
	More      int // rows that are not shown
}

// renderHTML draws report.html. The page is first drawn without data to learn
// how much room its data has.
func renderHTML(t *table, figs []figure) ([]byte, error) {
	p, err := newPage(t, figs)
	if err != nil {
		return nil, err
	}
	shell, err := p.execute()
	if err != nil {
		return nil, err
	}
	const slack = 2048 // for the sentences on what is left out
	data, omitted := newPayload(t, maxPage-len(shell)-slack)
	p.Data = template.JS(data) // encode has escaped it
	p.Notices = append(p.Notices, omitted...)
	out, err := p.execute()
	if err == nil && len(out) > maxPage {
		err = fmt.Errorf("the page would have %d bytes, more than %d", len(out), maxPage)
	}
	return out, err
}

func (p *page) execute() ([]byte, error) {
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, p)
	return b.Bytes(), err
}

// newPage gathers all but the script's data.
func newPage(t *table, figs []figure) (*page, error) {
	css, err := stylesheet()
	if err != nil {
		return nil, err
	}
	js, err := script()
	if err != nil {
		return nil, err
	}
	p := &page{
		// The page loads nothing and runs nothing but its own script and style:
		// whatever markup a prompt might smuggle in would be dead.
		CSP: fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data: blob:; base-uri 'none'; form-action 'none'",
			digest(js), digest(css)),
		CSS: template.CSS(css), JS: template.JS(js),
		Model: label(modelName(t)), Notices: limited(notices(t)),
		Facts: clipped(provenance(t)), Hashes: clipped(hashes(t)), Command: clip(command(t), 20_000),
		Methods: clipped(methods(t)), Metrics: shownDefinitions(t),
		HasClouds: t.histPrompt() != "", HasTokens: len(t.Partitions) > 0,
	}
	for _, s := range headlines(t) {
		p.Headlines = append(p.Headlines, marked(s))
	}
	for _, v := range t.variants[1:] {
		p.Adapters = append(p.Adapters, label(v))
	}
	for _, f := range figs {
		p.Figures = append(p.Figures, pageFigure{f.File, f.Title, f.Caption,
			template.HTML(f.SVG.page()), f.File == "histograms.svg"}) // drawing escapes every text
	}
	p.addTable("adapters", "What the adapters are", adapterTable, t)
	p.addTable("loss", "Next-token loss, nats per token", lossTable, t)
	p.addTable("masked", "Tokens left out by the default mask", maskedTable, t)
	return p, nil
}

// addTable adds a table unless it is empty.
func (p *page) addTable(id, title string, rowsOf func(*table) ([]string, [][]string), t *table) {
	const most = 300
	header, rows := rowsOf(t)
	if len(rows) == 0 {
		return
	}
	shown := rows[:min(len(rows), most)]
	for _, row := range shown {
		for i, cell := range row {
			row[i] = clip(cell, 200)
		}
	}
	p.Tables = append(p.Tables, pageTable{id, title, header, shown, len(rows) - len(shown)})
}

// stylesheet is the palette, the style of charts and that of the page.
func stylesheet() (string, error) {
	css, err := assets.ReadFile("assets/report.css")
	return variables() + figureCSS + string(css), err
}

// script is the page's script, its files joined within one function so that
// nothing of it is global.
func script() (string, error) {
	var b strings.Builder
	b.WriteString("(() => {\n\"use strict\";\n")
	for _, name := range scripts {
		js, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return "", err
		}
		b.Write(js)
	}
	b.WriteString("})();\n")
	return b.String(), nil
}

// digest names an inline script or style in a content security policy.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// hashes lists the files that the numbers come from.
func hashes(t *table) []fact {
	var out []fact
	for _, name := range sortedKeys(t.Run.Model.SHA256) {
		out = append(out, fact{"model / " + name, t.Run.Model.SHA256[name]})
	}
	for _, a := range t.Run.Adapters {
		for _, name := range sortedKeys(a.SHA256) {
			out = append(out, fact{a.Name + " / " + name, a.SHA256[name]})
		}
	}
	return out
}

func methods(t *table) []fact {
	var out []fact
	for _, name := range sortedKeys(t.Run.Methods) {
		out = append(out, fact{name, t.Run.Methods[name]})
	}
	return out
}

// shownDefinitions are those of the metrics that this Result has.
func shownDefinitions(t *table) []analyze.Definition {
	return slices.DeleteFunc(slices.Clone(analyze.Definitions()), func(d analyze.Definition) bool {
		return !slices.Contains(t.metrics, d.Name)
	})
}

// clipped cuts facts to what a page has room for.
func clipped(facts []fact) []fact {
	for i, f := range facts {
		facts[i] = fact{clip(f.Name, 120), clip(f.Value, 1000)}
	}
	return facts
}

// limited cuts a list that nobody would read to its end.
func limited(list []string) []string {
	const most = 40
	out := make([]string, 0, min(len(list), most+1))
	for i, s := range list {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more, in %s.", len(list)-most, runFile))
			break
		}
		out = append(out, clip(s, 600))
	}
	return out
}
