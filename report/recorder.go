package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/analyze"
)

// Recorder writes an output folder whose tables come part by part: those of many
// prompts are larger than memory should hold. In the tables the rows of a
// variant stand together, while the parts go from prompt to prompt, so each
// variant has files of its own until the end.
type Recorder struct {
	dir      string
	variants int
	buffer   bytes.Buffer
}

// tables are the files of a Recorder, in the order in which they are put into
// place.
var tables = []struct {
	name   string
	header func(io.Writer) error
	write  func(io.Writer, *analyze.Tables) error
}{
	{metricsFile, writeMetricsHeader, writeMetrics},
	{histogramsFile, writeHistogramsHeader, writeHistograms},
	{clustersFile, func(io.Writer) error { return nil }, writeClusters},
}

// NewRecorder begins a folder, which it makes if need be. Either Finish or
// Discard must end it.
func NewRecorder(dir string, variants int) (*Recorder, error) {
	r := &Recorder{dir: dir, variants: variants}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for i, t := range tables {
		for v := range variants {
			r.buffer.Reset()
			if v == 0 {
				if err := t.header(&r.buffer); err != nil {
					return nil, err
				}
			}
			if err := os.WriteFile(r.share(i, v), r.buffer.Bytes(), 0o644); err != nil {
				r.Discard()
				return nil, err
			}
		}
	}
	return r, nil
}

// share is the file of a variant's share of a table.
func (r *Recorder) share(table, variant int) string {
	return filepath.Join(r.dir, fmt.Sprintf(".%s.%d", tables[table].name, variant))
}

// Add records a part of the tables of one variant, behind those before.
func (r *Recorder) Add(variant int, part *analyze.Tables) error {
	for i, t := range tables {
		r.buffer.Reset()
		if err := t.write(&r.buffer, part); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(r.dir, t.name), err)
		}
		if r.buffer.Len() == 0 {
			continue
		}
		if err := appendFile(r.share(i, variant), func(f io.Writer) error { _, err := f.Write(r.buffer.Bytes()); return err }); err != nil {
			return err
		}
	}
	return nil
}

// appendFile adds to the end of a file. None stays open, since a folder of many
// checkpoints has many variants.
func appendFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	err = write(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// Finish puts every file of the contract into the folder: the tables, and what
// is drawn of res, whose rows are those of the tables or, as RunInfo.Detailed
// has it, a part of them. All files are first complete beside their places and
// renamed only then: a full disk leaves what was there before.
func (r *Recorder) Finish(res *analyze.Result) error {
	defer r.Discard()
	s := &stage{dir: r.dir}
	defer s.discard()
	for i, t := range tables {
		for v := 1; v < r.variants; v++ {
			if err := r.join(i, v); err != nil {
				return err
			}
		}
		s.pending = append(s.pending, pending{r.share(i, 0), filepath.Join(r.dir, t.name)})
	}
	if err := stageRenderings(s, res); err != nil {
		return err
	}
	// Last of all, because its presence says that the folder is complete.
	if err := s.add(runFile, func(w io.Writer) error { return writeRun(w, &res.Run) }); err != nil {
		return err
	}
	return s.commit()
}

// join moves a variant's share of a table behind the first.
func (r *Recorder) join(table, variant int) error {
	from, err := os.Open(r.share(table, variant))
	if err != nil {
		return err
	}
	err = appendFile(r.share(table, 0), func(f io.Writer) error { _, err := io.Copy(f, from); return err })
	from.Close()
	if err != nil {
		return err
	}
	return os.Remove(r.share(table, variant))
}

// Discard removes what has not become part of the folder; after Finish that is
// nothing.
func (r *Recorder) Discard() {
	for i := range tables {
		for v := range r.variants {
			os.Remove(r.share(i, v))
		}
	}
}
