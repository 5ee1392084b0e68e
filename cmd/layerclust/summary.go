package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/report"
)

// summary says on stdout what was found and where it is.
func (f *outputFlags) summary(w io.Writer, r *analyze.Result) error {
	page := filepath.Join(f.out, "report.html")
	if f.json {
		return writeJSON(w, map[string]any{
			"out": f.out, "report": page, "findings": nonNil(report.Headlines(r)), "warnings": r.Run.Warnings,
			"adapters": r.Run.Adapters, "timings": r.Run.Timings, "peak_rss_bytes": r.Run.PeakRSSBytes,
		})
	}
	if f.quiet {
		return nil
	}
	for _, a := range r.Run.Adapters {
		if a.ModulesApplied > 0 { // unknown where the states are another tool's
			fmt.Fprintf(w, "%s: %d modules applied, |ΔW|/|W| %.3g\n", a.Name, a.ModulesApplied, a.RelativeNorm)
		}
	}
	for _, line := range report.Headlines(r) {
		fmt.Fprintf(w, "- %s\n", line)
	}
	fmt.Fprintf(w, "%s (%.1f s, %s)\n", page, r.Run.Timings.Total, memoryNow())
	return nil
}

// writeJSON writes one JSON object on one line.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// nonNil makes an empty list of nil, so that JSON says [] and not null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
