package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// renderMarkdown writes report.md: the findings of the page as text that can be
// pasted into a note or an issue, with the figures as links.
func renderMarkdown(t *table, figs []figure) []byte {
	m := &markdown{}
	m.line("# Token clusters over depth: %s", esc(label(modelName(t))))
	m.gap()
	for _, s := range headlines(t) {
		m.line("- %s", esc(unmarked(s)))
	}
	m.gap()
	m.notices(notices(t))
	m.figures(figs)
	m.adapters(t)
	for _, metric := range []string{"cosine_mean", "clusters", "effective_rank", "drift", agreementMetric, "cka_base"} {
		m.depthTable(t, metric)
	}
	m.losses(t)
	m.masked(t)
	m.provenance(t)
	m.methods(t)
	return []byte(m.b.String())
}

// markdown is a text in the making.
type markdown struct{ b strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

func (m *markdown) gap() {
	if !strings.HasSuffix(m.b.String(), "\n\n") {
		m.b.WriteByte('\n')
	}
}

// table writes a table under a heading; without rows it writes nothing.
func (m *markdown) table(title string, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	m.gap()
	m.line("## %s", title)
	m.gap()
	m.line("| %s |", strings.Join(escAll(header), " | "))
	m.line("|%s", strings.Repeat(" --- |", len(header)))
	for _, r := range rows {
		m.line("| %s |", strings.Join(escAll(r), " | "))
	}
	m.gap()
}

func (m *markdown) notices(list []string) {
	if len(list) == 0 {
		return
	}
	m.gap()
	m.line("## Before reading the numbers")
	m.gap()
	for _, s := range list {
		m.line("- %s", esc(s))
	}
	m.gap()
}

// figures shows drawings with their captions.
func (m *markdown) figures(figs []figure) {
	for _, f := range figs {
		m.line("![%s](%s/%s)", esc(f.Title), figuresDir, f.File)
		m.gap()
		m.line("*%s*", esc(f.Caption))
		m.gap()
	}
}

// facts writes a list of names and values.
func (m *markdown) facts(list []fact) {
	for _, f := range list {
		m.line("- %s: %s", esc(f.Name), esc(f.Value))
	}
}

// definition defines one measure.
func (m *markdown) definition(d analyze.Definition) {
	s := fmt.Sprintf("- **%s**: %s", esc(d.Name), esc(d.Formula))
	if d.Source != "" {
		s += fmt.Sprintf(" (%s)", esc(d.Source))
	}
	if d.Note != "" {
		s += " " + esc(d.Note)
	}
	m.line("%s", s)
}

func (m *markdown) adapters(t *table) {
	header, rows := adapterTable(t)
	m.table("Adapters", header, rows)
}

// depthTable writes one metric at a choice of layers, a column a variant.
func (m *markdown) depthTable(t *table, metric string) {
	a := t.axes[t.lead]
	header := []string{"layer"}
	var lines []*line
	for _, v := range t.variants {
		if l := t.shownLine(v, t.overview(), metric); l != nil {
			header = append(header, v)
			lines = append(lines, l)
		}
	}
	if a == nil || len(lines) == 0 {
		return
	}
	var rows [][]string
	for _, i := range a.chosen(12) {
		row := []string{a.layers[i]}
		for _, l := range lines {
			row = append(row, l.cell(i))
		}
		rows = append(rows, row)
	}
	m.table(metric+" by layer", header, rows)
	m.line("%s All layers are in %s.", esc(t.figureBasis()), metricsFile)
}

// chosen returns about n places spread evenly over the layers, both ends and
// L-raw among them.
func (a *axis) chosen(n int) []int {
	var out []int
	step := max(1, (len(a.layers)+n-2)/(n-1))
	for i := range a.layers {
		if i%step == 0 || a.isRaw(i) || a.number(i) == a.last {
			out = append(out, i)
		}
	}
	return out
}

// cell is a value with its interval, or a dash.
func (l *line) cell(i int) string {
	if !finite(l.value[i]) {
		return "-"
	}
	return l.at(i)
}

func (m *markdown) losses(t *table) {
	header, rows := lossTable(t)
	m.table("Next-token loss (nats per token)", header, rows)
}

func (m *markdown) masked(t *table) {
	header, rows := maskedTable(t)
	m.table("Tokens left out by the default mask", header, cut(rows, 40)) // run.json has all
}

func (m *markdown) provenance(t *table) {
	m.gap()
	m.line("## Provenance")
	m.gap()
	m.facts(provenance(t))
	m.fenced(command(t.Run.Argv))
	for _, name := range sortedKeys(t.Run.Model.SHA256) {
		m.line("- sha256 %s: %s", esc(name), esc(t.Run.Model.SHA256[name]))
	}
	for _, a := range t.Run.Adapters {
		for _, name := range sortedKeys(a.SHA256) {
			m.line("- sha256 %s/%s: %s", esc(a.Name), esc(name), esc(a.SHA256[name]))
		}
	}
	m.gap()
}

// fenced writes one line to be copied. The fence is longer than any row of
// backticks in it, so that the line cannot end it.
func (m *markdown) fenced(line string) {
	if line == "" {
		return
	}
	fence := "```"
	for strings.Contains(line, fence) {
		fence += "`"
	}
	m.gap()
	m.line("%s\n%s\n%s", fence, printable(line), fence)
	m.gap()
}

// methods defines the metrics that the tables above show.
func (m *markdown) methods(t *table) {
	m.gap()
	m.line("## Methods")
	m.gap()
	for _, name := range sortedKeys(t.Run.Methods) {
		m.line("- **%s**: %s", esc(name), esc(t.Run.Methods[name]))
	}
	for _, d := range analyze.Definitions() {
		if !slices.Contains(t.metrics, d.Name) {
			continue
		}
		m.definition(d)
	}
}

// esc makes s plain text in Markdown: no markup, no HTML, no line break.
func esc(s string) string {
	var b strings.Builder
	for _, c := range strings.Join(strings.Fields(printable(s)), " ") {
		switch {
		case c == '<':
			b.WriteString("&lt;")
			continue
		case c == '>':
			b.WriteString("&gt;")
			continue
		case c == '&':
			b.WriteString("&amp;")
			continue
		case strings.ContainsRune("\\`*_[]|~#$!", c):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func escAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = esc(s)
	}
	return out
}

// visible shows a token's piece as text: blanks and line breaks as signs.
func visible(piece string) string {
	return strings.NewReplacer(" ", "\u00b7", "\n", "\u21b5", "\t", "\u21e5", "\r", "\u240d").Replace(piece)
}
