package loader_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// TestWordPositions compares with Python's re and the offsets of transformers'
// tokenizers, on texts whose characters several tokens share.
func TestWordPositions(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	file := readChatGoldens(t)
	for _, w := range file.Words {
		tok := openTokenizer(t, filepath.Join(fixtures, w.Tokenizer))
		e, err := tok.Encode(w.Text)
		if err != nil || !slices.Equal(e.IDs, w.IDs) {
			t.Fatalf("%s: %q: %v, %v; transformers has %v", w.Tokenizer, w.Text, e.IDs, err, w.IDs)
		}
		pieces := loader.WordPieces(tok, e.IDs)
		if got := strings.TrimLeft(strings.Join(pieces, ""), "\x00 "); got != w.Text {
			t.Errorf("%s: the pieces join to %q, not %q", w.Tokenizer, got, w.Text)
		}
		if got := loader.WordPositions(pieces, file.WordList); !slices.Equal(got, w.Positions) {
			t.Errorf("%s: %q: %v; want %v", w.Tokenizer, pieces, got, w.Positions)
		}
	}
}

// TestWordEdges holds what the texts of the goldens have not; by hand.
func TestWordEdges(t *testing.T) {
	for _, c := range []struct {
		pieces, words []string
		want          []int
	}{
		{nil, []string{"a"}, nil},
		{[]string{"a"}, nil, nil},
		{[]string{"a"}, []string{""}, nil},
		{[]string{"", "a", "", "b"}, []string{"ab"}, []int{1, 2, 3}},
		{[]string{"New", " ", "", " York"}, []string{"new york", "york"}, []int{0, 1, 2, 3}},
		{[]string{"New", "\x00", "York"}, []string{"new york", "newyork"}, nil},
		{[]string{"to", "\x00", "be"}, []string{"to", "be"}, []int{0, 2}},
		{[]string{"\xff", "a", "\xe2\x82"}, []string{"a"}, []int{1}},
		{[]string{"\xc3", "\xa9t", "\xc3", "\xa9"}, []string{"ÉTÉ"}, []int{0, 1, 2, 3}},
		{[]string{"e\u0301", " e"}, []string{"e"}, []int{1}}, // an accent of its own belongs to the word
		{[]string{"a a", "b"}, []string{"a"}, []int{0}},
	} {
		if got := loader.WordPositions(c.pieces, c.words); !slices.Equal(got, c.want) {
			t.Errorf("%q in %q: %v, want %v", c.words, c.pieces, got, c.want)
		}
	}
}

func TestReadWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "words.txt")
	write := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\ufeffcat\r\n\n  New \t York \ndog")
	if got, err := loader.ReadWords(path); err != nil || !slices.Equal(got, []string{"cat", "New York", "dog"}) {
		t.Errorf("%q, %v", got, err)
	}
	for content, want := range map[string]string{"": "no word in it", " \n\n": "no word in it", "a\xff": "is not UTF-8"} {
		write(content)
		if _, err := loader.ReadWords(path); !errors.Is(err, loader.ErrInput) || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := loader.ReadWords(filepath.Dir(path)); !errors.Is(err, loader.ErrInput) {
		t.Error(err)
	}
}

// FuzzWordPositions holds that positions are in order, in range and cover each word found.
func FuzzWordPositions(f *testing.F) {
	f.Add("a cat\x01s at\x01cat", "cat\x01a c")
	f.Fuzz(func(t *testing.T, pieces, words string) {
		list := strings.Split(pieces, "\x01")
		got := loader.WordPositions(list, strings.Split(words, "\x01"))
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || len(got) > 0 && (got[0] < 0 || got[len(got)-1] >= len(list)) {
			t.Errorf("%v of %d", got, len(list))
		}
	})
}
