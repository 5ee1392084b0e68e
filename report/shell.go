package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
)

// maxPage is the size that report.html keeps below.
const maxPage = 3_000_000

//go:embed assets
var assets embed.FS

// parsePage reads a page's template with the parts that all pages share; a
// mistake in them is a mistake of ours.
func parsePage(name string) *template.Template {
	return template.Must(template.ParseFS(assets, "assets/"+name, "assets/shared.html.tmpl"))
}

// shell is what all pages have: a policy, a style, a script and its data.
type shell struct {
	Title, CSP string
	CSS        template.CSS
	JS, Data   template.JS
}

// newShell makes a page of scripts, and of styles beside those of all pages.
// The page loads nothing and runs nothing but its own script and style:
// whatever markup a name might smuggle in would be dead.
func newShell(title string, scripts []string, styles ...string) (shell, error) {
	css, err := stylesheet(styles...)
	if err != nil {
		return shell{}, err
	}
	js, err := joined(scripts)
	return shell{
		Title: title,
		CSP: fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data: blob:; base-uri 'none'; form-action 'none'",
			digest(js), digest(css)),
		CSS: template.CSS(css), JS: template.JS(js),
	}, err
}

// stylesheet is the palette, the style of charts, that of pages and what a page
// adds.
func stylesheet(more ...string) (string, error) {
	css := variables() + figureCSS
	for _, name := range append([]string{"report.css"}, more...) {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return "", err
		}
		css += string(text)
	}
	return css, nil
}

// joined is scripts, one file a concept, within one function, so that nothing
// of them is global.
func joined(names []string) (string, error) {
	var b bytes.Buffer
	b.WriteString("(() => {\n\"use strict\";\n")
	for _, name := range names {
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

// execute draws a page.
func execute(t *template.Template, page any) ([]byte, error) {
	var b bytes.Buffer
	err := t.Execute(&b, page)
	return b.Bytes(), err
}

// pageFigure is a figure as the template has it.
type pageFigure struct {
	File, Title, Caption string
	SVG                  template.HTML
	Static               bool // the script draws a better one
}

// pageFigures are figures for the template; those whose files are named have
// something better where there is a script.
func pageFigures(figs []figure, static ...string) []pageFigure {
	var out []pageFigure
	for _, f := range figs {
		p := pageFigure{File: f.File, Title: f.Title, Caption: f.Caption, SVG: template.HTML(f.SVG.page())} // drawing escapes every text
		for _, name := range static {
			p.Static = p.Static || name == f.File
		}
		out = append(out, p)
	}
	return out
}

// pageTable is a table as the template has it.
type pageTable struct {
	ID, Title string
	Header    []string
	Rows      [][]string
	More      int    // rows that are not shown
	Where     string // the file that has them
}

// newPageTable cuts a table to what a page has room for.
func newPageTable(id, title, where string, header []string, rows [][]string) pageTable {
	const most = 300
	shown := rows[:min(len(rows), most)]
	for _, row := range shown {
		for i, cell := range row {
			row[i] = clip(cell, 200)
		}
	}
	return pageTable{id, title, header, shown, len(rows) - len(shown), where}
}
