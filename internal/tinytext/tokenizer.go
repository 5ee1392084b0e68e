package tinytext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The two special tokens. Every text begins with the first, and a model that
// has told a story to its end says the second.
const (
	beginToken, endToken       = "<|begin|>", "<|end|>"
	beginID, endID       int32 = 0, 1
)

// WriteTokenizer learns at most vocab tokens from texts and writes
// tokenizer.json and tokenizer_config.json into dir. It returns how many
// tokens there are: the two special ones, the 256 bytes, and one for each merge.
func WriteTokenizer(dir string, texts []string, vocab int) (int, error) {
	merges := learnMerges(texts, vocab-2-len(byteLetters))
	ids := map[string]int32{beginToken: beginID, endToken: endID}
	for _, letter := range byteLetters {
		ids[letter] = int32(len(ids))
	}
	pairs := make([]string, len(merges))
	for i, m := range merges {
		pairs[i] = m.left + " " + m.right
		if _, known := ids[m.left+m.right]; !known { // two merges may make the same token
			ids[m.left+m.right] = int32(len(ids))
		}
	}
	if err := writeJSON(filepath.Join(dir, "tokenizer.json"), tokenizerFile(ids, pairs)); err != nil {
		return 0, err
	}
	return len(ids), writeJSON(filepath.Join(dir, "tokenizer_config.json"), map[string]any{
		"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": positions,
		"bos_token": beginToken, "eos_token": endToken, "clean_up_tokenization_spaces": false,
	})
}

type object = map[string]any

// tokenizerFile is a tokenizer.json as the tokenizers library has it.
func tokenizerFile(ids map[string]int32, merges []string) object {
	var added []object
	for id, token := range []string{beginToken, endToken} {
		added = append(added, object{"id": id, "content": token, "single_word": false, "lstrip": false,
			"rstrip": false, "normalized": false, "special": true})
	}
	byteLevel := object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	begin := object{"SpecialToken": object{"id": beginToken, "type_id": 0}}
	sequence := func(id string, kind int) object { return object{"Sequence": object{"id": id, "type_id": kind}} }
	return object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil,
		"pre_tokenizer": byteLevel, "decoder": byteLevel,
		"post_processor": object{
			"type":           "TemplateProcessing",
			"single":         []object{begin, sequence("A", 0)},
			"pair":           []object{begin, sequence("A", 0), sequence("B", 1)},
			"special_tokens": object{beginToken: object{"id": beginToken, "ids": []int32{beginID}, "tokens": []string{beginToken}}},
		},
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": ids, "merges": merges,
		},
	}
}

// writeJSON writes a value, keys in order.
func writeJSON(path string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, text.Bytes(), 0o666)
}
