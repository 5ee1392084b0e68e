package report

import (
	"io"

	"github.com/layerclust/layerclust/analyze"
)

// WriteRun replaces run.json alone: its timings and peak memory are known only
// after everything else has been written.
func WriteRun(dir string, run analyze.RunInfo) error {
	s := &stage{dir: dir}
	defer s.discard()
	if err := s.add(runFile, func(w io.Writer) error { return writeRun(w, &analyze.Result{Run: run}) }); err != nil {
		return err
	}
	return s.commit()
}
