package tinytext

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Kind is a kind of text.
type Kind int

// The kinds of text: what the base model learns, and what the adapters do.
const (
	Stories Kind = iota // told in the past, of third persons
	Letters             // told in the present, by one of the persons, to another: the same world in another style
	Lists               // a story, then its names, places and things in order: another task
	Songs               // lines without sense, each three times: what the base model begins with
)

// Side tells texts to learn from and texts to be judged by apart.
type Side uint64

// The sides.
const (
	Train Side = iota
	Held
)

// Text is the n-th text of a kind. It depends on the arguments alone. The
// answer is the part of the text that the task is about, its end; but for
// lists it is all of it.
func Text(seed uint64, side Side, kind Kind, n int) (text, answer string) {
	s := newStory(rand.New(rand.NewPCG(seed, uint64(side)<<40|uint64(kind)<<32|uint64(n))))
	switch kind {
	case Letters:
		s.letter()
	case Songs:
		s.refrain()
	case Lists:
		s.tell()
		answer = "\n" + listing(s.text.String())
		return s.text.String() + answer, answer
	default:
		s.tell()
	}
	return s.text.String(), s.text.String()
}

// story is a text in the making: a cast, drawn once, and sentences, each drawn
// from several forms whose gaps the cast fills. A gap is a word in braces:
//
//	{A} {A.she} {A.her} {A.hers}   a person: A, B or C
//	{at p} {p}                     a place with its preposition, or bare: p, q or r
//	{x} {y} {g} {h}                things and goods
//	{a x}                          with its article, a or an
//	{Upper A.she}                  with a capital letter
//
// so that who, where and what recur through a text as they do in real ones.
type story struct {
	r      *rand.Rand
	text   strings.Builder
	filled map[string]string
}

func newStory(r *rand.Rand) *story {
	s := &story{r: r, filled: map[string]string{}}
	s.cast("A", "B", "C")
	s.fill([]string{"p", "q", "r"}, len(places), func(gap string, i int) {
		s.filled[gap], s.filled["at "+gap] = places[i].name, places[i].at+" the "+places[i].name
	})
	s.words(things, "x", "y", "z")
	s.words(goods, "g", "h")
	s.words(holders, "holder")
	s.words(works, "work")
	s.words(animals, "animal")
	s.words(colours, "colour", "colour2")
	s.words(sizes, "size", "size2")
	s.words(glad, "glad")
	s.words(sad, "sad")
	s.words(days, "day", "day2")
	s.words(seasons, "season")
	s.words(ordinals, "nth")
	s.fill([]string{"k", "l"}, len(causes), func(gap string, i int) {
		s.filled[gap+".happens"], s.filled[gap+".follows"] = causes[i].happens, causes[i].follows
	})
	s.number("n", 2+r.IntN(8))
	s.number("m", 2+r.IntN(8))
	return s
}

// cast draws persons, with a trade, a trait and a name each of its own.
func (s *story) cast(gaps ...string) {
	trade := s.r.Perm(len(trades))
	trait := s.r.Perm(len(traits))
	s.fill(gaps, len(women)+len(men), func(gap string, i int) {
		name, she, her, hers := "", "she", "her", "her"
		if i < len(women) {
			name = women[i]
		} else {
			name, she, her, hers = men[i-len(women)], "he", "him", "his"
		}
		s.filled[gap], s.filled[gap+".she"], s.filled[gap+".her"], s.filled[gap+".hers"] = name, she, her, hers
		s.filled[gap+".trade"], s.filled[gap+".trait"] = trades[trade[0]], traits[trait[0]]
		trade, trait = trade[1:], trait[1:]
	})
}

// fill draws one of n for each gap, no two the same.
func (s *story) fill(gaps []string, n int, set func(gap string, i int)) {
	drawn := s.r.Perm(n)
	for k, gap := range gaps {
		set(gap, drawn[k])
	}
}

func (s *story) words(list []string, gaps ...string) {
	s.fill(gaps, len(list), func(gap string, i int) { s.filled[gap] = list[i] })
}

func (s *story) number(gap string, value int) { s.filled[gap] = numbers[value] }

// say adds one of several sentences.
func (s *story) say(forms ...string) {
	if s.text.Len() > 0 && !strings.HasSuffix(s.text.String(), "\n") {
		s.text.WriteByte(' ')
	}
	s.text.WriteString(s.expand(forms[s.r.IntN(len(forms))]))
}

// maybe says it in some of the stories.
func (s *story) maybe(share float64, forms ...string) {
	if s.r.Float64() < share {
		s.say(forms...)
	}
}

// paragraph ends one.
func (s *story) paragraph() {
	if s.r.IntN(2) == 0 {
		s.text.WriteByte('\n')
	}
}

// expand fills the gaps of a form.
func (s *story) expand(form string) string {
	var out strings.Builder
	for {
		before, rest, more := strings.Cut(form, "{")
		out.WriteString(before)
		if !more {
			return out.String()
		}
		gap, after, _ := strings.Cut(rest, "}")
		out.WriteString(s.gap(gap))
		form = after
	}
}

// gap is the text of one gap; one that nothing fills is a mistake in a form.
func (s *story) gap(gap string) string {
	if word, ok := s.filled[gap]; ok {
		return word
	}
	switch verb, rest, _ := strings.Cut(gap, " "); verb {
	case "Upper":
		word := s.gap(rest)
		return strings.ToUpper(word[:1]) + word[1:]
	case "a":
		word := s.gap(rest)
		if strings.ContainsRune("aeiou", rune(word[0])) {
			return "an " + word
		}
		return "a " + word
	}
	panic(fmt.Sprintf("tinytext: nothing fills {%s}", gap))
}
