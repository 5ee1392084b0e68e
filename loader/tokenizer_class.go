package loader

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Which ids a text has is decided by more than tokenizer.json. From version 5
// on, transformers takes some tokenizer classes named in tokenizer_config.json
// at their word: it keeps only vocabulary, merges and template of the file and
// builds the rest as the class has it. A model's users compare with
// transformers, so the same is done here, by editing the file before the
// tokenizer is made from it, and said in a warning where the file itself meant
// something else.

// tokenizerConfig are the fields of tokenizer_config.json that change ids.
type tokenizerConfig struct {
	Class          string          `json:"tokenizer_class"`
	AddPrefixSpace *bool           `json:"add_prefix_space"`
	Legacy         bool            `json:"legacy"`
	AddBOS         *bool           `json:"add_bos_token"`
	AddEOS         *bool           `json:"add_eos_token"`
	BOS            json.RawMessage `json:"bos_token"` // a string, or an object with "content"
	EOS            json.RawMessage `json:"eos_token"`

	modelType string // of config.json, "" where there is none
}

// tokenizerConfigFile is what transformers writes beside tokenizer.json.
const tokenizerConfigFile = "tokenizer_config.json"

// readTokenizerConfig reads dir/tokenizer_config.json; a folder without one has
// the zero configuration.
func readTokenizerConfig(dir string) (tokenizerConfig, error) {
	var c tokenizerConfig
	var model struct {
		Type string `json:"model_type"`
	}
	if err := readOptional(filepath.Join(dir, tokenizerConfigFile), &c); err != nil {
		return c, err
	}
	err := readOptional(filepath.Join(dir, "config.json"), &model)
	c.modelType = model.Type
	return c, err
}

// readOptional decodes a JSON file; one that is not there leaves into as it is.
func readOptional(path string, into any) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	data, err := readBounded(path, maxTokenizerBytes)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return inputErrorf("%s: %w", path, jsonFault(err))
	}
	return nil
}

// apply edits the members of a tokenizer.json as transformers would, and
// returns what a user should know.
func (c tokenizerConfig) apply(file map[string]json.RawMessage, id func(token string) (int32, bool)) (warning string, err error) {
	class := c.class()
	byteLevel := strings.Contains(string(file["pre_tokenizer"]), `"ByteLevel"`)
	own := string(file["pre_tokenizer"])
	switch {
	case !isType(file["model"], "BPE"): // no class of another model is rebuilt here
	case class == "GPT2Tokenizer":
		if !isType(file["pre_tokenizer"], "ByteLevel") {
			warning = otherSplit(class)
		}
		err = c.asGPT2(file)
	case class == "Qwen2Tokenizer":
		if err = c.asQwen2(file); !sameSplit(own, string(file["pre_tokenizer"])) {
			warning = otherSplit(class)
		}
	case class == "LlamaTokenizer" && !byteLevel: // a Llama-3 file under the old name is loaded as it is
		err = c.asLlama(file)
	}
	if err != nil {
		return "", err
	}
	if c.AddBOS != nil || c.AddEOS != nil {
		err = c.setTemplate(file, id)
	}
	return warning, err
}

// class is the tokenizer class of transformers.
func (c tokenizerConfig) class() string {
	if c.modelType == "qwen2" { // transformers does not believe such a folder's tokenizer_class
		return "Qwen2Tokenizer"
	}
	return strings.TrimSuffix(c.Class, "Fast")
}

// otherSplit is the warning of a file that means another split than its class.
func otherSplit(class string) string {
	return "transformers 5 takes this folder's tokenizer for a " + class + ", so text is split as it does; " +
		"tokenizer.json has another pre_tokenizer, and tools that follow it may give other ids"
}

// sameSplit compares what two pre_tokenizers say of the split itself: the order
// of their members, and the offsets that they report, do not matter.
func sameSplit(a, b string) bool {
	var decoded [2]any
	for i, text := range []string{a, b} {
		if json.Unmarshal([]byte(text), &decoded[i]) != nil {
			return false
		}
		parts, _ := decoded[i].(map[string]any)
		list, _ := parts["pretokenizers"].([]any)
		for _, part := range list {
			if part, ok := part.(map[string]any); ok {
				delete(part, "trim_offsets")
			}
		}
	}
	return reflect.DeepEqual(decoded[0], decoded[1])
}

// isType says whether a component of a tokenizer.json is of the given type.
func isType(component json.RawMessage, want string) bool {
	var c struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(component, &c) == nil && c.Type == want
}

func (c tokenizerConfig) asGPT2(file map[string]json.RawMessage) error {
	prefix := c.AddPrefixSpace != nil && *c.AddPrefixSpace
	set(file, "normalizer", nil)
	set(file, "pre_tokenizer", map[string]any{"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true})
	return editModel(file, map[string]any{"dropout": nil, "unk_token": nil, "continuing_subword_prefix": "",
		"end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false})
}

// qwenSplit is the expression that Qwen2Tokenizer splits text with.
const qwenSplit = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

func (c tokenizerConfig) asQwen2(file map[string]json.RawMessage) error {
	prefix := c.AddPrefixSpace != nil && *c.AddPrefixSpace
	set(file, "normalizer", map[string]any{"type": "NFC"})
	set(file, "pre_tokenizer", map[string]any{"type": "Sequence", "pretokenizers": []any{
		map[string]any{"type": "Split", "pattern": map[string]any{"Regex": qwenSplit}, "behavior": "Isolated", "invert": false},
		map[string]any{"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": false},
	}})
	return editModel(file, map[string]any{"dropout": nil, "unk_token": nil, "continuing_subword_prefix": "",
		"end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false})
}

func (c tokenizerConfig) asLlama(file map[string]json.RawMessage) error {
	scheme := "first"
	switch {
	case c.AddPrefixSpace != nil && !*c.AddPrefixSpace:
		scheme = "never"
	case c.Legacy:
		scheme = "always"
	}
	set(file, "normalizer", nil)
	set(file, "pre_tokenizer", map[string]any{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false})
	return editModel(file, map[string]any{"dropout": nil, "unk_token": nil, "fuse_unk": true, "byte_fallback": true})
}

// editModel replaces members of the model and leaves the vocabulary as it is.
func editModel(file map[string]json.RawMessage, changes map[string]any) error {
	var model map[string]json.RawMessage
	if err := json.Unmarshal(file["model"], &model); err != nil {
		return fmt.Errorf("model: %w", jsonFault(err))
	}
	for key, value := range changes {
		set(model, key, value)
	}
	set(file, "model", model)
	return nil
}

// set encodes value into an object.
func set(object map[string]json.RawMessage, key string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, booleans and raw JSON always encode
	}
	object[key] = raw
}

// setTemplate makes the post-processor that add_bos_token and add_eos_token
// ask for; transformers puts it in the place of the file's own.
func (c tokenizerConfig) setTemplate(file map[string]json.RawMessage, id func(string) (int32, bool)) error {
	single := []any{}
	specials := map[string]any{}
	add := func(wanted *bool, name string, raw json.RawMessage) error {
		token := tokenText(raw)
		if wanted == nil || !*wanted || token == "" {
			return nil
		}
		n, ok := id(token)
		if !ok {
			return fmt.Errorf("tokenizer_config.json: %s %s is not in the vocabulary", name, shown(token))
		}
		single = append(single, map[string]any{"SpecialToken": map[string]any{"id": token, "type_id": 0}})
		specials[token] = map[string]any{"id": token, "ids": []int32{n}, "tokens": []string{token}}
		return nil
	}
	if err := add(c.AddBOS, "bos_token", c.BOS); err != nil {
		return err
	}
	single = append(single, map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}})
	if err := add(c.AddEOS, "eos_token", c.EOS); err != nil {
		return err
	}
	pair := append(append([]any{}, single...), map[string]any{"Sequence": map[string]any{"id": "B", "type_id": 1}})
	set(file, "post_processor", map[string]any{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials})
	return nil
}

// tokenText is a token given as a string or as an object with "content".
func tokenText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var token struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(raw, &token) == nil {
		return token.Content
	}
	return ""
}
