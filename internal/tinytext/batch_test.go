package tinytext

import (
	"slices"
	"strings"
	"testing"
)

// TestBatch: sequences begin with a text, targets are the next tokens, and of
// lists only the answers count.
func TestBatch(t *testing.T) {
	tokenizer := smallTokenizer(t)
	for _, kind := range []Kind{Stories, Letters, Lists} {
		source := Source{Tokenizer: tokenizer, Seed: 1, Kind: kind, Rows: 3, Length: 250}
		batch, err := source.Batch(5)
		if err != nil {
			t.Fatal(err)
		}
		again, err := source.Batch(5)
		if err != nil || !slices.Equal(batch.Tokens, again.Tokens) {
			t.Errorf("the same batch has other tokens, %v", err)
		}
		for row := range source.Rows {
			at := row * source.Length
			tokens, targets := batch.Tokens[at:at+source.Length], batch.Targets[at:at+source.Length]
			weights := batch.Weights[at : at+source.Length]
			if tokens[0] != beginID || !slices.Equal(tokens[1:], targets[:source.Length-1]) {
				t.Errorf("row %d: tokens %v, targets %v", row, tokens[:5], targets[:5])
			}
			var counted []int32
			for i, id := range targets {
				if weights[i] == 1 {
					counted = append(counted, id)
				} else if weights[i] != 0 || kind != Lists && id != beginID {
					t.Errorf("row %d: target %d has weight %v", row, i, weights[i])
				}
			}
			if kind == Lists {
				said, err := tokenizer.Decode(counted)
				if err != nil || !strings.HasPrefix(said, "\nThe names: ") || !strings.HasSuffix(said, "."+endToken) || strings.Count(said, endToken) != 1 {
					t.Errorf("row %d: what counts is %q, %v", row, said, err)
				}
			}
		}
	}
	if _, err := (Source{Tokenizer: tokenizer, Seed: 1, Kind: Lists, Rows: 1, Length: 20}).Batch(0); err == nil {
		t.Error("lists in sequences too short for any")
	}
}
