package report

import (
	"math"
	"strings"
)

// planeChart shows eigenvalues in the complex plane: a column a layer, a row a
// variant, all panels on one scale.
type planeChart struct {
	title   string
	rows    []string                                            // variants
	classes []string                                            // (rows) colour of each
	columns []string                                            // layers
	at      func(row, column int) (s *spectrum, radius float64) // nil for none; radius of the circular law, NaN for none
}

// mostPoints is how many eigenvalues a panel of a static figure draws: there is
// no room to tell more apart.
const mostPoints = 900

// reach is the largest coordinate of any panel.
func (p *planeChart) reach() float64 {
	most := 1e-300
	for i := range p.rows {
		for j := range p.columns {
			s, radius := p.at(i, j)
			most = math.Max(most, clean(radius))
			for k := 0; s != nil && k < len(s.re); k++ {
				most = math.Max(most, math.Max(math.Abs(clean(s.re[k])), math.Abs(clean(s.im[k]))))
			}
		}
	}
	return most * 1.06
}

// draw lays the panels out.
func (p *planeChart) draw() *drawing {
	const top, gap, left = 64.0, 12.0, 52.0
	n := float64(len(p.columns))
	side := math.Min(240, (chartWidth-left-marginRight-gap*(n-1))/n)
	d := &drawing{width: chartWidth, height: top + (side+gap)*float64(len(p.rows)) + 44, title: p.title}
	d.text(marginLeft-44, 24, "title", "start", p.title)
	reach := p.reach()
	for j, c := range p.columns {
		d.text(left+float64(j)*(side+gap)+side/2, top-10, "label", "middle", c)
	}
	for i, r := range p.rows {
		y := top + float64(i)*(side+gap)
		d.upright(16, y+side/2, "label", clip(r, int(side/6.4)))
		for j := range p.columns {
			x := left + float64(j)*(side+gap)
			s, radius := p.at(i, j)
			drawPlane(d, x, y, side, reach, s, radius, p.classes[i])
		}
		values, labels := ticks(-reach, reach, 4)
		for k, v := range values {
			at := scale{-reach, reach, y + side, y}.at(v)
			d.text(left-5, at+4, "tick", "end", labels[k])
			if i == len(p.rows)-1 {
				d.text(scale{-reach, reach, left, left + side}.at(v), y+side+16, "tick", "middle", labels[k])
			}
		}
	}
	d.text((left+chartWidth-marginRight)/2, d.height-10, "label", "middle", "real part; upwards the imaginary part")
	return d
}

// drawPlane draws one panel: axes, circle, points.
func drawPlane(d *drawing, left, top, side, reach float64, s *spectrum, radius float64, class string) {
	x, y := scale{-reach, reach, left, left + side}, scale{-reach, reach, top + side, top}
	outline(d, "grid", box(left, top, side, side))
	d.line(left, y.at(0), left+side, y.at(0), "grid")
	d.line(x.at(0), top, x.at(0), top+side, "grid")
	if finite(radius) && radius > 0 {
		d.circle(x.at(0), y.at(0), radius/reach*side/2, "circle")
	}
	if s == nil {
		return
	}
	var path strings.Builder
	kept := min(mostPoints, len(s.re))
	for k := range kept {
		i := scattered(k, kept, len(s.re))
		if finite(s.re[i]) && finite(s.im[i]) {
			path.WriteString("M" + tenth(x.at(s.re[i])) + " " + tenth(y.at(s.im[i])) + "h0")
		}
	}
	d.path("points "+class, path.String())
}

// tenth writes a coordinate to a tenth: a cloud's points are wider.
func tenth(v float64) string { return num(math.Round(v*10) / 10) }
