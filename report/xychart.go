package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Chart is a plot of series over two axes, each linear or logarithmic.
type Chart struct {
	File, Title, Caption string
	XLabel, YLabel       string
	LogX, LogY           bool
	XRange, YRange       [2]float64 // both 0: as the data have it
	Diagonal             bool       // draw y = x, and name it
	WholeX               bool       // only whole numbers are marked on x
	Series               []XYSeries
}

// XYSeries is one line, cloud of marks, or band of a chart. What is not finite
// is left out and breaks a line.
type XYSeries struct {
	Name   string
	Color  int // 0 is ink, 1 to 6 the palette
	Dash   int // 0 to 3
	X, Y   []float64
	Lo, Hi []float64 // a band, or nil
	Mark   Mark
	NoLine bool
}

// Mark is how the points of a series are drawn.
type Mark int

// The marks.
const (
	NoMark Mark = iota
	Dot
	Ring
)

func (s *XYSeries) class() string { return fmt.Sprintf("s%d d%d", s.Color%7, s.Dash%4) }

// draw lays the chart out: title, legend, plot, axes.
func (c *Chart) draw() *drawing {
	d := &drawing{width: chartWidth, title: c.Title}
	d.text(marginLeft-44, 24, "title", "start", c.Title)
	top := c.legend(d, 46) + 20
	bottom := top + plotHeight + 30
	d.height = bottom + marginFoot
	right := chartWidth - marginRight
	x := c.axis(c.XRange, c.LogX, func(s *XYSeries) [][]float64 { return [][]float64{s.X} }, marginLeft, right)
	y := c.axis(c.YRange, c.LogY, func(s *XYSeries) [][]float64 { return [][]float64{s.Y, s.Lo, s.Hi} }, bottom, top)
	for _, t := range y.ticks(5) {
		d.line(marginLeft, y.at(t.value), right, y.at(t.value), "grid")
		d.text(marginLeft-8, y.at(t.value)+4, "tick", "end", t.text)
	}
	d.upright(20, (top+bottom)/2, "label", c.YLabel)
	d.line(marginLeft, bottom, right, bottom, "axis")
	for _, t := range x.ticks(8) {
		if c.WholeX && t.value != math.Trunc(t.value) {
			continue
		}
		if c.WholeX {
			t.text = strconv.FormatFloat(t.value+0, 'f', -1, 64) // 0 for -0
		}
		d.line(x.at(t.value), bottom, x.at(t.value), bottom+5, "axis")
		d.text(x.at(t.value), bottom+18, "tick", "middle", t.text)
	}
	d.text((marginLeft+right)/2, bottom+38, "label", "middle", c.XLabel)
	if c.Diagonal {
		lo, hi := math.Max(x.lo, y.lo), math.Min(x.hi, y.hi)
		d.line(x.at(lo), y.at(lo), x.at(hi), y.at(hi), "axis")
	}
	for i := range c.Series {
		c.Series[i].drawBand(d, x, y)
	}
	for i := len(c.Series) - 1; i >= 0; i-- {
		c.Series[i].draw(d, x, y)
	}
	return d
}

// legend writes the names in rows and returns the height where they end.
func (c *Chart) legend(d *drawing, y float64) float64 {
	const charWidth = 6.6 // of the 12 px font, on the wide side
	at := marginLeft - 44
	for i := range c.Series {
		s := &c.Series[i]
		if s.Name == "" {
			continue
		}
		name := clip(s.Name, 60)
		w := 34 + charWidth*float64(len([]rune(name))) + 14
		if at+w > chartWidth && at > marginLeft {
			at, y = marginLeft-44, y+18
		}
		switch {
		case s.Y == nil:
			d.path("band "+s.class(), box(at, y-10, 24, 12))
		case s.NoLine:
			s.mark(d, at+12, y-4)
		default:
			d.line(at, y-4, at+24, y-4, "line "+s.class())
			s.mark(d, at+12, y-4)
		}
		d.text(at+31, y, "", "start", name)
		at += w
	}
	return y
}

// plotAxis maps data to coordinates.
type plotAxis struct {
	lo, hi float64
	log    bool
	scale  scale
}

// axis fits an axis to the data, or to the range that the chart asks for.
func (c *Chart) axis(asked [2]float64, log bool, of func(*XYSeries) [][]float64, p0, p1 float64) plotAxis {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range c.Series {
		for _, list := range of(&c.Series[i]) {
			for _, v := range list {
				if finite(v) && (!log || v > 0) {
					lo, hi = math.Min(lo, v), math.Max(hi, v)
				}
			}
		}
	}
	switch {
	case asked != [2]float64{}:
		lo, hi = asked[0], asked[1]
	case lo > hi:
		lo, hi = 0.5, 1
	case log:
		air := math.Max(math.Pow(hi/lo, 0.04), 1.02)
		lo, hi = math.Max(lo/air, math.SmallestNonzeroFloat64), math.Min(hi*air, math.MaxFloat64)
	default:
		lo, hi = domain(lo, hi)
	}
	a := plotAxis{lo: lo, hi: hi, log: log}
	a.scale = scale{a.f(lo), a.f(hi), p0, p1}
	return a
}

func (a plotAxis) f(v float64) float64 {
	if a.log {
		return math.Log10(v)
	}
	return v
}

// at is the coordinate of v, held at the edges of the plot.
func (a plotAxis) at(v float64) float64 {
	return a.scale.at(a.f(math.Max(a.lo, math.Min(a.hi, v))))
}

// within says whether v can be shown.
func (a plotAxis) within(v float64) bool { return finite(v) && (!a.log || v > 0) }

type tick struct {
	value float64
	text  string
}

// ticks of a logarithmic axis are 1, 2, 5 times powers of ten, or the powers
// alone where there are many.
func (a plotAxis) ticks(n int) []tick {
	var out []tick
	if !a.log {
		values, labels := ticks(a.lo, a.hi, n)
		for i, v := range values {
			out = append(out, tick{v, labels[i]})
		}
		return out
	}
	steps := []float64{1, 2, 5}
	if math.Log10(a.hi/a.lo) > 3 {
		steps = steps[:1]
	}
	for k := math.Floor(math.Log10(a.lo)); k <= math.Ceil(math.Log10(a.hi)); k++ {
		for _, m := range steps {
			if v, _ := strconv.ParseFloat(fmt.Sprintf("%ge%d", m, int(k)), 64); finite(v) && v >= a.lo*(1-1e-9) && v <= a.hi*(1+1e-9) {
				out = append(out, tick{v, strconv.FormatFloat(v, 'g', -1, 64)})
			}
		}
	}
	return out
}

// draw draws line and marks.
func (s *XYSeries) draw(d *drawing, x, y plotAxis) {
	var path strings.Builder
	pen := "M"
	for i, v := range s.Y {
		if !y.within(v) || !x.within(s.X[i]) {
			pen = "M"
			continue
		}
		path.WriteString(pen + num(x.at(s.X[i])) + " " + num(y.at(v)))
		pen = "L"
	}
	if !s.NoLine {
		d.path("line "+s.class(), path.String())
	}
	for i, v := range s.Y {
		if y.within(v) && x.within(s.X[i]) && v >= y.lo && v <= y.hi && s.X[i] >= x.lo && s.X[i] <= x.hi {
			s.mark(d, x.at(s.X[i]), y.at(v))
		}
	}
}

func (s *XYSeries) mark(d *drawing, x, y float64) {
	switch s.Mark {
	case Dot:
		d.circle(x, y, 2.4, "dot "+s.class())
	case Ring:
		d.circle(x, y, 3.4, "ring "+s.class())
	}
}

// drawBand fills between Lo and Hi.
func (s *XYSeries) drawBand(d *drawing, x, y plotAxis) {
	var there, back []string
	for i, lo := range s.Lo {
		hi := s.Hi[i]
		if !x.within(s.X[i]) || !y.within(lo) || !y.within(hi) {
			continue
		}
		px := num(x.at(s.X[i]))
		there = append(there, px+" "+num(y.at(hi)))
		back = append([]string{px + " " + num(y.at(lo))}, back...)
	}
	if len(there) > 1 {
		d.path("band "+s.class(), "M"+strings.Join(append(there, back...), "L")+"Z")
	}
}
