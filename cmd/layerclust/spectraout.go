package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// Files of spectra. The first says that the folder is complete, and is the one
// that differs between two calls of the same.
const (
	spectraName  = "spectra.json"
	valuesName   = "spectra.csv"
	overlapsName = "overlaps.csv"
	joinsName    = "join.csv"
)

// spectraOutputs are the entries of the folder that spectra writes, beside
// figures of its own names.
var spectraOutputs = []string{valuesName, overlapsName, joinsName, "report.html", "report.md", spectraName}

// spectraOutput is the folder on its way: everything is written into a folder
// inside it and moved when all of it is there.
type spectraOutput struct {
	dir     string
	partial string // inside dir
	made    bool   // dir was not there before
	lock    *flock.Flock
}

// openSpectraOutput makes dir where need be, and refuses one that holds other
// results, unless fresh allows them to be replaced.
func openSpectraOutput(dir string, fresh bool, fingerprint string) (*spectraOutput, error) {
	if !fresh {
		if err := checkSpectraFree(dir, fingerprint); err != nil {
			return nil, err
		}
	}
	lock, made, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	o := &spectraOutput{dir: dir, partial: filepath.Join(dir, partialDir), made: made, lock: lock}
	if err := errors.Join(os.RemoveAll(o.partial), os.Mkdir(o.partial, 0o755)); err != nil {
		o.discard()
		return nil, writeError(dir, err)
	}
	return o, nil
}

// checkSpectraFree looks for results that are not to be replaced: those of
// another call, or of a run, one that was stopped half way among them.
func checkSpectraFree(dir, fingerprint string) error {
	if readOwner(filepath.Join(dir, spectraName)).Fingerprint == fingerprint {
		return nil
	}
	for _, name := range append([]string{runName, simulationFile, "metrics.csv", filepath.Join(partialDir, jobName)}, spectraOutputs...) {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return loader.InputErrorf("--out %s: it holds other results (%s); choose another folder, or --fresh to replace them", dir, name)
		}
	}
	return nil
}

// commit moves what was written into place: spectra.json is the first to go and
// the last to come. Figures of another call that has none of this one's go too.
func (o *spectraOutput) commit() error {
	var entries []string
	for _, name := range report.SpectraFigureFiles() {
		entries = append(entries, filepath.Join(figuresName, name))
	}
	entries = append(entries, spectraOutputs...)
	for _, name := range slices.Backward(entries) {
		if err := os.Remove(filepath.Join(o.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return writeError(o.dir, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(o.dir, figuresName), 0o755); err != nil {
		return writeError(o.dir, err)
	}
	for _, name := range entries {
		err := os.Rename(filepath.Join(o.partial, name), filepath.Join(o.dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return writeError(o.dir, err)
		}
	}
	os.Remove(filepath.Join(o.dir, figuresName)) // where it stayed empty
	return nil
}

// discard removes what is left of the folder on its way, and a folder that was
// made for nothing.
func (o *spectraOutput) discard() {
	os.RemoveAll(o.partial)
	os.Remove(o.lock.Path())
	o.lock.Unlock() //nolint:errcheck // the file is gone with its lock
	if o.made {
		os.Remove(o.dir) // fails where something is in it
	}
}

// write writes the tables, the page and spectra.json.
func (j *spectraJob) write(f *spectraFlags) error {
	tables := []struct {
		name  string
		write func(io.Writer, *spectra.Result) error
	}{{valuesName, writeValues}, {overlapsName, writeOverlaps}, {joinsName, writeJoins}}
	for _, t := range tables {
		if err := writeFile(filepath.Join(j.out.partial, t.name), func(w io.Writer) error { return t.write(w, j.result) }); err != nil {
			return writeError(f.out, err)
		}
	}
	if err := j.addDigests(); err != nil {
		return err
	}
	if err := j.page(); err != nil {
		return writeError(f.out, err)
	}
	j.lap("report")
	j.info.Timings["total_s"] = time.Since(j.start).Seconds()
	j.info.PeakRSS = peakRSS()
	err := writeFile(filepath.Join(j.out.partial, spectraName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(&j.info)
	})
	if err != nil {
		return writeError(f.out, err)
	}
	return j.out.commit()
}

// page draws report.html, report.md and the figures into the folder on its way.
func (j *spectraJob) page() error {
	return report.WriteSpectra(j.out.partial, j.info, j.result)
}

// addDigests completes what spectra.json says of the inputs with their digests.
func (j *spectraJob) addDigests() error {
	sums, err := j.digests.Wait()
	if err != nil {
		return unreadable(err)
	}
	if j.model != nil {
		c := j.model.Config
		j.info.Model = &analyze.ModelInfo{Path: j.source, Type: c.ModelType, Layers: c.NumLayers, Hidden: c.HiddenSize,
			Heads: c.NumHeads, SHA256: digestsOf(j.model.Dir, j.modelFiles(), sums), Config: c.Raw}
	}
	for i, a := range j.adapters {
		info := &j.info.Adapters[i]
		info.SHA256 = digestsOf(a.Dir, a.Files(), sums)
		info.RelativeNorm, info.RelativeMax = relativeNorms(j.result.Values, a.Name)
	}
	j.info.Warnings = nonNil(j.info.Warnings)
	return nil
}

// relativeNorms are |W'-W|_F / |W|_F of a variant over the modules that it changes
// together, and the largest of one; 0 where the weights were not looked at.
func relativeNorms(values []spectra.Value, variant string) (all, most float64) {
	type module struct {
		layer int
		name  string
	}
	norms, relative := map[module]float64{}, map[module]float64{}
	var order []module
	for _, v := range values {
		at := module{v.Layer, v.Module}
		switch {
		case v.Variant != variant:
		case v.Quantity == "delta_norm" && norms[at] == 0, v.Quantity == "effective_norm": // the latter counts, of DoRA
			norms[at] = v.Re
		case v.Quantity == "relative_norm" && v.Re > 0:
			relative[at] = v.Re
			order = append(order, at)
		}
	}
	var update, base float64
	for _, at := range order {
		update = math.Hypot(update, norms[at])
		base = math.Hypot(base, norms[at]/relative[at])
		most = max(most, relative[at])
	}
	if base > 0 {
		all = update / base
	}
	return all, most
}

// writeFile writes a new file through a buffer.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<16)
	return errors.Join(write(w), w.Flush(), file.Close())
}

// writeTable writes rows as CSV.
func writeTable(w io.Writer, header string, rows func(row func(...string) error) error) error {
	c := csv.NewWriter(w)
	if err := c.Write(strings.Split(header, ",")); err != nil {
		return err
	}
	err := rows(func(fields ...string) error { return c.Write(fields) })
	c.Flush()
	return errors.Join(err, c.Error())
}

func writeValues(w io.Writer, r *spectra.Result) error {
	return writeTable(w, "variant,layer,module,head,quantity,index,re,im", func(row func(...string) error) error {
		for _, v := range r.Values {
			if err := row(v.Variant, indexText(v.Layer), v.Module, indexText(v.Head), v.Quantity, strconv.Itoa(v.Index), digits(v.Re), digits(v.Im)); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeOverlaps(w io.Writer, r *spectra.Result) error {
	return writeTable(w, "a,b,layer_a,layer_b,module,side,rank_a,rank_b,phi,random,angles", func(row func(...string) error) error {
		for _, o := range r.Overlaps {
			angles := make([]string, len(o.Angles))
			for i, a := range o.Angles {
				angles[i] = digits(a)
			}
			if err := row(o.A, o.B, indexText(o.LayerA), indexText(o.LayerB), o.Module, o.Side, strconv.Itoa(o.RankA), strconv.Itoa(o.RankB),
				digits(o.Phi), digits(o.Random), strings.Join(angles, " ")); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeJoins writes one row a layer; what is of the whole join stands in each.
func writeJoins(w io.Writer, r *spectra.Result) error {
	return writeTable(w, "adapter,covariate,target,mask,layer,x,y,x_rest,y_rest,rho,p,shifts,p_max,p_holm", func(row func(...string) error) error {
		for _, j := range r.Joins {
			for _, p := range j.Points {
				if err := row(j.Adapter, j.Covariate, j.Target, j.Mask, strconv.Itoa(p.Layer), digits(p.X), digits(p.Y), digits(p.XRest), digits(p.YRest),
					digits(j.Rho), digits(j.P), strconv.Itoa(j.Shifts), digits(j.PMax), digits(j.PHolm)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// indexText writes a block or a head; that of none, -1, as nothing.
func indexText(n int) string {
	if n < 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// digits writes a value so that reading it gives the same; what is undefined as
// nothing.
func digits(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// tell sums up on stdout.
func (f *spectraFlags) tell(w io.Writer, j *spectraJob) error {
	page := filepath.Join(f.out, "report.html")
	if f.json {
		return writeJSON(w, map[string]any{"out": f.out, "report": page, "values": filepath.Join(f.out, valuesName),
			"findings": nonNil(j.findings), "predictions": j.info.Predictions, "warnings": j.info.Warnings, "adapters": j.info.Adapters,
			"provider": j.info.Provider, "timings": j.info.Timings, "peak_rss_bytes": j.info.PeakRSS})
	}
	if f.quiet {
		return nil
	}
	for _, line := range append(j.findings, j.info.Predictions...) {
		fmt.Fprintf(w, "- %s\n", line)
	}
	_, err := fmt.Fprintf(w, "%s (%.1f s, %s)\n", page, j.info.Timings["total_s"], memoryNow())
	return err
}
