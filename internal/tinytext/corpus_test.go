package tinytext

import (
	"regexp"
	"strings"
	"testing"
)

// badText is what no text has: a gap left open, doubled space, a wrong article,
// one of what is counted.
var badText = regexp.MustCompile(`[{}]|  | \n|\n |\ba [aeiou]|\ban [^aeiou]|\b[Oo]ne (apples|eggs|coins)`)

const many = 3000 // texts: every form of every genre occurs

// TestTextsHold: texts are whole, and no two of them are the same, so that what
// is held out has not been learned from.
func TestTextsHold(t *testing.T) {
	seen := map[string]bool{}
	for _, side := range []Side{Train, Held} {
		for _, kind := range []Kind{Stories, Letters, Lists, Songs} {
			for n := range many {
				text, answer := Text(1, side, kind, n)
				if !strings.HasSuffix(text, answer) || len(answer) == 0 {
					t.Fatalf("answer %q of %q", answer, text)
				}
				if bad := badText.FindString(text); bad != "" {
					t.Errorf("%q in %q", bad, text)
				}
				if seen[text] {
					t.Errorf("twice: %q", text)
				}
				seen[text] = true
			}
		}
	}
	again, _ := Text(1, Train, Stories, 7)
	other, _ := Text(2, Train, Stories, 7)
	if first, _ := Text(1, Train, Stories, 7); first != again || first == other {
		t.Error("a text does not depend on its seed alone")
	}
}

// TestAdaptersKnowTheWords: letters and lists are made of pieces that the
// stories have often enough, so that an adapter has no word to learn.
func TestAdaptersKnowTheWords(t *testing.T) {
	const often = 3 // in a tenth of what the base model reads
	counts := map[string]int{}
	for n := range many {
		text, _ := Text(1, Train, Stories, n)
		for _, piece := range pieces(text) {
			counts[piece]++
		}
	}
	for _, kind := range []Kind{Letters, Lists} {
		for n := range many {
			text, _ := Text(1, Train, kind, n)
			for _, piece := range pieces(text) {
				if counts[piece] < often {
					t.Errorf("%q occurs %d times in the stories: %q", piece, counts[piece], text)
					counts[piece] = often // said once
				}
			}
		}
	}
}

// TestSums: what is counted in the stories is right, as a plain reading of the
// numbers of the counting genre says.
func TestSums(t *testing.T) {
	value := map[string]int{}
	for n, word := range numbers {
		value[word] = n
	}
	checked := 0
	for n := range many {
		text, _ := Text(1, Train, Stories, n)
		_, question, found := strings.Cut(text, "\"What is ")
		if !found {
			continue
		}
		var x, y, sum string
		words := strings.FieldsFunc(question, func(r rune) bool { return strings.ContainsRune(" ?\".,\n", r) })
		x, y = words[0], words[2]
		for _, word := range words[3:] {
			if v, ok := value[strings.ToLower(word)]; ok && v > 0 {
				sum = word
				break
			}
		}
		if value[x]+value[y] != value[strings.ToLower(sum)] {
			t.Errorf("%s and %s is %s: %q", x, y, sum, text)
		}
		checked++
	}
	if checked < 50 {
		t.Errorf("only %d sums", checked)
	}
}

// TestListing has a story sorted by hand.
func TestListing(t *testing.T) {
	got := listing("On Monday Mira took a lamp to the mill.\nThere Oren had six eggs, and Mira gave him the lamp in the garden. \"The mill?\" said Oren.")
	want := "The names: Mira, Oren. The places: mill, garden. The things: lamp, eggs."
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := listing("It rained."); got != "The names: none. The places: none. The things: none." {
		t.Errorf("got %q", got)
	}
}
