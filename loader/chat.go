package loader

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/layerclust/layerclust/internal/chattemplate"
)

// Message is one turn of a conversation.
type Message = chattemplate.Message

// Chat is a model's chat template: it writes a conversation as the text that the
// model was trained on, special tokens included, as transformers'
// apply_chat_template does. Its text is encoded with EncodePlain.
type Chat struct {
	File string    // in the model's folder, where the template stands
	Date time.Time // what a template that asks for today's date is told; zero refuses it

	path     string
	template *chattemplate.Template
	special  map[string]string // "bos_token" and its like -> their text
}

// chatTemplateFile holds a template by itself; tokenizer_config.json may hold one, too.
const chatTemplateFile = "chat_template.jinja"

// OpenChat reads the chat template of a model's folder: chat_template.jinja, or
// else chat_template of tokenizer_config.json, a text or several by name, of
// which the one named default counts. The error is fs.ErrNotExist where the
// folder has none.
func OpenChat(dir string) (*Chat, error) {
	config := map[string]json.RawMessage{}
	if err := readOptional(filepath.Join(dir, tokenizerConfigFile), &config); err != nil {
		return nil, err
	}
	c := &Chat{}
	var source string
	var err error
	if c.File, source, err = findChatTemplate(dir, config); err != nil {
		return nil, err
	}
	c.path = filepath.Join(dir, c.File)
	if c.special, err = specialTokens(dir, config); err != nil {
		return nil, err
	}
	if c.template, err = chattemplate.Compile(source); err != nil {
		return nil, inputErrorf("%s: chat template: %w", c.path, err)
	}
	return c, nil
}

// Render is the text of a conversation; with addGenerationPrompt it ends where
// the assistant's answer would begin.
func (c *Chat) Render(messages []Message, addGenerationPrompt bool) (string, error) {
	text, err := c.template.Render(chattemplate.Input{
		Messages: messages, AddGenerationPrompt: addGenerationPrompt, Special: c.special, Date: c.Date,
	})
	if err != nil {
		return "", inputErrorf("%s: chat template: %w", c.path, err)
	}
	return text, nil
}

// findChatTemplate is the file of dir that has the template, and the template.
func findChatTemplate(dir string, config map[string]json.RawMessage) (file, source string, err error) {
	data, err := readBounded(filepath.Join(dir, chatTemplateFile), chattemplate.MaxSource)
	if err == nil {
		return chatTemplateFile, string(data), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	raw := config["chat_template"]
	if isNull(raw) {
		return "", "", inputErrorf("%s: there is no chat template, neither %s nor chat_template in %s: %w",
			dir, chatTemplateFile, tokenizerConfigFile, fs.ErrNotExist)
	}
	if source, err = defaultTemplate(raw); err != nil {
		return "", "", inputErrorf("%s: chat_template: %w", filepath.Join(dir, tokenizerConfigFile), err)
	}
	return tokenizerConfigFile, source, nil
}

// defaultTemplate is the template of a chat_template field: a text, a list of
// {"name", "template"}, or an object of them by name.
func defaultTemplate(raw json.RawMessage) (string, error) {
	var source string
	if json.Unmarshal(raw, &source) == nil {
		return source, nil
	}
	named := map[string]string{}
	var list []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if json.Unmarshal(raw, &list) == nil {
		for _, t := range list {
			named[t.Name] = t.Template
		}
	} else if json.Unmarshal(raw, &named) != nil {
		return "", errors.New("is neither a text nor a list of templates with names")
	}
	if source, ok := named["default"]; ok {
		return source, nil
	}
	var names []string
	for name := range named {
		names = append(names, shown(name))
	}
	slices.Sort(names)
	return "", fmt.Errorf("none of its templates is named default (%s)", listed(names))
}

// specialNames are the special tokens that transformers names to a template.
var specialNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// classTokens are the special tokens that a tokenizer class of transformers has
// where tokenizer_config.json does not speak of them.
var classTokens = map[string]map[string]string{
	"LlamaTokenizer": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
	"GPT2Tokenizer":  {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
	"Qwen2Tokenizer": {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
}

// specialTokens are the special tokens by name. special_tokens_map.json counts
// where tokenizer_config.json has no added_tokens_decoder, in folders of old.
func specialTokens(dir string, config map[string]json.RawMessage) (map[string]string, error) {
	c, err := readTokenizerConfig(dir)
	if err != nil {
		return nil, err
	}
	special := map[string]string{}
	maps.Copy(special, classTokens[c.class()])
	sources := []map[string]json.RawMessage{config}
	if config["added_tokens_decoder"] == nil {
		old := map[string]json.RawMessage{}
		if err := readOptional(filepath.Join(dir, "special_tokens_map.json"), &old); err != nil {
			return nil, err
		}
		sources = append(sources, old)
	}
	for _, source := range sources {
		for _, name := range specialNames {
			if raw, ok := source[name]; ok {
				delete(special, name)
				if token := tokenText(raw); token != "" {
					special[name] = token
				}
			}
		}
	}
	return special, nil
}

// isNull says whether a field is absent or null.
func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }
