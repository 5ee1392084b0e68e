package tinytext

import (
	"slices"
	"strings"
	"unicode"
)

// listing is the answer to a story: its names, places and things, each in the
// order in which they first appear. To give it, a model has to know of what
// sort a word is, wherever it stands.
func listing(text string) string {
	names, sites, objects := mentions(text)
	return "The names: " + enumerated(names) + ". The places: " + enumerated(sites) + ". The things: " + enumerated(objects) + "."
}

// mentions sorts the words of a text.
func mentions(text string) (names, sites, objects []string) {
	add := func(list *[]string, word string) {
		if !slices.Contains(*list, word) {
			*list = append(*list, word)
		}
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		switch {
		case slices.Contains(women, word) || slices.Contains(men, word):
			add(&names, word)
		case slices.ContainsFunc(places, func(p place) bool { return p.name == word }):
			add(&sites, word)
		case slices.Contains(things, word) || slices.Contains(goods, word) || slices.Contains(works, word):
			add(&objects, word)
		}
	}
	return names, sites, objects
}

func enumerated(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
