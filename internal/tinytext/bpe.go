package tinytext

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Byte-level byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909; on
// bytes as GPT-2 does it): text is cut into pieces, roughly words with the
// space before them, whose bytes are the first symbols; then the pair of
// neighbouring symbols that occurs most often becomes a symbol of its own,
// again and again. No pair reaches over the border of two pieces, so counting
// each different piece once is enough.

// merge is a pair of symbols that becomes one.
type merge struct{ left, right string }

// symbols of a piece, and how often the piece occurs.
type counted struct {
	symbols []string
	count   int
}

// learnMerges learns at most n merges from texts, most frequent pair first;
// of pairs as frequent the alphabetically first. It stops where no pair occurs
// at least twice.
func learnMerges(texts []string, n int) []merge {
	words := countPieces(texts)
	var merges []merge
	for len(merges) < n {
		best, count := frequentPair(words)
		if count < 2 {
			break
		}
		merges = append(merges, best)
		for i := range words {
			words[i].symbols = best.apply(words[i].symbols)
		}
	}
	return merges
}

// countPieces gives the pieces of all texts, in alphabetical order.
func countPieces(texts []string) []counted {
	counts := map[string]int{}
	for _, text := range texts {
		for _, piece := range pieces(text) {
			counts[piece]++
		}
	}
	words := make([]counted, 0, len(counts))
	for piece, count := range counts {
		words = append(words, counted{byteSymbols(piece), count})
	}
	slices.SortFunc(words, func(a, b counted) int { return slices.Compare(a.symbols, b.symbols) })
	return words
}

// frequentPair is the most frequent pair of neighbours.
func frequentPair(words []counted) (best merge, count int) {
	counts := map[merge]int{}
	for _, w := range words {
		for i := 1; i < len(w.symbols); i++ {
			counts[merge{w.symbols[i-1], w.symbols[i]}] += w.count
		}
	}
	for pair, n := range counts {
		if n > count || n == count && pair.before(best) {
			best, count = pair, n
		}
	}
	return best, count
}

func (m merge) before(other merge) bool {
	return cmp.Or(strings.Compare(m.left, other.left), strings.Compare(m.right, other.right)) < 0
}

// apply merges from left to right, in place.
func (m merge) apply(symbols []string) []string {
	out := symbols[:0]
	for i := 0; i < len(symbols); i++ {
		if i+1 < len(symbols) && symbols[i] == m.left && symbols[i+1] == m.right {
			out = append(out, m.left+m.right)
			i++
		} else {
			out = append(out, symbols[i])
		}
	}
	return out
}

// byteSymbols writes each byte of a piece as one printable letter.
func byteSymbols(piece string) []string {
	symbols := make([]string, len(piece))
	for i := range len(piece) {
		symbols[i] = byteLetters[piece[i]]
	}
	return symbols
}

// byteLetters are GPT-2's names of the 256 bytes: printable Latin-1 characters
// stand for themselves, the others for the code points from 256 on, in order,
// so that a space is Ġ.
var byteLetters = func() (letters [256]string) {
	next := rune(256)
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			letters[b] = string(rune(b))
		} else {
			letters[b] = string(next)
			next++
		}
	}
	return letters
}()

// pieces cuts a text as the ByteLevel pre-tokenizer does: contractions, letters,
// digits or other signs each with at most one space before them, and runs of
// space, the last space of which goes with what follows it. Together the pieces
// are the text.
func pieces(text string) []string {
	var list []string
	runes := []rune(text)
	for at := 0; at < len(runes); {
		end := at + pieceLen(runes[at:])
		list = append(list, string(runes[at:end]))
		at = end
	}
	return list
}

// pieceLen is the length of the first piece, in runes.
func pieceLen(text []rune) int {
	for _, c := range []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(string(text[:min(len(text), 3)]), c) {
			return len(c)
		}
	}
	lead := 0
	if text[0] == ' ' && len(text) > 1 {
		lead = 1
	}
	for _, class := range []func(rune) bool{unicode.IsLetter, unicode.IsNumber, isSign} {
		if n := run(text[lead:], class); n > 0 {
			return lead + n
		}
	}
	n := run(text, unicode.IsSpace)
	if n > 1 && n < len(text) {
		n-- // the last one belongs to what follows
	}
	return n
}

// run is the length of the prefix whose runes are all of a class.
func run(text []rune, class func(rune) bool) int {
	for i, r := range text {
		if !class(r) {
			return i
		}
	}
	return len(text)
}

func isSign(r rune) bool { return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r) }
