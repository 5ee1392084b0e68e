package main

import (
	"context"
	"math/rand/v2"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// open opens the model, the adapters and the prompts.
func (j *job) open(ctx context.Context) error {
	var err error
	if j.model, err = loader.Open(j.dir); err != nil {
		return err
	}
	if err := j.openAdapters(ctx); err != nil {
		return err
	}
	if j.prompts == "" {
		j.ids = []extract.Prompt{randomPrompt(j.tokens, j.model.Config.VocabSize)}
		return nil
	}
	j.ids, err = readPrompts(j.prompts)
	return err
}

func (j *job) openAdapters(ctx context.Context) error {
	var refs []loader.AdapterRef
	for _, arg := range j.adapters {
		r, err := loader.ResolveAdapterArg(ctx, arg, loader.HubOptions{})
		if err != nil {
			return err
		}
		refs = append(refs, r...)
	}
	if err := loader.CheckNames(refs); err != nil {
		return err
	}
	for _, ref := range refs {
		a, err := loader.OpenAdapter(ref, j.model, loader.AdapterOptions{})
		if err != nil {
			return err
		}
		j.opened = append(j.opened, a)
	}
	return nil
}

// randomPrompt is n ids, the same each time. The first three ids of a
// vocabulary are mostly special, and are left out.
func randomPrompt(n, vocab int) extract.Prompt {
	rng := rand.New(rand.NewPCG(0, 0))
	p := extract.Prompt{ID: "random", IDs: make([]int32, n)}
	first := min(3, vocab-1)
	for i := range p.IDs {
		p.IDs[i] = int32(first + rng.IntN(vocab-first))
	}
	return p
}

// readPrompts reads a file of ids. A text is refused: to time a tokenizer is
// another matter, and the other programs may split it differently.
func readPrompts(path string) ([]extract.Prompt, error) {
	texts, err := loader.ReadPrompts(path, nil, loader.PromptOptions{})
	if err == nil {
		err = loader.NamePrompts(texts)
	}
	if err != nil {
		return nil, err
	}
	prompts := make([]extract.Prompt, len(texts))
	for i, p := range texts {
		if p.IDs == nil {
			return nil, loader.InputErrorf("%s: prompt %q has no input_ids", path, p.ID)
		}
		prompts[i] = extract.Prompt{ID: p.ID, IDs: p.IDs}
	}
	return prompts, nil
}

func (j *job) close() {
	for _, a := range j.opened {
		a.Close()
	}
	if j.model != nil {
		j.model.Close()
	}
}
