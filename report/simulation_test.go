package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sampleSimulation has one of everything, with text that would be markup if it
// were not escaped.
func sampleSimulation(tokens, frames int) *Simulation {
	const hostile = `<script>alert("&")</script>`
	labels := make([]int, tokens)
	panel := MoviePanel{Name: hostile, D: 3, Labels: labels}
	for k := range frames {
		frame := make([]float64, 3*tokens)
		for i := range frame {
			labels[i/3] = i / 3 % 8
			frame[i] = math.Sin(float64(i*(k+1))) * 4.321
		}
		panel.Times, panel.Frames = append(panel.Times, float64(k)/4), append(panel.Frames, frame)
		panel.Edges = append(panel.Edges, [][2]int{{0, 1}, {1, 2}})
	}
	cloud := CloudPanel{Name: hostile, D: 3, Frames: panel.Frames, Labels: labels, Edges: [][2]int{{0, 1}}}
	x := []float64{0.001, 0.01, 0.1}
	return &Simulation{Title: hostile, Lead: hostile, Findings: []string{hostile}, Notices: []string{hostile}, Command: hostile,
		Movies: []Movie{{Title: hostile, Caption: hostile, Panels: []MoviePanel{panel, panel}}},
		Clouds: []Clouds{{File: "cloud.svg", Title: hostile, Caption: hostile, Panels: []CloudPanel{cloud, cloud}}},
		Charts: []Chart{{File: "chart.svg", Title: hostile, XLabel: hostile, YLabel: hostile, LogX: true, LogY: true, Diagonal: true,
			Series: []XYSeries{{Name: hostile, X: x, Y: []float64{1, math.NaN(), 100}, Lo: []float64{1, 2, 3}, Hi: []float64{2, 3, 200}, Mark: Ring},
				{Name: "dots", X: x, Y: []float64{-1, 0, math.Inf(1)}, Mark: Dot, NoLine: true}}}},
		Tables: []SimTable{{ID: "t", Title: hostile, Header: []string{hostile}, Rows: [][]string{{hostile}}}},
		Facts:  [][2]string{{hostile, hostile}}}
}

// The page runs and loads nothing but its own, whatever the names in it are.
func TestSimulationPage(t *testing.T) {
	dir := t.TempDir()
	files := []SimulationFile{{"results.csv", []byte("a\n1\n")}, {"simulation.json", []byte("{}\n")}}
	if err := WriteSimulation(dir, sampleSimulation(5, 4), files); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	if strings.Contains(page, `alert("`) || strings.Contains(page, " style=") {
		t.Error("a text has become markup, or there is a style that the policy would refuse")
	}
	for name, text := range map[string]string{"style": element(t, page, "<style>", "</style>"), "script": element(t, page, "<script>", "</script>")} {
		if want := strings.ReplaceAll(digest(text), "+", "&#43;"); !strings.Contains(page, name+"-src &#39;"+want) {
			t.Errorf("the policy does not name the %s by its hash", name)
		}
	}
	for _, name := range []string{"results.csv", "simulation.json", "figures/chart.svg", "figures/cloud.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// As many tokens and frames as a view may have leave the page within its size.
func TestSimulationPageSize(t *testing.T) {
	s := sampleSimulation(200, 161)
	page, err := s.render(s.figures())
	if err != nil {
		t.Fatal(err)
	}
	if len(page) > maxPage {
		t.Errorf("the page has %d bytes, more than %d", len(page), maxPage)
	}
}

func TestSimulationFiguresAreXML(t *testing.T) {
	for _, f := range sampleSimulation(5, 4).figures() {
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
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
				t.Errorf("%s: an element script", f.File)
			}
		}
		if strings.Contains(f.SVG.file(), "NaN") {
			t.Errorf("%s: a coordinate that is none", f.File)
		}
	}
}

func TestSimulationScriptParses(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node here")
	}
	js, err := joined(simulationScripts)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "simulation.js")
	if err := os.WriteFile(path, []byte(js), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, "--check", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// By hand: 1, 2 and 5 in each decade, as far as the axis goes.
func TestLogTicks(t *testing.T) {
	c := &Chart{LogX: true, XRange: [2]float64{0.4, 60}}
	var got []string
	for _, tick := range c.axis(c.XRange, true, nil, 0, 100).ticks(5) {
		got = append(got, tick.text)
	}
	if want := "0.5 1 2 5 10 20 50"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
