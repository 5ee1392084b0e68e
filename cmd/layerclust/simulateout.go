package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// simulated is what a simulation leaves: a page and the files beside it.
type simulated struct {
	page  report.Simulation
	files []report.SimulationFile
}

func (s *simulated) add(name string, data []byte) {
	s.files = append(s.files, report.SimulationFile{Name: name, Bytes: data})
}

// addCSV adds a table of numbers and words.
func (s *simulated) addCSV(name string, header []string, rows [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := errors.Join(w.Write(header), w.WriteAll(rows)); err != nil {
		return err
	}
	s.add(name, b.Bytes())
	return nil
}

// addJSON adds one JSON object.
func (s *simulated) addJSON(name string, v any) error {
	var b bytes.Buffer
	if err := writeJSON(&b, v); err != nil {
		return err
	}
	s.add(name, b.Bytes())
	return nil
}

// simulationFile says how a folder of a simulation came about. It is the one
// file that differs between two runs of the same command.
const simulationFile = "simulation.json"

// simulationOutput is the folder of a simulation.
type simulationOutput struct {
	dir, fingerprint string
	began            time.Time
}

// open refuses a folder that holds other results.
func (f *simulateFlags) open(args []string) (*simulationOutput, error) {
	o := &simulationOutput{dir: f.out, began: time.Now()}
	key := []any{version, f.preset, f.integrator, f.seed, f.seeds, f.n, f.d, f.compat, f.twin.key()}
	for _, path := range args {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, loader.InputErrorf("%w", err)
		}
		key = append(key, string(data))
	}
	o.fingerprint = digest(key)
	if info, err := os.Stat(o.dir); err == nil && !info.IsDir() {
		return nil, loader.InputErrorf("--out %s: it is not a folder", o.dir)
	}
	return o, o.checkFree(f.fresh)
}

func (o *simulationOutput) checkFree(fresh bool) error {
	for _, name := range []string{"config.json", "adapter_config.json"} {
		if _, err := os.Stat(filepath.Join(o.dir, name)); err == nil {
			return loader.InputErrorf("--out %s: it holds a %s: results do not go into the folder of a model or adapter", o.dir, name)
		}
	}
	if fresh {
		return nil
	}
	var old struct {
		Fingerprint string `json:"fingerprint"`
	}
	data, err := os.ReadFile(filepath.Join(o.dir, simulationFile))
	if err == nil && json.Unmarshal(data, &old) == nil && old.Fingerprint == o.fingerprint {
		return nil
	}
	for _, name := range []string{simulationFile, "run.json", "results.csv", "trajectory.json", "report.html"} {
		if _, err := os.Lstat(filepath.Join(o.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return loader.InputErrorf("--out %s: it holds other results (%s); choose another folder, or --fresh to replace them", o.dir, name)
		}
	}
	return nil
}

// write puts the results into the folder, simulation.json last.
func (o *simulationOutput) write(s *simulated) error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return loader.InputErrorf("--out: %w", err)
	}
	about := map[string]any{"tool": "layerclust " + version, "argv": os.Args, "fingerprint": o.fingerprint,
		"seconds": time.Since(o.began).Seconds(), "peak_rss_bytes": peakRSS()}
	if err := s.addJSON(simulationFile, about); err != nil {
		return err
	}
	return writeError(o.dir, report.WriteSimulation(o.dir, &s.page, s.files))
}

// tell sums up on stdout.
func (f *simulateFlags) tell(w io.Writer, s *simulated) error {
	page := filepath.Join(f.out, "report.html")
	if f.json {
		names := []string{"report.html"}
		for _, file := range s.files {
			names = append(names, file.Name)
		}
		return writeJSON(w, map[string]any{"out": f.out, "report": page, "files": names,
			"findings": nonNil(s.page.Findings), "warnings": nonNil(s.page.Notices)})
	}
	if f.quiet {
		return nil
	}
	for _, line := range s.page.Findings {
		fmt.Fprintf(w, "- %s\n", line)
	}
	for _, line := range s.page.Notices {
		fmt.Fprintf(w, "note: %s\n", line)
	}
	fmt.Fprintln(w, page)
	return nil
}

// exact writes a value at full precision, what is not a number as nothing.
func exact(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case math.IsInf(v, 1):
		return "inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// onGrid writes a time on a grid without the dust of its product.
func onGrid(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(math.Round(v*1e9)/1e9, 'f', -1, 64)
}

// short writes a value for a reader.
func short(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.IsInf(v, 0):
		return "none"
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}

// brief is short for a sentence.
func brief(v float64) string {
	if math.IsNaN(v) {
		return "undefined"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
