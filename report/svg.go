package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// drawing is an SVG in the making. It knows no colours: shapes carry classes,
// and figure.css says what those look like, in the page with the theme of the
// moment and in a file with the colours of light paper.
type drawing struct {
	width, height float64
	title         string // read out by screen readers
	body          strings.Builder
}

// page returns the drawing for the page, whose stylesheet has its colours.
func (d *drawing) page() string { return d.document("", "") }

// file returns the drawing as a file of its own.
func (d *drawing) file() string {
	background := fmt.Sprintf(`<rect class="paper" width="%s" height="%s"/>`, num(d.width), num(d.height))
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		d.document("<style>"+standaloneCSS()+"</style>\n", background+"\n") + "\n"
}

func (d *drawing) document(style, background string) string {
	return fmt.Sprintf(`<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-label="%s">`+"\n%s%s%s</svg>",
		num(d.width), num(d.height), num(d.width), num(d.height), html.EscapeString(printable(d.title)),
		style, background, d.body.String())
}

// text writes s at (x, y); anchor is start, middle or end.
func (d *drawing) text(x, y float64, class, anchor, s string) {
	fmt.Fprintf(&d.body, `<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`+"\n",
		num(x), num(y), class, anchor, html.EscapeString(printable(s)))
}

// upright writes s reading upwards, centred at (x, y).
func (d *drawing) upright(x, y float64, class, s string) {
	fmt.Fprintf(&d.body, `<text transform="translate(%s %s) rotate(-90)" class="%s" text-anchor="middle">%s</text>`+"\n",
		num(x), num(y), class, html.EscapeString(printable(s)))
}

// line draws from one point to another.
func (d *drawing) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&d.body, `<path class="%s" d="M%s %sL%s %s"/>`+"\n", class, num(x1), num(y1), num(x2), num(y2))
}

// path draws ready path data; none is nothing to draw.
func (d *drawing) path(class, data string) {
	if data != "" {
		fmt.Fprintf(&d.body, `<path class="%s" d="%s"/>`+"\n", class, data)
	}
}

// circle draws a circle.
func (d *drawing) circle(x, y, r float64, class string) {
	fmt.Fprintf(&d.body, `<circle cx="%s" cy="%s" r="%s" class="%s"/>`+"\n", num(x), num(y), num(r), class)
}

// box is path data of a filled rectangle.
func box(x, y, w, h float64) string {
	return "M" + num(x) + " " + num(y) + "h" + num(w) + "v" + num(h) + "h" + num(-w) + "z"
}

// num writes a coordinate to a hundredth, which no screen or printer resolves.
func num(v float64) string {
	r := math.Round(v*100) / 100
	if r == 0 {
		r = 0 // not "-0"
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}

// printable replaces the characters that XML forbids even when escaped.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\t' || c == '\n' || c == '\r':
			return ' '
		case c < 0x20 || c == 0xFFFE || c == 0xFFFF || (c >= 0xD800 && c <= 0xDFFF):
			return '\uFFFD'
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// clip shortens s to at most n characters, for places of fixed width.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "\u2026"
}

// scale maps a range of data to a range of coordinates.
type scale struct{ d0, d1, p0, p1 float64 }

func (s scale) at(v float64) float64 {
	if s.d1 == s.d0 {
		return (s.p0 + s.p1) / 2
	}
	if math.IsInf(s.d1-s.d0, 0) { // the ends of float64: halves have a difference
		return s.p0 + (v/2-s.d0/2)/(s.d1/2-s.d0/2)*(s.p1-s.p0)
	}
	return s.p0 + (v-s.d0)/(s.d1-s.d0)*(s.p1-s.p0)
}

// domain is the range of an axis that shows lo to hi: zero is taken in where
// it is near, and a little air is left where it is not the edge.
func domain(lo, hi float64) (float64, float64) {
	air, floor := hi/20-lo/20, math.Inf(-1)
	switch {
	case lo == hi:
		air = math.Max(math.Abs(lo)*0.1, 0.1)
	case lo >= 0 && lo < 0.4*hi:
		lo, floor = 0, 0
	case lo >= 0:
		floor = 0
	}
	return math.Max(math.Max(lo-air, floor), -math.MaxFloat64), math.Min(hi+air, math.MaxFloat64)
}

// ticks returns the round values between lo and hi, about n of them, and the
// text of each; the two ends alone where floats are too coarse for steps.
func ticks(lo, hi float64, n int) (values []float64, labels []string) {
	step := niceStep((hi - lo) / float64(n))
	if !(lo+step > lo && hi-step < hi) || !finite(step) {
		return []float64{lo, hi}, []string{short(lo), short(hi)}
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	first, last := math.Ceil(lo/step-1e-9), math.Floor(hi/step+1e-9)
	for k := first; k <= last; k++ {
		v := k * step
		values = append(values, v)
		labels = append(labels, tickText(v, step, decimals))
	}
	return values, labels
}

// niceStep is the smallest of 1, 2, 5 times a power of ten not below raw.
func niceStep(raw float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

func tickText(v, step float64, decimals int) string {
	if v == 0 {
		return "0"
	}
	if step < 1e-4 || step >= 1e5 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// label is a name that came from outside, short enough for a legend or a cell.
func label(s string) string { return clip(printable(s), 80) }
