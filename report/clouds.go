package report

import (
	"fmt"
	"math"
	"strings"
)

// Clouds is a figure of particles: where they began, how they went, where they
// ended, and the hull of that; systems stand side by side on one scale.
type Clouds struct {
	File, Title, Caption string
	Panels               []CloudPanel
}

// CloudPanel is one system.
type CloudPanel struct {
	Name   string
	D      int         // 2 or 3
	Frames [][]float64 // (times, n d), the first the start
	Labels []int       // (n), the cluster in the end
	Edges  [][2]int    // tokens that an edge of the final hull joins
}

// flat projects a token to the paper: space is seen from above one edge.
func (p *CloudPanel) flat(x []float64) (float64, float64) {
	if p.D == 2 {
		return x[0], x[1]
	}
	const turn, tilt = -0.6, 0.35 // radians
	sin, cos := math.Sincos(turn)
	right, back := cos*x[0]-sin*x[1], sin*x[0]+cos*x[1]
	return right, math.Cos(tilt)*x[2] + math.Sin(tilt)*back
}

// draw lays the panels out on one row.
func (c *Clouds) draw() *drawing {
	const top, gap, foot = 70.0, 20.0, 58.0
	n := float64(len(c.Panels))
	width := (chartWidth - 36 - gap*(n-1)) / n
	height := math.Min(width, 330)
	d := &drawing{width: chartWidth, height: top + height + foot, title: c.Title}
	d.text(18, 24, "title", "start", c.Title)
	for i := range c.Panels {
		p := &c.Panels[i]
		left := 18 + float64(i)*(width+gap)
		d.text(left, top-12, "label", "start", clip(p.Name, int(width/6.6)))
		p.draw(d, left, top, width, height)
	}
	y := top + height + 36
	d.circle(24, y-4, 2.6, "ring s0")
	d.text(34, y, "tick", "start", "start")
	d.circle(84, y-4, 4, "dot s1")
	d.text(94, y, "tick", "start", "end, by cluster")
	d.line(196, y-4, 220, y-4, "mark")
	d.text(228, y, "tick", "start", "hull of the end")
	return d
}

// draw draws one cloud into its box, at one scale for both directions.
func (p *CloudPanel) draw(d *drawing, left, top, width, height float64) {
	outline(d, "grid", box(left, top, width, height))
	if len(p.Frames) == 0 {
		return
	}
	place := p.fit(left, top, width, height)
	last := p.Frames[len(p.Frames)-1]
	for i := range p.Labels {
		outline(d, "grid", p.track(i, place))
	}
	for _, e := range p.Edges {
		x1, y1, ok := place(last[e[0]*p.D : (e[0]+1)*p.D])
		x2, y2, ok2 := place(last[e[1]*p.D : (e[1]+1)*p.D])
		if ok && ok2 {
			d.line(x1, y1, x2, y2, "mark")
		}
	}
	for i := range p.Labels {
		if x, y, ok := place(p.Frames[0][i*p.D : (i+1)*p.D]); ok {
			d.circle(x, y, 2.2, "ring s0")
		}
	}
	for i, l := range p.Labels {
		if x, y, ok := place(last[i*p.D : (i+1)*p.D]); ok {
			d.circle(x, y, 4, "dot "+clusterClass(l))
		}
	}
}

// track is the way of token i, as path data, until it leaves the box.
func (p *CloudPanel) track(i int, place func([]float64) (float64, float64, bool)) string {
	var path strings.Builder
	pen, px, py := "M", math.NaN(), math.NaN()
	for _, f := range p.Frames {
		x, y, ok := place(f[i*p.D : (i+1)*p.D])
		if !ok {
			break
		}
		if math.Hypot(x-px, y-py) < 0.6 { // less than a line's width
			continue
		}
		path.WriteString(pen + num(x) + " " + num(y))
		pen, px, py = "L", x, y
	}
	return path.String()
}

// outline draws ready path data that is not filled, whatever its class says.
func outline(d *drawing, class, data string) {
	if data != "" {
		fmt.Fprintf(&d.body, `<path class="%s" fill="none" d="%s"/>`+"\n", class, data)
	}
}

// fit returns the map into the box. Tokens that flew far off do not shrink the
// rest to a point: what lies beyond four times the start is left out.
func (p *CloudPanel) fit(left, top, width, height float64) func(x []float64) (float64, float64, bool) {
	const beyond, margin = 4.0, 12.0
	var reach float64
	for _, v := range p.Frames[0] {
		reach = math.Max(reach, math.Abs(v))
	}
	reach *= beyond
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, f := range p.Frames {
		for i := 0; i < len(f); i += p.D {
			x, y := p.flat(f[i : i+p.D])
			if math.Abs(x) <= reach && math.Abs(y) <= reach {
				x0, x1, y0, y1 = math.Min(x0, x), math.Max(x1, x), math.Min(y0, y), math.Max(y1, y)
			}
		}
	}
	unit := math.Min((width-2*margin)/math.Max(x1-x0, 1e-12), (height-2*margin)/math.Max(y1-y0, 1e-12))
	midX, midY := (x0+x1)/2, (y0+y1)/2
	return func(v []float64) (float64, float64, bool) {
		x, y := p.flat(v)
		if !(x >= x0 && x <= x1 && y >= y0 && y <= y1) {
			return 0, 0, false
		}
		return left + width/2 + (x-midX)*unit, top + height/2 - (y-midY)*unit, true
	}
}

// clusterClass is the colour of a cluster; after six they begin again.
func clusterClass(label int) string { return fmt.Sprintf("s%d", 1+label%6) }
