package tinytext

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLearnMerges follows the algorithm by hand: "aa" occurs twice in each of
// the three "aaab", which are merged from the left, then "aaa" is left.
func TestLearnMerges(t *testing.T) {
	got := learnMerges([]string{"aaab", "aaab", "aaab"}, 10)
	// aa 6; then (aa,a) 3 and (a,b) 3, of which (a,b) comes first; then (aa,ab) 3.
	want := []merge{{"a", "a"}, {"a", "b"}, {"aa", "ab"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(merge{})); diff != "" {
		t.Error(diff)
	}
	if got := learnMerges([]string{"ab ab cd cd"}, 1); !slices.Equal(got, []merge{{"a", "b"}}) && !slices.Equal(got, []merge{{"c", "d"}}) {
		t.Errorf("first merge %v", got)
	}
}

// TestPieces has cuts that GPT-2's expression makes:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func TestPieces(t *testing.T) {
	for text, want := range map[string][]string{
		"It's  two days.\nYes": {"It", "'s", " ", " two", " days", ".", "\n", "Yes"},
		"\"Ten,\" said he":     {"\"", "Ten", ",\"", " said", " he"},
		"a1 22 ...":            {"a", "1", " 22", " ..."},
		"end \n":               {"end", " \n"},
		"we'll 'tis \t x":      {"we", "'ll", " '", "tis", " \t", " x"},
		"naïve été 'a'":        {"naïve", " été", " '", "a", "'"},
		" ":                    {" "},
	} {
		if diff := cmp.Diff(want, pieces(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// TestTokenizer: the file that is written makes the tokenizer library encode
// as the merges themselves say, with the special token in front.
func TestTokenizer(t *testing.T) {
	tokenizer := smallTokenizer(t)
	merges := learnMerges(sample(200), 300)
	texts := append(sample(20), "Unknown WORDS, 1234 and  spaces\n\nété — Ω's", "")
	for _, text := range texts {
		got, err := tokenizer.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		want := append([]string{beginToken}, slowEncode(text, merges)...)
		if diff := cmp.Diff(want, got.Tokens); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
		decoded, err := tokenizer.Decode(got.IDs)
		if err != nil || decoded != beginToken+text {
			t.Errorf("%q comes back as %q, %v", text, decoded, err)
		}
	}
	if !tokenizer.Special(beginID) || !tokenizer.Special(endID) || tokenizer.Token(endID) != endToken {
		t.Error("special tokens")
	}
}

// slowEncode applies every merge in the order learned to every piece.
func slowEncode(text string, merges []merge) []string {
	var tokens []string
	for _, piece := range pieces(text) {
		symbols := byteSymbols(piece)
		for _, m := range merges {
			symbols = m.apply(symbols)
		}
		tokens = append(tokens, symbols...)
	}
	return tokens
}

// TestByteLetters has the examples that everybody knows from GPT-2.
func TestByteLetters(t *testing.T) {
	if got := strings.Join(byteSymbols(" a\n"), ""); got != "ĠaĊ" {
		t.Errorf("got %q", got)
	}
	seen := map[string]bool{}
	for _, letter := range byteLetters {
		seen[letter] = true
	}
	if len(seen) != 256 {
		t.Errorf("%d different letters", len(seen))
	}
}
