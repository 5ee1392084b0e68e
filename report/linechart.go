package report

import (
	"math"
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
}

// The measures of a chart, in user units (pixels at the natural size).
const (
	chartWidth  = 720.0
	plotHeight  = 250.0
	marginLeft  = 62.0
	marginRight = 22.0
	marginFoot  = 48.0
	rawGap      = 1.5 // layers between L and the mark of L-raw
)

// draw lays the chart out: title, legend, plot, axes.
func (c *lineChart) draw() *drawing {
	d := &drawing{width: chartWidth, title: c.title}
	d.text(marginLeft-44, 24, "title", "start", c.title)
	top := c.legend(d, 46) + 20
	bottom := top + plotHeight
	d.height = bottom + marginFoot
	x := c.axis.scale(marginLeft+8, chartWidth-marginRight)
	lo, hi := c.bounds()
	values, labels := ticks(lo, hi, 5)
	y := scale{values[0], values[len(values)-1], bottom, top}
	for i, v := range values {
		d.line(marginLeft, y.at(v), chartWidth-marginRight+10, y.at(v), "grid")
		d.text(marginLeft-8, y.at(v)+4, "tick", "end", labels[i])
	}
	d.upright(20, (top+bottom)/2, "label", c.yLabel)
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
			for _, v := range []float64{s.line.value[i], s.line.lo[i], s.line.hi[i]} {
				if finite(v) {
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
	var path, upper, lower strings.Builder
	pen := "M"
	for i, v := range s.line.value {
		if a.isRaw(i) || !finite(v) {
			if !a.isRaw(i) {
				pen = "M"
			}
			continue
		}
		px := x.at(a.position(i))
		path.WriteString(pen + num(px) + " " + num(y.at(v)))
		pen = "L"
		if finite(s.line.lo[i]) && finite(s.line.hi[i]) {
			sep := "L"
			if upper.Len() == 0 {
				sep = "M"
			}
			upper.WriteString(sep + num(px) + " " + num(y.at(s.line.hi[i])))
			front := "L" + num(px) + " " + num(y.at(s.line.lo[i])) + lower.String()
			lower.Reset()
			lower.WriteString(front)
		}
	}
	if upper.Len() > 0 {
		d.path("band "+s.class, upper.String()+lower.String()+"Z")
	}
	d.path("line "+s.class, path.String())
	for i, v := range s.line.value {
		if a.isRaw(i) && finite(v) {
			d.circle(x.at(a.position(i)), y.at(v), 3.2, "ring "+s.class)
		}
	}
}

// position is where place i stands on the depth axis, in layers: L-raw beside
// L, since it is the same block seen before the final norm.
func (a *axis) position(i int) float64 {
	if a.isRaw(i) {
		return float64(a.number(i)) + rawGap
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
	step := max(1, int(niceStep((x.d1-x.d0)/14)))
	for i := range a.layers {
		n, px := a.number(i), x.at(a.position(i))
		switch {
		case a.isRaw(i):
			d.line(px, y, px, y+5, "axis")
			d.text(px, y+18, "tick", "middle", "raw")
		case n%step == 0:
			d.line(px, y, px, y+5, "axis")
			// A multiple of the step hard by the raw mark would run into it.
			if !a.hasRaw() || n == a.last || a.last-n >= (step+1)/2 {
				d.text(px, y+18, "tick", "middle", a.layers[i])
			}
		case n == a.last && n%step > step/2:
			d.line(px, y, px, y+5, "axis")
			d.text(px, y+18, "tick", "middle", a.layers[i])
		}
	}
	label := "layer (hidden_states index; 0 = embeddings)"
	if a.hasRaw() {
		label += ", raw = before the final norm"
	}
	d.text((marginLeft+right)/2, y+38, "label", "middle", label)
}
