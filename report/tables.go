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

func writeMetricsHeader(w io.Writer) error    { return writeRecords(w, [][]string{metricsHeader}) }
func writeHistogramsHeader(w io.Writer) error { return writeRecords(w, [][]string{histogramsHeader}) }

func writeRecords(w io.Writer, records [][]string) error { return csv.NewWriter(w).WriteAll(records) }

// writeMetrics writes lines of metrics.csv: one a Row, floats as the shortest
// text that reads back as the same float64.
func writeMetrics(w io.Writer, t *analyze.Tables) error {
	c := csv.NewWriter(w)
	record := make([]string, len(metricsHeader))
	for i := range t.Metrics {
		m := &t.Metrics[i]
		err := c.Write(append(record[:0], m.Variant, m.Prompt, m.Layer, m.Site, m.Metric, m.Mask,
			formatFloat(m.Value), formatOptional(m.Lo), formatOptional(m.Hi), strconv.Itoa(m.N)))
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// writeHistograms writes lines of histograms.csv: one a bin.
func writeHistograms(w io.Writer, t *analyze.Tables) error {
	c := csv.NewWriter(w)
	record := make([]string, len(histogramsHeader))
	var edges [analyze.HistogramBins + 1]string // the same in every histogram
	for i := range edges {
		edges[i] = formatFloat(binEdge(i))
	}
	for _, h := range t.Histograms {
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

// writeClusters writes lines of clusters.jsonl: one JSON object a Partition.
func writeClusters(w io.Writer, t *analyze.Tables) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range t.Partitions {
		if err := enc.Encode(&t.Partitions[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeRun writes run.json, indented for reading.
func writeRun(w io.Writer, run *analyze.RunInfo) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(run)
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
