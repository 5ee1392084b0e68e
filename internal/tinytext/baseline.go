package tinytext

import "math"

// NGrams are the two models that a language model has to beat: how often each
// token occurs, and how often each follows each.
type NGrams struct {
	tokens   float64
	counts   []float64            // (V)
	follows  map[[2]int32]float64 // of pairs
	contexts []float64            // (V) pairs by their first token
	kinds    []float64            // (V) different tokens seen after a token
}

// CountNGrams counts the tokens that count, with the token before each, over
// the first n batches of a source.
func CountNGrams(data Source, n, vocab int) (*NGrams, error) {
	g := newNGrams(vocab)
	return g, data.each(n, g.count)
}

func newNGrams(vocab int) *NGrams {
	return &NGrams{counts: make([]float64, vocab), follows: map[[2]int32]float64{},
		contexts: make([]float64, vocab), kinds: make([]float64, vocab)}
}

// count adds one token after another.
func (g *NGrams) count(before, token int32) {
	g.tokens++
	g.counts[token]++
	g.contexts[before]++
	if g.follows[[2]int32{before, token}] == 0 {
		g.kinds[before]++
	}
	g.follows[[2]int32{before, token}]++
}

// each visits the tokens that count and those before them.
func (s Source) each(n int, visit func(before, token int32)) error {
	for number := range n {
		b, err := s.Batch(number)
		if err != nil {
			return err
		}
		for i, w := range b.Weights {
			if w > 0 {
				visit(b.Tokens[i], b.Targets[i])
			}
		}
	}
	return nil
}

// unigram is the share of a token, with one occurrence more of every token.
func (g *NGrams) unigram(token int32) float64 {
	return (g.counts[token] + 1) / (g.tokens + float64(len(g.counts)))
}

// bigram is the share of a token after another, mixed with the unigram as
// Witten and Bell (1991) do: the more different tokens have followed a context,
// the likelier is one that never has.
func (g *NGrams) bigram(before, token int32) float64 {
	c, kinds := g.contexts[before], g.kinds[before]
	if c == 0 {
		return g.unigram(token)
	}
	return (g.follows[[2]int32{before, token}] + kinds*g.unigram(token)) / (c + kinds)
}

// Losses are those of both models on the first n batches of a source, in nats
// per token that counts.
func (g *NGrams) Losses(data Source, n int) (unigram, bigram float64, err error) {
	tokens := 0.0
	err = data.each(n, func(before, token int32) {
		tokens++
		unigram -= math.Log(g.unigram(token))
		bigram -= math.Log(g.bigram(before, token))
	})
	return unigram / tokens, bigram / tokens, err
}
