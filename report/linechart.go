package report

import (
	"math"
	"slices"
	"strings"
)

// lineChart is a metric over the layers, one line a variant.
type lineChart struct {
	title, yLabel string
	axis          *axis
	series        []series
}

// series is one variant's line in a chart.
type series struct {
	name  string
	class string // seriesClass
	line  *line
	band  bool // whether its interval is drawn
}

// The measures of a chart, in user units (pixels at the natural size).
const (
	chartWidth  = 600.0
	plotHeight  = 230.0
	marginLeft  = 62.0
	marginRight = 22.0
	marginFoot  = 48.0
)

// draw lays the chart out: title, legend, plot, axes.
func (c *lineChart) draw() *drawing {
	d := &drawing{width: chartWidth, title: c.title}
	d.text(marginLeft-44, 24, "title", "start", c.title)
	top := c.legend(d, 46) + 20
	bottom := top + plotHeight
	d.height = bottom + marginFoot
	x := c.axis.scale(marginLeft+8, chartWidth-marginRight)
	lo, hi := domain(c.bounds())
	values, labels := ticks(lo, hi, 5)
	y := scale{lo, hi, bottom, top}
	for i, v := range values {
		d.line(marginLeft, y.at(v), chartWidth-marginRight+10, y.at(v), "grid")
		d.text(marginLeft-8, y.at(v)+4, "tick", "end", labels[i])
	}
	d.upright(20, (top+bottom)/2, "label", c.yLabel)
	if lo < 0 && hi > 0 {
		d.line(marginLeft, y.at(0), chartWidth-marginRight+10, y.at(0), "axis")
	}
	c.axis.draw(d, x, bottom, chartWidth-marginRight+10)
	for i := len(c.series) - 1; i >= 0; i-- { // the base last, on top
		c.series[i].draw(d, c.axis, x, y)
	}
	return d
}

// legend writes the names in rows and returns the height where they end.
func (c *lineChart) legend(d *drawing, y float64) float64 {
	const charWidth = 6.6 // of the 12 px font, on the wide side
	at := marginLeft - 44
	for _, s := range c.series {
		name := clip(s.name, 48)
		w := 34 + charWidth*float64(len([]rune(name))) + 14
		if at+w > chartWidth && at > marginLeft {
			at, y = marginLeft-44, y+18
		}
		d.line(at, y-4, at+24, y-4, "line "+s.class)
		d.text(at+31, y, "", "start", name)
		at += w
	}
	return y
}

// bounds is the range of all values and intervals shown.
func (c *lineChart) bounds() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, s := range c.series {
		for i := range s.line.value {
			for k, v := range []float64{s.line.value[i], s.line.lo[i], s.line.hi[i]} {
				if finite(v) && (k == 0 || s.band) {
					lo, hi = math.Min(lo, v), math.Max(hi, v)
				}
			}
		}
	}
	if lo > hi {
		return 0, 1
	}
	return lo, hi
}

// draw draws the interval band, the line and the separate mark of L-raw.
func (s *series) draw(d *drawing, a *axis, x, y scale) {
	if s.band {
		s.drawBand(d, a, x, y)
	}
	var path strings.Builder
	pen, raw := "M", -1
	for i, v := range s.line.value {
		switch {
		case a.isRaw(i) && finite(v):
			raw = i
		case a.isRaw(i):
		case !finite(v):
			pen = "M"
		default:
			path.WriteString(pen + num(x.at(a.position(i))) + " " + num(y.at(v)))
			pen = "L"
		}
	}
	d.path("line "+s.class, path.String())
	if raw >= 0 {
		d.circle(x.at(a.position(raw)), y.at(s.line.value[raw]), 3.2, "ring "+s.class)
	}
}

// drawBand fills between the ends of the intervals: along the upper ends and
// back along the lower ones.
func (s *series) drawBand(d *drawing, a *axis, x, y scale) {
	var there, back []string
	for i := range s.line.value {
		lo, hi := s.line.lo[i], s.line.hi[i]
		if a.isRaw(i) || !finite(lo) || !finite(hi) {
			continue
		}
		px := num(x.at(a.position(i)))
		there = append(there, px+" "+num(y.at(hi)))
		back = append(back, px+" "+num(y.at(lo)))
	}
	if len(there) > 1 {
		slices.Reverse(back)
		d.path("band "+s.class, "M"+strings.Join(append(there, back...), "L")+"Z")
	}
}

// position is where place i stands on the depth axis, in layers: L-raw beside
// L, since it is the same block seen before the final norm.
func (a *axis) position(i int) float64 {
	if a.isRaw(i) {
		return float64(a.number(i)) + math.Max(0.5, float64(a.last)/20)
	}
	return float64(a.number(i))
}

// scale maps positions to coordinates from p0 to p1.
func (a *axis) scale(p0, p1 float64) scale {
	if len(a.layers) == 0 {
		return scale{0, 1, p0, p1}
	}
	lo, hi := a.position(0), a.position(0)
	for i := range a.layers {
		lo, hi = math.Min(lo, a.position(i)), math.Max(hi, a.position(i))
	}
	return scale{lo, hi, p0, p1}
}

// draw draws the depth axis along y, to the right end.
func (a *axis) draw(d *drawing, x scale, y, right float64) {
	d.line(marginLeft, y, right, y, "axis")
	step := max(1, int(niceStep((x.d1-x.d0)/10)))
	for i, layer := range a.layers {
		n, px := a.number(i), x.at(a.position(i))
		text := layer
		switch {
		case a.isRaw(i):
			text = "raw"
		case n != a.last && (n%step != 0 || 2*(a.last-n) < step):
			continue // the last layer is always named: no room for one just before it
		}
		d.line(px, y, px, y+5, "axis")
		d.text(px, y+18, "tick", "middle", text)
	}
	label := "layer (hidden_states index; 0 = embeddings)"
	if a.site != residSite {
		label = "block, " + a.site + " output"
	}
	if a.hasRaw() {
		label += ", raw = before the final norm"
	}
	d.text((marginLeft+right)/2, y+38, "label", "middle", label)
}
