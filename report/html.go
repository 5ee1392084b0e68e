package report

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/layerclust/layerclust/analyze"
)

// scripts is the page's script, one file a concept, in the order of use.
var scripts = []string{"core.js", "run.js", "depth.js", "heat.js", "clusters.js", "main.js"}

var pageTemplate = parsePage("report.html.tmpl")

// page is what the template shows.
type page struct {
	shell
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

// renderHTML draws report.html.
func renderHTML(t *table, figs []figure) ([]byte, error) {
	p, err := newPage(t, figs)
	if err != nil {
		return nil, err
	}
	return fitted(pageTemplate, p, func(room int) {
		data, omitted := newPayload(t, room)
		p.Data = template.JS(data) // encode has escaped it
		p.Notices = append(p.Notices, omitted...)
	})
}

// fitted draws a page that keeps below maxPage: first without data, to learn how
// much room they have, and then with what fill puts into the page, a few
// sentences on what is left out among it.
func fitted(t *template.Template, page any, fill func(room int)) ([]byte, error) {
	frame, err := execute(t, page)
	if err != nil {
		return nil, err
	}
	const sentences = 4096
	fill(maxPage - len(frame) - sentences)
	out, err := execute(t, page)
	if err == nil && len(out) > maxPage {
		err = fmt.Errorf("the page would have %d bytes, more than %d", len(out), maxPage)
	}
	return out, err
}

// newPage gathers all but the script's data.
func newPage(t *table, figs []figure) (*page, error) {
	name := label(modelName(t))
	shell, err := newShell(name+": token clusters over depth", scripts)
	if err != nil {
		return nil, err
	}
	p := &page{
		shell: shell,
		Model: name, Notices: limited(notices(t)),
		Facts: clipped(provenance(t)), Hashes: clipped(hashes(t)), Command: clip(command(t.Run.Argv), 20_000),
		Methods: clipped(methods(t)), Metrics: shownDefinitions(t),
		Figures: pageFigures(figs, "histograms.svg"), HasClouds: t.histPrompt() != "", HasTokens: len(t.Partitions) > 0,
	}
	for _, s := range headlines(t) {
		p.Headlines = append(p.Headlines, marked(s))
	}
	for _, v := range t.variants[1:] {
		p.Adapters = append(p.Adapters, label(v))
	}
	p.addTable("adapters", "What the adapters are", adapterTable, t)
	p.addTable("loss", "Next-token loss, nats per token", lossTable, t)
	p.addTable("masked", "Tokens left out by the default mask", maskedTable, t)
	return p, nil
}

// addTable adds a table unless it is empty.
func (p *page) addTable(id, title string, rowsOf func(*table) ([]string, [][]string), t *table) {
	if header, rows := rowsOf(t); len(rows) > 0 {
		p.Tables = append(p.Tables, newPageTable(id, title, runFile, header, rows))
	}
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
