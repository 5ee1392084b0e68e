package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/layerclust/layerclust/loader"
)

// chatFlags are the flags that put prompts under the model's chat template.
type chatFlags struct {
	chat             bool
	generationPrompt bool
	date             string
}

func (f *chatFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.chat, "chat", false, "write prompts with the model's chat template: conversations (messages), and a text as one message of the user")
	flags.BoolVar(&f.generationPrompt, "generation-prompt", false, "with --chat, end with the header of the assistant's answer (add_generation_prompt)")
	flags.StringVar(&f.date, "chat-date", "", "with --chat, the `YYYY-MM-DD` that a template takes for today")
}

// check refuses what has no meaning without --chat.
func (f *chatFlags) check() error {
	switch {
	case f.generationPrompt && !f.chat:
		return usageError{fmt.Errorf("--generation-prompt has no meaning without --chat")}
	case f.date != "" && !f.chat:
		return usageError{fmt.Errorf("--chat-date has no meaning without --chat")}
	}
	if _, err := f.day(); err != nil {
		return usageError{fmt.Errorf("--chat-date %q: want a date as 2024-07-26", f.date)}
	}
	return nil
}

// day is the date of --chat-date, or the zero time.
func (f *chatFlags) day() (time.Time, error) {
	if f.date == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, f.date)
}

// open reads the chat template of a model's folder; it is nil without --chat.
func (f *chatFlags) open(dir string) (*loader.Chat, error) {
	if !f.chat {
		return nil, nil
	}
	c, err := loader.OpenChat(dir)
	if err != nil {
		return nil, err
	}
	c.Date, err = f.day()
	return c, err
}

// encode turns a prompt to ids, under chat where that is not nil. A template
// writes the special tokens itself, so the tokenizer adds none to its text.
func (f *chatFlags) encode(p loader.PromptText, t loader.Tokenizer, chat *loader.Chat) ([]int32, error) {
	if p.IDs != nil {
		return p.IDs, nil
	}
	if chat == nil {
		e, err := t.Encode(p.Text)
		return e.IDs, err
	}
	messages := p.Messages
	if messages == nil {
		messages = []loader.Message{{Role: "user", Content: p.Text}}
	}
	text, err := chat.Render(messages, f.generationPrompt)
	if err != nil {
		return nil, err
	}
	e, err := t.EncodePlain(text)
	return e.IDs, err
}
