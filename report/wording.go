package report

import (
	"fmt"
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

// basis says what the numbers are a mean of.
func (t *table) basis() string {
	if t.overview() != analyze.AllPrompts {
		return fmt.Sprintf("prompt %s, no interval", t.overview())
	}
	if n := len(t.Run.Prompts); n > 1 {
		return fmt.Sprintf("mean of %d prompts; brackets: 95 %% interval over prompts", n)
	}
	return "one prompt, so no interval"
}

// short is a number as read in a sentence: three significant digits, or all of
// a whole number's.
func short(v float64) string {
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
