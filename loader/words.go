package loader

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWordsFile bounds a list of words.
const maxWordsFile = 16 << 20

// ReadWords reads a list of words, one a line; blank lines and white space around
// words are dropped, and any white space inside them is one space.
func ReadWords(path string) ([]string, error) {
	data, err := readBounded(path, maxWordsFile)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, inputErrorf("%s: is not UTF-8", path)
	}
	var words []string
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		if word := strings.Join(strings.Fields(line), " "); word != "" {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return nil, inputErrorf("%s: no word in it", path)
	}
	return words, nil
}

// WordPositions are the tokens, in order, that have a part in an occurrence of
// one of the words. pieces are the bytes that each token adds to the text, as
// WordPieces has them. A word
// occurs whole, with no letter, digit or underscore right before or after it, in
// any case; a space of it stands for any white space. Characters are compared one
// by one, so "ß" is not "SS", and "é" in one character not "é" in two.
func WordPositions(pieces, words []string) []int {
	byFirst := map[rune][][]rune{}
	for _, word := range words {
		if r := folded(word); len(r) > 0 {
			byFirst[r[0]] = append(byFirst[r[0]], r)
		}
	}
	text, tokens := spread(pieces)
	covered := make([]bool, len(pieces))
	for at, first := range text {
		for _, word := range byFirst[first] {
			end, ok := occurs(text, at, word)
			if !ok {
				continue
			}
			for i := tokens[at].first; i <= tokens[end-1].last; i++ {
				covered[i] = true
			}
		}
	}
	var positions []int
	for i, is := range covered {
		if is {
			positions = append(positions, i)
		}
	}
	return positions
}

// WordPieces are the pieces of WordPositions for a prompt. A special token is no
// part of a word, and words beside it do not touch.
func WordPieces(t Tokenizer, ids []int32) []string {
	pieces := make([]string, len(ids))
	for i, id := range ids {
		if t.Special(id) {
			pieces[i] = "\x00"
		} else {
			pieces[i] = t.Bytes(id)
		}
	}
	return pieces
}

// span is the tokens that a character's bytes come from.
type span struct{ first, last int }

// spread is the text of pieces as folded characters, with the tokens of each.
func spread(pieces []string) ([]rune, []span) {
	joined := strings.Join(pieces, "")
	owner := make([]int, 0, len(joined)) // of each byte, its token
	for i, piece := range pieces {
		for range len(piece) {
			owner = append(owner, i)
		}
	}
	var text []rune
	var tokens []span
	for at := 0; at < len(joined); {
		r, size := utf8.DecodeRuneInString(joined[at:])
		text = append(text, fold(r))
		tokens = append(tokens, span{owner[at], owner[at+size-1]})
		at += size
	}
	return text, tokens
}

// occurs says whether word stands at text[at], and where it ends.
func occurs(text []rune, at int, word []rune) (end int, ok bool) {
	if at > 0 && inWord(word[0]) && inWord(text[at-1]) {
		return 0, false
	}
	end = at
	for _, r := range word {
		if end == len(text) || r != text[end] && (r != ' ' || !unicode.IsSpace(text[end])) {
			return 0, false
		}
		end++
		for r == ' ' && end < len(text) && unicode.IsSpace(text[end]) {
			end++
		}
	}
	if end < len(text) && inWord(word[len(word)-1]) && inWord(text[end]) {
		return 0, false
	}
	return end, true
}

// inWord says whether r may be inside a word.
func inWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// fold gives the forms of a letter one: "A", "a"; "Σ", "σ", "ς".
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

func folded(s string) []rune {
	r := []rune(s)
	for i := range r {
		r[i] = fold(r[i])
	}
	return r
}
