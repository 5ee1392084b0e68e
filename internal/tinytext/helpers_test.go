package tinytext

import (
	"testing"

	"github.com/layerclust/layerclust/loader"
)

// sample is the first n stories to learn from.
func sample(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i], _ = Text(1, Train, Stories, i)
	}
	return texts
}

// smallTokenizer is a tokenizer of 300 merges, learned from 200 stories.
func smallTokenizer(t *testing.T) loader.Tokenizer {
	t.Helper()
	dir := t.TempDir()
	if _, err := WriteTokenizer(dir, sample(200), 2+256+300); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := loader.OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tokenizer.Close() })
	return tokenizer
}
