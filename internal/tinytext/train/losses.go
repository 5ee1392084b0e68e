package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// losses is the log of a training: what was lost when, in nats per token.
type losses struct {
	path string
	rows []loss
}

type loss struct {
	run      string // base, style or task
	step     int
	quantity string // train, held-out, unigram or bigram
	value    float64
}

// open reads what an earlier part of the training has logged.
func (l *losses) open(path string) error {
	l.path = path
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, r := range records[1:] {
		step, err := strconv.Atoi(r[1])
		if err != nil {
			return fmt.Errorf("%s: step %q is not a number", path, r[1])
		}
		value, err := strconv.ParseFloat(r[3], 64)
		if err != nil {
			return fmt.Errorf("%s: loss %q is not a number", path, r[3])
		}
		l.rows = append(l.rows, loss{r[0], step, r[2], value})
	}
	return nil
}

// add states a loss, in the place of one of the same step, which a resumed run
// computes again.
func (l *losses) add(run string, step int, quantity string, value float64) {
	fmt.Printf("%-6s %5d  %-8s  %.4f\n", run, step, quantity, value)
	for i, r := range l.rows {
		if r.run == run && r.step == step && r.quantity == quantity {
			l.rows[i].value = value
			return
		}
	}
	l.rows = append(l.rows, loss{run, step, quantity, value})
}

func (l *losses) save() error { return os.WriteFile(l.path, l.csv(), 0o666) }

func (l *losses) csv() []byte {
	var b bytes.Buffer
	b.WriteString("run,step,quantity,nats_per_token\n")
	for _, r := range l.rows {
		fmt.Fprintf(&b, "%s,%d,%s,%.6f\n", r.run, r.step, r.quantity, r.value)
	}
	return b.Bytes()
}

// write writes the log and its figure.
func (l *losses) write(log, figure string) error {
	return errors.Join(os.WriteFile(log, l.csv(), 0o666), os.WriteFile(figure, l.figure(), 0o666))
}
