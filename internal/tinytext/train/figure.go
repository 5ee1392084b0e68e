package main

import (
	"bytes"
	"fmt"
	"math"
)

// The figure has a panel for each run: the loss of the training texts as a thin
// line, of the held-out texts as a thick one, and what the two counting models
// reach, dashed.
const (
	panelWidth, panelHeight = 280, 200
	left, top, bottom, gap  = 44, 28, 34, 24
)

func (l *losses) figure() []byte {
	runs := []string{"base", "style", "task"}
	var b bytes.Buffer
	width, height := len(runs)*(panelWidth+left+gap), panelHeight+top+bottom
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" font-family="sans-serif" font-size="11">`+"\n", width, height, width)
	fmt.Fprintf(&b, "<title>Loss in nats per token by step</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height)
	for i, run := range runs {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i*(panelWidth+left+gap)+left, top)
		l.panel(&b, run)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// panel draws one run into panelWidth by panelHeight, losses on a logarithmic
// axis.
func (l *losses) panel(b *bytes.Buffer, run string) {
	last, low, high := 1, math.Inf(1), 0.0
	for _, r := range l.rows {
		if r.run == run {
			last, low, high = max(last, r.step), min(low, r.value), max(high, r.value)
		}
	}
	low, high = math.Log(low*0.9), math.Log(high*1.1)
	x := func(step int) float64 { return float64(step) / float64(last) * panelWidth }
	y := func(value float64) float64 { return (high - math.Log(value)) / (high - low) * panelHeight }
	fmt.Fprintf(b, `<text x="0" y="-10" font-weight="bold">%s: loss, nats per token</text>`+"\n", run)
	fmt.Fprintf(b, `<rect width="%d" height="%d" fill="none" stroke="#999999"/>`+"\n", panelWidth, panelHeight)
	for _, tick := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5} {
		if at := y(tick); at >= 0 && at <= panelHeight {
			fmt.Fprintf(b, `<path d="M0 %.1fH%d" stroke="#e0e0e0"/><text x="-5" y="%.1f" text-anchor="end">%g</text>`+"\n", at, panelWidth, at+4, tick)
		}
	}
	fmt.Fprintf(b, `<text x="0" y="%d">0</text><text x="%d" y="%d" text-anchor="end">step %d</text>`+"\n", panelHeight+15, panelWidth, panelHeight+15, last)
	for _, r := range l.rows {
		if r.run == run && (r.quantity == "unigram" || r.quantity == "bigram") {
			fmt.Fprintf(b, `<path d="M0 %.1fH%d" stroke="#555555" stroke-dasharray="4 3"/><text x="%d" y="%.1f" text-anchor="end" fill="#555555">%s %.2f</text>`+"\n",
				y(r.value), panelWidth, panelWidth-4, y(r.value)-3, r.quantity, r.value)
		}
	}
	l.curve(b, run, "train", "#d98a3d", 1, x, y)
	l.curve(b, run, "held-out", "#1f5f99", 2.5, x, y)
}

// curve draws one quantity, and names it with its last value.
func (l *losses) curve(b *bytes.Buffer, run, quantity, colour string, width float64, x func(int) float64, y func(float64) float64) {
	fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="%g" d="`, colour, width)
	command, final := 'M', 0.0
	for _, r := range l.rows {
		if r.run == run && r.quantity == quantity {
			fmt.Fprintf(b, "%c%.1f %.1f", command, x(r.step), y(r.value))
			command, final = 'L', r.value
		}
	}
	b.WriteString("\"/>\n")
	offset := 29
	if quantity == "train" {
		offset = 0
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s %.3f</text>`+"\n", 60+3*offset, panelHeight+15, colour, quantity, final)
}
