package tinytext

import (
	"fmt"

	"github.com/layerclust/layerclust/loader"
)

// Source gives batches of one kind of text.
type Source struct {
	Tokenizer loader.Tokenizer
	Seed      uint64
	Side      Side
	Kind      Kind
	Rows      int // B, sequences in a batch
	Length    int // T, tokens in a sequence
}

// Batch is what one step learns from: each token is to predict its target.
type Batch struct {
	Tokens, Targets []int32   // (B, T)
	Weights         []float32 // (B, T): 1 where the prediction counts, else 0
}

// textsPerRow is how many texts are kept for one sequence, so that where they
// are found depends on nothing but the sequence's number.
const textsPerRow = 16

// Batch gives the batch of a number. It depends on that and the source alone,
// so that a run that is resumed sees what it would have seen.
func (s Source) Batch(number int) (Batch, error) {
	var b Batch
	for row := range s.Rows {
		ids, counts, err := s.sequence(number*s.Rows + row)
		if err != nil {
			return Batch{}, err
		}
		b.Tokens = append(b.Tokens, ids[:s.Length]...)
		b.Targets = append(b.Targets, ids[1:]...)
		b.Weights = append(b.Weights, counts[1:]...)
	}
	return b, nil
}

// sequence gives T+1 tokens and whether each is to be predicted. A sequence
// starts with a text, as prompts do, and others follow until it is full. A list
// means nothing without its story, so that of lists there is one in a sequence,
// whole, with end tokens that do not count behind it.
func (s Source) sequence(row int) (ids []int32, counts []float32, err error) {
	for n := range textsPerRow {
		text, from, err := s.text(row*textsPerRow + n)
		if err != nil {
			return nil, nil, err
		}
		if s.Kind == Lists && len(text) > s.Length+1 {
			continue
		}
		for i, id := range text {
			ids, counts = append(ids, id), append(counts, oneIf(i >= from))
		}
		if s.Kind == Lists {
			for len(ids) <= s.Length {
				ids, counts = append(ids, endID), append(counts, 0)
			}
		}
		if len(ids) > s.Length {
			return ids[:s.Length+1], counts[:s.Length+1], nil
		}
	}
	return nil, nil, fmt.Errorf("sequence %d: %d texts do not fill or fit %d tokens", row, textsPerRow, s.Length)
}

// text gives the tokens of a text, with both special tokens, and the first one
// that is to be predicted; the begin token never is.
func (s Source) text(n int) (ids []int32, from int, err error) {
	text, answer := Text(s.Seed, s.Side, s.Kind, n)
	whole, err := s.Tokenizer.Encode(text)
	if err != nil {
		return nil, 0, err
	}
	given, err := s.Tokenizer.Encode(text[:len(text)-len(answer)])
	if err != nil {
		return nil, 0, err
	}
	return append(whole.IDs, endID), len(given.IDs), nil
}

func oneIf(yes bool) float32 {
	if yes {
		return 1
	}
	return 0
}
