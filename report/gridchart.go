package report

import (
	"fmt"
	"math"
	"strings"
)

// gridChart is a heat map of rows and columns, the darker the larger.
type gridChart struct {
	title         string
	rows, columns []string
	rowLabel      string
	columnLabel   string
	value         func(row, column int) float64 // NaN for none
	unit          string                        // what the shades are of
	log           bool                          // shades by the logarithm
	lo, hi        float64                       // their range; both 0: as the values have it
}

// bounds is the range of the shades: of values above 0 where it is logarithmic.
func (g *gridChart) bounds() (lo, hi float64) {
	if g.lo != 0 || g.hi != 0 {
		return g.lo, g.hi
	}
	lo, hi = math.Inf(1), math.Inf(-1)
	for i := range g.rows {
		for j := range g.columns {
			if v := g.value(i, j); finite(v) && (!g.log || v > 0) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	if lo > hi {
		return 0, 1
	}
	if !g.log && lo >= 0 && lo < hi/2 {
		lo = 0
	}
	return lo, hi
}

// wide says whether all values are positive and spread so far that only a
// logarithm tells them apart.
func (g *gridChart) wide() bool {
	lo, hi := math.Inf(1), 0.0
	for i := range g.rows {
		for j := range g.columns {
			if v := g.value(i, j); finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	const spread = 50
	return lo > 0 && hi/lo > spread
}

// gridShade is the class of a value between lo and hi, q1 to q9, and "" for none.
// gridShade in grid.js is the same.
func gridShade(v, lo, hi float64, log bool) string {
	if !finite(v) || log && v <= 0 {
		return ""
	}
	if log {
		v, lo, hi = math.Log(v), math.Log(lo), math.Log(hi)
	}
	if hi <= lo {
		return "q5"
	}
	return fmt.Sprintf("q%d", max(1, min(shades, 1+int(shades*(v-lo)/(hi-lo)))))
}

// draw lays the chart out: title, cells, names, key.
func (g *gridChart) draw() *drawing {
	const top, charWidth = 44.0, 6.4
	left := 30.0
	for _, r := range g.rows {
		left = math.Max(left, math.Min(190, 30+charWidth*float64(len([]rune(clip(r, 26))))))
	}
	cw := (chartWidth - left - marginRight) / float64(max(1, len(g.columns)))
	ch := math.Max(4, math.Min(30, math.Min(cw*2.2, 420/float64(max(1, len(g.rows))))))
	bottom := top + ch*float64(len(g.rows))
	d := &drawing{width: chartWidth, height: bottom + 92, title: g.title}
	d.text(marginLeft-44, 24, "title", "start", g.title)
	lo, hi := g.bounds()
	cells := map[string]*strings.Builder{} // shade -> path data of its cells
	for i := range g.rows {
		for j := range g.columns {
			class := gridShade(g.value(i, j), lo, hi, g.log)
			if class == "" {
				continue
			}
			if cells[class] == nil {
				cells[class] = &strings.Builder{}
			}
			cells[class].WriteString(box(left+float64(j)*cw, top+float64(i)*ch, cw, ch))
		}
	}
	for _, class := range shadeClasses(false) {
		if b := cells[class]; b != nil {
			d.path(class, b.String())
		}
	}
	outline(d, "grid", box(left, top, cw*float64(len(g.columns)), ch*float64(len(g.rows))))
	g.names(d, left, top, cw, ch, bottom)
	g.key(d, left, bottom+58, lo, hi)
	return d
}

// names writes rows and columns, leaving out what has no room.
func (g *gridChart) names(d *drawing, left, top, cw, ch, bottom float64) {
	step := max(1, int(math.Ceil(14/ch)))
	for i, r := range g.rows {
		if i%step == 0 {
			d.text(left-6, top+(float64(i)+0.5)*ch+4, "tick", "end", clip(r, 26))
		}
	}
	wide := 0
	for _, c := range g.columns {
		wide = max(wide, len([]rune(clip(c, 12))))
	}
	step = max(1, int(niceStep(math.Max(1, (6.6*float64(wide)+6)/cw))))
	for j, c := range g.columns {
		if j%step == 0 {
			d.text(left+(float64(j)+0.5)*cw, bottom+16, "tick", "middle", clip(c, 12))
		}
	}
	d.text(left+cw*float64(len(g.columns))/2, bottom+36, "label", "middle", g.columnLabel)
	if g.rowLabel != "" {
		d.upright(14, (top+bottom)/2, "label", g.rowLabel)
	}
}

// key explains the shades.
func (g *gridChart) key(d *drawing, left, y, lo, hi float64) {
	const cell = 22.0
	from := short(lo)
	text := g.unit + ": " + from
	d.text(left, y+11, "tick", "start", text)
	x := left + 6.2*float64(len([]rune(text))) + 8
	for _, class := range shadeClasses(false) {
		d.path(class, box(x, y, cell, 12))
		x += cell
	}
	scale := ""
	if g.log {
		scale = " (logarithmic)"
	}
	d.text(x+7, y+11, "tick", "start", short(hi)+scale)
}
