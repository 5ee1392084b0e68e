package loader

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/daulet/tokenizers"
)

// maxTokenizerBytes bounds tokenizer.json; the largest in use have about 35 MB.
const maxTokenizerBytes = 256 << 20

// Encoding is a text as tokens.
type Encoding struct {
	IDs    []int32
	Tokens []string // the vocabulary's own strings, as "Ġthe" or "▁the"
}

// Tokenizer turns text to ids as the model's own does.
type Tokenizer interface {
	// Encode adds the special tokens of the tokenizer's template, and cuts nothing.
	Encode(text string) (Encoding, error)
	// EncodePlain adds none: a chat template writes them into the text, where they
	// become their ids.
	EncodePlain(text string) (Encoding, error)
	// Decode is the text of ids, special tokens included.
	Decode(ids []int32) (string, error)
	// Special says whether id is one of the tokenizer's special tokens.
	Special(id int32) bool
	// Token is the vocabulary's string of id, or "" if there is none.
	Token(id int32) string
	// Bytes is what id adds to a text: a leading space included, of a character
	// that several tokens share only its part.
	Bytes(id int32) string
	// Warning is what a user should know of how text is split, or "".
	Warning() string
	Close() error
}

// OpenTokenizer reads dir/tokenizer.json and, of tokenizer_config.json, what
// transformers lets decide over it. Truncation and padding built into the file
// are switched off, as transformers does: they would cut or fill prompts
// silently. The error is fs.ErrNotExist where there is no such file.
func OpenTokenizer(dir string) (Tokenizer, error) {
	path := filepath.Join(dir, "tokenizer.json")
	data, err := readTokenizerFile(path)
	if err != nil {
		return nil, err
	}
	config, err := readTokenizerConfig(dir)
	if err != nil {
		return nil, err
	}
	t := &hfTokenizer{path: path}
	if data, err = t.parse(data, config); err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	// Special tokens written in a prompt become their ids, as in transformers.
	if t.tokenizer, err = tokenizers.FromBytes(data); err != nil {
		return nil, inputErrorf("%s: %s", path, firstLine(err.Error()))
	}
	return t, nil
}

func readTokenizerFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		advice := ""
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "tokenizer.model")); err == nil {
			advice = " (there is a tokenizer.model: save it once with transformers' AutoTokenizer to get one)"
		}
		return nil, inputErrorf("%s: %w%s", path, fs.ErrNotExist, advice)
	}
	if err != nil {
		return nil, inputErrorf("%w", err)
	}
	if info.Size() > maxTokenizerBytes {
		return nil, inputErrorf("%s: %d bytes, more than the %d allowed", path, info.Size(), maxTokenizerBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, inputErrorf("%w", err)
	}
	return data, nil
}

// hfTokenizer is a tokenizer.json through the Rust library that transformers uses.
type hfTokenizer struct {
	path      string
	tokenizer *tokenizers.Tokenizer
	special   map[int32]bool
	tokens    map[int32]string
	added     map[int32]bool // tokens whose string is their text
	byteLevel bool
	warning   string
}

// parse notes the vocabulary and the special tokens of a tokenizer.json, and
// returns it as it is to be used: without truncation and padding, and as
// config has it.
func (t *hfTokenizer) parse(data []byte, config tokenizerConfig) ([]byte, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, jsonFault(err)
	}
	var added []struct {
		ID      int32  `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	}
	if raw, ok := file["added_tokens"]; ok {
		if err := json.Unmarshal(raw, &added); err != nil {
			return nil, fmt.Errorf("added_tokens: %w", jsonFault(err))
		}
	}
	t.tokens, t.special, t.added = vocabulary(file["model"]), map[int32]bool{}, map[int32]bool{}
	t.byteLevel = strings.Contains(string(file["decoder"]), `"ByteLevel"`)
	for _, a := range added {
		t.tokens[a.ID] = a.Content
		t.added[a.ID] = true
		t.special[a.ID] = a.Special
	}
	set(file, "truncation", nil)
	set(file, "padding", nil)
	var err error
	if t.warning, err = config.apply(file, t.find); err != nil {
		return nil, err
	}
	return json.Marshal(file)
}

// find is the id of a token.
func (t *hfTokenizer) find(token string) (int32, bool) {
	for id, known := range t.tokens {
		if known == token {
			return id, true
		}
	}
	return 0, false
}

// vocabulary is id -> token of a model whose vocab is a map (BPE, WordPiece)
// or a list of pairs (Unigram). It serves display alone: what it cannot read
// is left out.
func vocabulary(model json.RawMessage) map[int32]string {
	tokens := map[int32]string{}
	var byToken struct {
		Vocab map[string]int32 `json:"vocab"`
	}
	if json.Unmarshal(model, &byToken) == nil {
		for token, id := range byToken.Vocab {
			tokens[id] = token
		}
		return tokens
	}
	var byID struct {
		Vocab [][2]any `json:"vocab"`
	}
	if json.Unmarshal(model, &byID) == nil {
		for id, pair := range byID.Vocab {
			if token, ok := pair[0].(string); ok {
				tokens[int32(id)] = token
			}
		}
	}
	return tokens
}

func (t *hfTokenizer) Encode(text string) (Encoding, error)      { return t.encode(text, true) }
func (t *hfTokenizer) EncodePlain(text string) (Encoding, error) { return t.encode(text, false) }

func (t *hfTokenizer) encode(text string, addSpecial bool) (Encoding, error) {
	if i := strings.IndexByte(text, 0); i >= 0 { // a C string would end here, silently
		return Encoding{}, inputErrorf("the text holds a NUL byte at offset %d", i)
	}
	if !utf8.ValidString(text) {
		return Encoding{}, inputErrorf("the text is not UTF-8")
	}
	ids, _, err := t.tokenizer.EncodeErr(text, addSpecial)
	if err != nil {
		return Encoding{}, fmt.Errorf("%s: %w", t.path, err)
	}
	e := Encoding{IDs: make([]int32, len(ids)), Tokens: make([]string, len(ids))}
	for i, id := range ids {
		e.IDs[i] = int32(id)
		e.Tokens[i] = t.Token(int32(id))
	}
	return e, nil
}

func (t *hfTokenizer) Decode(ids []int32) (string, error) {
	if len(ids) == 0 {
		return "", nil
	}
	u := make([]uint32, len(ids))
	for i, id := range ids {
		u[i] = uint32(id)
	}
	return t.tokenizer.DecodeErr(u, false)
}

func (t *hfTokenizer) Special(id int32) bool { return t.special[id] }
func (t *hfTokenizer) Token(id int32) string { return t.tokens[id] }
func (t *hfTokenizer) Warning() string       { return t.warning }
func (t *hfTokenizer) Close() error          { return t.tokenizer.Close() }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
