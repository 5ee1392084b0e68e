package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// ends returns the places of the first and last value and of the largest.
func (a *axis) ends(l *line) (first, top, last int) {
	first, last = -1, -1
	top = a.extreme(l, 1)
	if top < 0 {
		return
	}
	for i, v := range l.value {
		if !finite(v) || a.isRaw(i) {
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
	}
	return
}

// place says where in the depth place i is.
func (a *axis) place(i int) string {
	n := a.number(i)
	switch {
	case a.site != residSite:
		return "at block " + strconv.Itoa(n)
	case a.isRaw(i):
		return "before the final norm"
	case n == 0:
		return "at the embeddings"
	case n == a.last && a.hasRaw():
		return "after the final norm"
	}
	return "at layer " + strconv.Itoa(n)
}

// hasRaw says whether the last layer is known to be the one after the final
// norm, which a choice of layers may leave out.
func (a *axis) hasRaw() bool {
	_, ok := a.index[strconv.Itoa(a.last)+"-raw"]
	return ok
}

// at writes a value with its interval.
func (l *line) at(i int) string {
	s := short(l.value[i])
	if finite(l.lo[i]) && finite(l.hi[i]) {
		s += fmt.Sprintf(" [%s, %s]", short(l.lo[i]), short(l.hi[i]))
	}
	return s
}

// said is at, marked as a number.
func (l *line) said(i int) string { return numberOpen + l.at(i) + numberClose }

// clusterCount writes "1 cluster" or "14.5 clusters".
func clusterCount(l *line, i int) string {
	if l.value[i] == 1 {
		return l.said(i) + " cluster"
	}
	return l.said(i) + " clusters"
}

// A sentence carries its names and numbers between control characters, which
// the page turns into elements and every other place drops. No name can hold
// one of its own: printable has replaced it.
const (
	nameOpen, nameClose     = "\x0e", "\x0f"
	numberOpen, numberClose = "\x11", "\x12"
)

// named is a name from outside as it stands in a sentence.
func named(s string) string { return nameOpen + label(s) + nameClose }

// unmarked drops the marks of a sentence.
func unmarked(s string) string {
	return strings.NewReplacer(nameOpen, "", nameClose, "", numberOpen, "", numberClose, "").Replace(s)
}

// marked turns the marks of a sentence into elements.
func marked(s string) template.HTML {
	return template.HTML(strings.NewReplacer(
		nameOpen, `<b class="name">`, nameClose, "</b>",
		numberOpen, `<span class="number">`, numberClose, "</span>",
	).Replace(template.HTMLEscapeString(s)))
}

// basis says what the numbers are a mean of, and what their brackets are.
func (t *table) basis() string {
	s := "one prompt, so no interval"
	if t.overview() != analyze.AllPrompts {
		s = fmt.Sprintf("prompt %s, no interval", named(t.overview()))
	} else if n := len(t.Run.Prompts); n > 1 {
		name := t.intervalName()
		if n >= fewPrompts {
			name += " over prompts"
		}
		s = fmt.Sprintf("mean of %d prompts; brackets: %s, pointwise; extreme layers are chosen after the fact", n, name)
	}
	if site := t.siteNote(); site != "" {
		s = site + "; " + s
	}
	return s
}

// fewPrompts is where the interval over prompts becomes one. The bootstrap of
// two or three prompts draws all the same one often enough (1/4, 1/27) for the
// 2.5 % quantile to be the smallest value itself; of four (1/256) it is near.
const fewPrompts = 5

// intervalName is what the brackets and bands of a mean over prompts are.
func (t *table) intervalName() string {
	switch n := len(t.Run.Prompts); {
	case n == fewPrompts-1:
		return fmt.Sprintf("approximate range over %d prompts", n)
	case n > 1 && n < fewPrompts:
		return fmt.Sprintf("range over %d prompts", n)
	}
	return "95 % interval"
}

// siteNote names the leading site where it is not the residual stream, of which
// everything is unless it says otherwise.
func (t *table) siteNote() string {
	if t.lead == residSite || t.lead == "" {
		return ""
	}
	return "site " + t.lead
}

// rounding bounds what sums of float64 leave of an exact 0; every measure here
// is of order one.
const rounding = 1e-12

func negligible(v float64) bool { return math.Abs(v) < rounding }

// short is a number as read in a sentence: three significant digits, or all of
// a whole number's. What rounding left of 0 is 0.
func short(v float64) string {
	if negligible(v) {
		return "0"
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	if m := math.Abs(v); m >= 1e5 || m < 1e-4 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// joinNames writes a list as a sentence has it.
func joinNames(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func count(n int, noun string) string { return countOf(strconv.Itoa(n), noun) }

func countOf(n, noun string) string {
	if n == "1" {
		return "1 " + noun
	}
	return n + " " + noun + "s"
}
func itoa(n int) string { return strconv.Itoa(n) }
