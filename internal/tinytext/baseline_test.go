package tinytext

import (
	"math"
	"testing"
)

// TestNGrams has the counts of "a b a b a c" by hand, a, b and c as 0, 1 and 2
// of a vocabulary of 4.
func TestNGrams(t *testing.T) {
	g := newNGrams(4)
	text := []int32{0, 1, 0, 1, 0, 2}
	for i := 1; i < len(text); i++ {
		g.count(text[i-1], text[i])
	}
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		// Five tokens are predicted: b, a, b, a, c.
		{"p(b)", g.unigram(1), (2.0 + 1) / (5 + 4)},
		{"p(d)", g.unigram(3), 1.0 / 9},
		// After a: b twice, c once; two kinds.
		{"p(b|a)", g.bigram(0, 1), (2 + 2*3.0/9) / (3 + 2)},
		{"p(d|a)", g.bigram(0, 3), (0 + 2*1.0/9) / (3 + 2)},
		// Nothing has followed c.
		{"p(a|c)", g.bigram(2, 0), 3.0 / 9},
	} {
		if math.Abs(c.got-c.want) > 1e-15 {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	for before := range int32(4) {
		sum := 0.0
		for token := range int32(4) {
			sum += g.bigram(before, token)
		}
		if math.Abs(sum-1) > 1e-15 {
			t.Errorf("after %d the shares sum to %v", before, sum)
		}
	}
}

// TestLosses: on text it was counted on the bigram beats the unigram, and both
// beat equal odds.
func TestLosses(t *testing.T) {
	source := Source{Tokenizer: smallTokenizer(t), Seed: 1, Kind: Stories, Rows: 4, Length: 64}
	g, err := CountNGrams(source, 20, 600)
	if err != nil {
		t.Fatal(err)
	}
	unigram, bigram, err := g.Losses(source, 20)
	if err != nil || !(bigram < unigram && unigram < math.Log(600)) {
		t.Errorf("unigram %v, bigram %v, %v", unigram, bigram, err)
	}
}
