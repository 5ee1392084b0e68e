package report

// markdown writes report.md: the findings of the page as text, with the figures
// as links.
func (w *weights) markdown(figs []figure) []byte {
	m := &markdown{}
	m.line("# Spectra of the weights: %s", esc(w.subject()))
	m.gap()
	for _, s := range w.headlines() {
		m.line("- %s", esc(unmarked(s)))
	}
	for _, s := range limited(w.info.Predictions) {
		m.line("- %s", esc(s))
	}
	m.gap()
	m.notices(limited(w.notices()))
	m.figures(figs)
	for _, t := range []struct {
		title string
		rows  func(*weights) ([]string, [][]string)
	}{{"Updates", updatesTable}, {"Intruder dimensions", intrudersTable}, {"Weights against tokens", joinTable}} {
		header, rows := t.rows(w)
		m.table(t.title, header, cut(rows, 40))
	}
	m.gap()
	m.line("## Provenance")
	m.gap()
	m.facts(clipped(w.facts()))
	m.fenced(clip(command(w.info.Argv), 20_000))
	for _, f := range w.hashes() {
		m.line("- sha256 %s: %s", esc(f.Name), esc(f.Value))
	}
	m.gap()
	m.line("## Methods")
	m.gap()
	m.facts(clipped(w.methods()))
	for _, d := range w.definitions() {
		m.definition(d)
	}
	return []byte(m.b.String())
}

// cut leaves the first rows of a table that nobody would read to its end, and
// says how many there are more.
func cut(rows [][]string, most int) [][]string {
	if len(rows) <= most {
		return rows
	}
	last := make([]string, len(rows[0]))
	last[0] = "and " + itoa(len(rows)-most) + " more"
	return append(rows[:most:most], last)
}
