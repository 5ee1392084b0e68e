package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/layerclust/layerclust/analyze"
)

// The headers of the tables, which scripts rely on.
var (
	metricsHeader    = []string{"variant", "prompt", "layer", "site", "metric", "mask", "value", "lo", "hi", "n"}
	histogramsHeader = []string{"variant", "prompt", "layer", "site", "mask", "lo", "hi", "count"}
)

// writeMetrics writes metrics.csv: one line a Row, floats as the shortest text
// that reads back as the same float64.
func writeMetrics(w io.Writer, r *analyze.Result) error {
	c := csv.NewWriter(w)
	record := append([]string(nil), metricsHeader...)
	err := c.Write(record)
	for i := 0; err == nil && i < len(r.Metrics); i++ {
		m := &r.Metrics[i]
		err = c.Write(append(record[:0], m.Variant, m.Prompt, m.Layer, m.Site, m.Metric, m.Mask,
			formatFloat(m.Value), formatOptional(m.Lo), formatOptional(m.Hi), strconv.Itoa(m.N)))
	}
	if err != nil {
		return err
	}
	c.Flush()
	return c.Error()
}

// writeHistograms writes histograms.csv: one line a bin.
func writeHistograms(w io.Writer, r *analyze.Result) error {
	c := csv.NewWriter(w)
	record := append([]string(nil), histogramsHeader...)
	if err := c.Write(record); err != nil {
		return err
	}
	var edges [analyze.HistogramBins + 1]string // the same in every histogram
	for i := range edges {
		edges[i] = formatFloat(binEdge(i))
	}
	for _, h := range r.Histograms {
		if len(h.Counts) != analyze.HistogramBins {
			return fmt.Errorf("histogram of %q, prompt %q, layer %s has %d bins, want %d",
				h.Variant, h.Prompt, h.Layer, len(h.Counts), analyze.HistogramBins)
		}
		for i, n := range h.Counts {
			err := c.Write(append(record[:0], h.Variant, h.Prompt, h.Layer, h.Site, h.Mask,
				edges[i], edges[i+1], strconv.Itoa(int(n))))
			if err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

// writeClusters writes clusters.jsonl: one JSON object a Partition.
func writeClusters(w io.Writer, r *analyze.Result) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range r.Partitions {
		if err := enc.Encode(&r.Partitions[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeRun writes run.json, indented for reading.
func writeRun(w io.Writer, r *analyze.Result) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(&r.Run)
}

// binEdge is the lower edge of bin i of a Histogram. Dividing integers once
// keeps it the float64 nearest to the decimal, so that it prints as -0.98.
func binEdge(i int) float64 {
	const half = analyze.HistogramBins / 2
	return float64(i-half) / half
}

// formatFloat is the shortest text that parses back to the same float64.
func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// formatOptional is formatFloat, or nothing for NaN.
func formatOptional(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return formatFloat(v)
}
