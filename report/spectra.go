package report

import (
	"fmt"
	"html/template"
	"path/filepath"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/analyze/spectra"
)

// The names of the files of a folder of spectra.
const (
	spectraInfoFile = "spectra.json"
	spectraFile     = "spectra.csv"
	overlapsFile    = "overlaps.csv"
	joinFile        = "join.csv"
)

// WriteSpectra draws report.html, report.md and the figures of a folder of
// spectra, all or none; the tables beside them are written by others.
func WriteSpectra(dir string, info SpectraInfo, r *spectra.Result) error {
	s := &stage{dir: dir}
	defer s.discard()
	w := newWeights(&info, r)
	figs := w.figures()
	for _, f := range figs {
		if err := s.addBytes(filepath.Join(figuresDir, f.File), []byte(f.SVG.file())); err != nil {
			return err
		}
	}
	for _, name := range spectraFigureFiles {
		if !hasFigure(figs, name) {
			s.obsolete = append(s.obsolete, filepath.Join(figuresDir, name))
		}
	}
	page, err := w.render(figs)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	if err := s.addBytes("report.md", w.markdown(figs)); err != nil {
		return err
	}
	if err := s.addBytes("report.html", page); err != nil {
		return err
	}
	return s.commit()
}

// SpectraFigureFiles lists the names that spectra may give to files in figures/.
func SpectraFigureFiles() []string { return append([]string(nil), spectraFigureFiles...) }

// spectraPage is what the template shows.
type spectraPage struct {
	shell
	Subject     string
	Adapters    []string
	Headlines   []template.HTML
	Notices     []string
	Predictions []string
	Figures     []pageFigure
	Facts       []fact
	Hashes      []fact
	Command     string
	Tables      []pageTable
	Methods     []fact
	Metrics     []analyze.Definition
	Has         spectraPanels
}

// spectraPanels says which panels have something to draw.
type spectraPanels struct {
	Planes, Grids, Training, Overlaps, Intruders, Singular, Heads, Joins bool
}

// spectraScripts is the script of the page, one file a concept.
var spectraScripts = []string{"core.js", "spectra.js", "axes.js", "plane.js", "grid.js", "training.js", "overlap.js", "intruder.js", "singular.js", "join.js", "main.js"}

var spectraTemplate = parsePage("spectra.html.tmpl")

// render draws report.html.
func (w *weights) render(figs []figure) ([]byte, error) {
	p, err := w.newPage(figs)
	if err != nil {
		return nil, err
	}
	return fitted(spectraTemplate, p, func(room int) {
		data, notes := newSpectraPayload(w, room)
		p.Data = template.JS(data) // encode has escaped it
		p.Notices = append(p.Notices, notes...)
	})
}

// newPage gathers all but the script's data.
func (w *weights) newPage(figs []figure) (*spectraPage, error) {
	name := w.subject()
	shell, err := newShell(name+": spectra of the weights", spectraScripts, "spectra.css")
	if err != nil {
		return nil, err
	}
	p := &spectraPage{
		shell: shell, Subject: name, Adapters: labels(w.finals()), Notices: limited(w.notices()), Predictions: limited(w.info.Predictions),
		Figures: pageFigures(figs), Facts: clipped(w.facts()), Hashes: clipped(w.hashes()), Command: clip(command(w.info.Argv), 20_000),
		Methods: clipped(w.methods()), Metrics: w.definitions(), Has: w.panels(),
	}
	if len(p.Adapters) > maxListed {
		p.Adapters = append(p.Adapters[:maxListed], fmt.Sprintf("%d more", len(p.Adapters)-maxListed))
	}
	for _, s := range w.headlines() {
		p.Headlines = append(p.Headlines, marked(s))
	}
	for _, t := range []struct {
		id, title, where string
		rows             func(*weights) ([]string, [][]string)
	}{
		{"adapters", "What the updates are", spectraFile, updatesTable},
		{"intruder-table", "Intruder dimensions", spectraFile, intrudersTable},
		{"join-table", "Weights against tokens", joinFile, joinTable},
	} {
		if header, rows := t.rows(w); len(rows) > 0 {
			p.Tables = append(p.Tables, newPageTable(t.id, t.title, t.where, header, rows))
		}
	}
	return p, nil
}

func (w *weights) panels() spectraPanels {
	p := spectraPanels{Overlaps: len(w.Overlaps) > 0, Joins: len(w.Joins) > 0, Intruders: w.has("intruders") && len(w.info.Thresholds) > 0,
		Training: len(w.families) > 0 && w.has("lora_sv"), Grids: len(w.series) > 0, Heads: len(w.heads) > 0}
	for _, q := range w.quantities {
		p.Planes = p.Planes || isList(q) && isEigen(q)
		p.Singular = p.Singular || isSingular(q)
	}
	return p
}
