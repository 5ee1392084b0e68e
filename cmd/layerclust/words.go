package main

import (
	"slices"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/loader"
)

// maskWords adds the tokens of the words of a file to each prompt's mask; "" names none.
func (in *inputs) maskWords(file string) error {
	if file == "" {
		return nil
	}
	words, err := loader.ReadWords(file)
	if err != nil {
		return err
	}
	if in.tokenizer == nil {
		return loader.InputErrorf("--mask-words %s: the model has no tokenizer to find words with", file)
	}
	found := false
	for i, p := range in.prompts {
		info := &in.infos[i]
		for _, at := range loader.WordPositions(loader.WordPieces(in.tokenizer, p.IDs), words) {
			found = true
			if !slices.ContainsFunc(info.Masked, func(m analyze.Masked) bool { return m.Position == at }) {
				info.Masked = append(info.Masked, analyze.Masked{Position: at, Reason: "user"})
			}
		}
		slices.SortFunc(info.Masked, func(a, b analyze.Masked) int { return a.Position - b.Position })
	}
	if !found {
		in.warn("--mask-words %s: none of its %d words is in a prompt", file, len(words))
	}
	return nil
}
