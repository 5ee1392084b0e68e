package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"path/filepath"
)

// Simulation is what the page of a simulation shows: findings, charts and
// clouds as figures, movies with a time slider, tables.
type Simulation struct {
	Title    string
	Lead     string // one sentence under the title
	Findings []string
	Notices  []string
	Movies   []Movie
	Charts   []Chart
	Clouds   []Clouds
	Tables   []SimTable
	Facts    [][2]string // name and value, what was run
	Command  string
}

// SimTable is a table of the page.
type SimTable struct {
	ID, Title string
	Header    []string
	Rows      [][]string
}

// Movie shows clouds of particles side by side on one time slider.
type Movie struct {
	Title, Caption string
	Panels         []MoviePanel
}

// MoviePanel is one cloud over time, in two or three dimensions.
type MoviePanel struct {
	Name   string      `json:"name"`
	D      int         `json:"d"`
	Times  []float64   `json:"times"`
	Frames [][]float64 `json:"-"`      // (times, n d)
	Labels []int       `json:"labels"` // (n), the cluster in the end
	Edges  [][][2]int  `json:"edges"`  // (times), tokens that an edge of the hull joins
	Fit    bool        `json:"fit"`    // each frame at a scale of its own
}

// SimulationFile is a file that is written beside the page.
type SimulationFile struct {
	Name  string
	Bytes []byte
}

// simulationPage is what the template shows.
type simulationPage struct {
	shell
	Lead     string
	Findings []template.HTML
	Notices  []string
	Movies   []Movie
	Figures  []pageFigure
	Tables   []pageTable
	Facts    []fact
	Command  string
}

// simulationScripts is the script of the page.
var simulationScripts = []string{"core.js", "movie.js", "main.js"}

var simulationTemplate = parsePage("simulation.html.tmpl")

// WriteSimulation puts the page, its figures and the files given into dir, all
// or none; the last file given says that the folder is complete.
func WriteSimulation(dir string, s *Simulation, files []SimulationFile) error {
	st := &stage{dir: dir}
	defer st.discard()
	figs := s.figures()
	for _, f := range figs {
		if err := st.addBytes(filepath.Join(figuresDir, f.File), []byte(f.SVG.file())); err != nil {
			return err
		}
	}
	page, err := s.render(figs)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	if err := st.addBytes("report.html", page); err != nil {
		return err
	}
	for _, f := range files {
		if err := st.addBytes(f.Name, f.Bytes); err != nil {
			return err
		}
	}
	return st.commit()
}

// figures draws charts and clouds in reading order.
func (s *Simulation) figures() []figure {
	var out []figure
	for i := range s.Clouds {
		c := &s.Clouds[i]
		out = append(out, figure{c.File, c.Title, c.Caption, c.draw()})
	}
	for i := range s.Charts {
		c := &s.Charts[i]
		out = append(out, figure{c.File, c.Title, c.Caption, c.draw()})
	}
	return out
}

func (s *Simulation) render(figs []figure) ([]byte, error) {
	shell, err := newShell(label(s.Title), simulationScripts, "simulation.css")
	if err != nil {
		return nil, err
	}
	shell.Data = template.JS(s.payload()) // encode has escaped it
	p := simulationPage{shell: shell, Lead: s.Lead, Notices: s.Notices, Movies: s.Movies,
		Figures: pageFigures(figs), Command: clip(s.Command, 20_000)}
	for _, f := range s.Findings {
		p.Findings = append(p.Findings, template.HTML(template.HTMLEscapeString(f)))
	}
	for _, f := range s.Facts {
		p.Facts = append(p.Facts, fact{f[0], clip(f[1], 1000)})
	}
	for _, t := range s.Tables {
		p.Tables = append(p.Tables, pageTable{ID: t.ID, Title: t.Title, Header: t.Header, Rows: t.Rows})
	}
	return execute(simulationTemplate, p)
}

// payload is the data of the page's script: the movies with their coordinates at
// four digits.
func (s *Simulation) payload() []byte {
	type panel struct {
		MoviePanel
		Frames []json.RawMessage `json:"frames"`
	}
	type movie struct {
		Title  string  `json:"title"`
		Panels []panel `json:"panels"`
	}
	movies := make([]movie, len(s.Movies))
	for i, m := range s.Movies {
		movies[i] = movie{Title: m.Title}
		for _, p := range m.Panels {
			out := panel{MoviePanel: p}
			for _, frame := range p.Frames {
				out.Frames = append(out.Frames, appendRounded(nil, frame))
			}
			movies[i].Panels = append(movies[i].Panels, out)
		}
	}
	return encode(map[string]any{"figureCSS": standaloneCSS(), "movies": movies})
}

// appendRounded writes coordinates to four significant digits: more than a
// screen shows.
func appendRounded(b []byte, values []float64) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		if !finite(v) {
			b = append(b, "null"...)
			continue
		}
		b = fmt.Appendf(b, "%.4g", v)
	}
	return append(b, ']')
}
