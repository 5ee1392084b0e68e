package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// readMetrics reads metrics.csv.
func readMetrics(path string, names *names) ([]analyze.Row, error) {
	var out []analyze.Row
	err := eachMetric(path, names, func(row analyze.Row) error {
		if !names.shown[row.Prompt] {
			return nil
		}
		if len(out) == maxRows {
			return fmt.Errorf("more than %d rows", maxRows)
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// eachMetric gives the rows of metrics.csv one by one.
func eachMetric(path string, names *names, use func(analyze.Row) error) error {
	return eachRecord(path, metricsHeader, func(rec []string) error {
		row, err := parseRow(rec, names)
		if err != nil {
			return err
		}
		return use(row)
	})
}

// parseRow reads one line of metrics.csv; the order is metricsHeader's.
func parseRow(rec []string, names *names) (analyze.Row, error) {
	row := analyze.Row{Key: names.key(rec), Metric: names.one(rec[4]), Mask: names.one(rec[5])}
	if err := names.check(row.Variant, row.Prompt, row.Layer, row.Site, row.Mask); err != nil {
		return row, err
	}
	if row.Metric == "" {
		return row, errors.New("metric is empty")
	}
	var err error
	if row.Value, err = strconv.ParseFloat(rec[6], 64); err != nil {
		return row, fmt.Errorf("value=%.100q is not a number", rec[6])
	}
	if row.Lo, err = parseOptional(rec[7]); err != nil {
		return row, fmt.Errorf("lo=%.100q is not a number", rec[7])
	}
	if row.Hi, err = parseOptional(rec[8]); err != nil {
		return row, fmt.Errorf("hi=%.100q is not a number", rec[8])
	}
	if row.N, err = strconv.Atoi(rec[9]); err != nil || row.N < 0 {
		return row, fmt.Errorf("n=%.100q is not a count", rec[9])
	}
	return row, nil
}

// readHistograms reads histograms.csv. The bins of a histogram stand together
// and in order; a histogram that is cut short is refused.
func readHistograms(path string, names *names) ([]analyze.Histogram, error) {
	var out []analyze.Histogram
	var h analyze.Histogram // whose bins are being read
	err := eachRecord(path, histogramsHeader, func(rec []string) error {
		bin := len(h.Counts) % analyze.HistogramBins
		if bin == 0 {
			h = analyze.Histogram{Key: names.key(rec), Mask: names.one(rec[4]), Counts: make([]int32, 0, analyze.HistogramBins)}
			if err := names.check(h.Variant, h.Prompt, h.Layer, h.Site, h.Mask); err != nil {
				return err
			}
			if len(out) == maxRows/analyze.HistogramBins {
				return fmt.Errorf("more than %d histograms", maxRows/analyze.HistogramBins)
			}
		}
		if err := addBin(&h, bin, rec); err != nil {
			return err
		}
		if bin == analyze.HistogramBins-1 && names.shown[h.Prompt] {
			out = append(out, h)
		}
		return nil
	})
	if n := len(h.Counts); err == nil && n%analyze.HistogramBins != 0 {
		err = fmt.Errorf("%s: the last histogram has %d bins, want %d", path, n, analyze.HistogramBins)
	}
	return out, err
}

// addBin appends the count of one line to the histogram it must belong to.
func addBin(h *analyze.Histogram, bin int, rec []string) error {
	key := []string{h.Variant, h.Prompt, h.Layer, h.Site, h.Mask}
	if !slices.Equal(key, rec[:5]) {
		return fmt.Errorf("%s: a new histogram begins after %d of %d bins",
			quoteAll(rec[:5]), bin, analyze.HistogramBins)
	}
	if lo, err := strconv.ParseFloat(rec[5], 64); err != nil || lo != binEdge(bin) {
		return fmt.Errorf("lo=%.100q, want %s", rec[5], formatFloat(binEdge(bin)))
	}
	if hi, err := strconv.ParseFloat(rec[6], 64); err != nil || hi != binEdge(bin+1) {
		return fmt.Errorf("hi=%.100q, want %s", rec[6], formatFloat(binEdge(bin+1)))
	}
	n, err := strconv.ParseUint(rec[7], 10, 31)
	if err != nil {
		return fmt.Errorf("count=%.100q is not a count", rec[7])
	}
	h.Counts = append(h.Counts, int32(n))
	return nil
}

// eachRecord calls f with every record of a CSV file after its header. The
// record is valid during the call only.
func eachRecord(path string, header []string, f func([]string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	limit := &recordLimit{r: file, left: maxRecord}
	c := csv.NewReader(limit)
	c.ReuseRecord = true
	c.FieldsPerRecord = len(header)
	for first := true; ; first = false {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil {
			return csvError(path, err)
		}
		limit.left = maxRecord
		if first {
			if !slices.Equal(rec, header) {
				return fmt.Errorf("%s:1: header is %s, want %q", path, quoteAll(rec), strings.Join(header, ","))
			}
			continue
		}
		line, _ := c.FieldPos(0)
		if err := f(rec); err != nil {
			return fmt.Errorf("%s:%d: %w", path, line, err)
		}
	}
}

// csvError names the file and line of what encoding/csv has found.
func csvError(path string, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: empty file, not even a header", path)
	}
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("%s:%d: %w", path, p.Line, p.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// recordLimit is a reader that fails when one record asks for too much: an
// opening quote that nothing closes would otherwise swallow the whole file.
type recordLimit struct {
	r    io.Reader
	left int // bytes until the failure; reset at each record
}

func (l *recordLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a record is longer than %d bytes", maxRecord)
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// quoteAll shows the fields of a record in a message, each bounded.
func quoteAll(rec []string) string {
	var b strings.Builder
	for i, s := range rec {
		if i > 0 {
			b.WriteByte(',')
		}
		if len(s) > 64 {
			s = s[:64]
		}
		b.WriteString(strconv.Quote(s))
	}
	return b.String()
}
