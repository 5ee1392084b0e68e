package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/loader"
)

// tokenized is one prompt of `tokens --json`.
type tokenized struct {
	ID      string   `json:"id"`
	IDs     []int32  `json:"ids"`
	Tokens  []string `json:"tokens"` // the vocabulary's strings
	Pieces  []string `json:"pieces"` // the text of each
	Special []bool   `json:"special"`
}

func newTokensCommand() *cobra.Command {
	var prompts []promptArg
	var chat chatFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tokens MODEL (--prompt TEXT | --prompts FILE)...",
		Short: "Show the ids and tokens of prompts",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(prompts) == 0 {
				return usageError{fmt.Errorf("no prompt: give --prompt TEXT or --prompts FILE")}
			}
			if err := chat.check(); err != nil {
				return err
			}
			list, err := tokenizePrompts(cmd, args[0], prompts, &chat)
			if err != nil {
				return err
			}
			return writeTokens(cmd.OutOrStdout(), list, asJSON)
		},
	}
	cmd.Flags().Var(promptValue{&prompts, false}, "prompt", "a prompt; repeatable")
	cmd.Flags().Var(promptValue{&prompts, true}, "prompts", "prompts from a .txt or .jsonl file, or -; repeatable")
	chat.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object; for several prompts, one that lists theirs as prompts")
	return cmd
}

// tokenizePrompts needs only the tokenizer of a model's folder.
func tokenizePrompts(cmd *cobra.Command, model string, args []promptArg, f *chatFlags) ([]tokenized, error) {
	dir, err := loader.ResolveModel(cmd.Context(), model, loader.HubOptions{Progress: cmd.ErrOrStderr()})
	if err != nil {
		return nil, err
	}
	t, err := loader.OpenTokenizer(dir)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	chat, err := f.open(dir)
	if err != nil {
		return nil, err
	}
	texts, err := readPrompts(args, cmd.InOrStdin(), loader.PromptOptions{Chat: f.chat})
	if err != nil {
		return nil, err
	}
	list := make([]tokenized, len(texts))
	for i, p := range texts {
		ids, err := f.encode(p, t, chat)
		if err != nil {
			return nil, loader.InputErrorf("prompt %q: %w", p.ID, err)
		}
		list[i] = tokenized{ID: p.ID, IDs: ids}
		for _, id := range ids {
			list[i].Tokens = append(list[i].Tokens, t.Token(id))
			list[i].Pieces = append(list[i].Pieces, piece(t, id))
			list[i].Special = append(list[i].Special, t.Special(id))
		}
	}
	return list, nil
}

func writeTokens(w io.Writer, list []tokenized, asJSON bool) error {
	if asJSON {
		if len(list) == 1 {
			return writeJSON(w, list[0])
		}
		return writeJSON(w, map[string]any{"prompts": list})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range list {
		fmt.Fprintf(table, "%s: %d tokens\n", p.ID, len(p.IDs))
		for i, id := range p.IDs {
			note := ""
			if p.Special[i] {
				note = "special"
			}
			fmt.Fprintf(table, "%d\t%d\t%s\t%s\n", i, id, strconv.Quote(p.Pieces[i]), note)
		}
	}
	return table.Flush()
}
