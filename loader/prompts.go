package loader

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on prompt files: far above any use, far below what exhausts memory.
const (
	maxPromptFile = 1 << 30
	maxPromptLine = 64 << 20
)

// PromptText is a prompt as its file has it: a text, a conversation, or the token ids.
type PromptText struct {
	ID       string // "" for none
	Text     string
	Messages []Message // nil where Text or IDs count
	IDs      []int32   // nil where Text or Messages count
	Group    string
	Label    string
	Mask     []int // token positions to leave out
}

// PromptOptions say what prompts may be.
type PromptOptions struct {
	Chat bool // a line may hold "messages", a conversation
}

// ReadPrompts reads a .txt file (the whole file is one prompt), a .jsonl file
// (one prompt a line), or, for the path "-", stdin: JSON lines where its first
// character is "{", else one text. Errors name the file and line.
func ReadPrompts(path string, stdin io.Reader, o PromptOptions) ([]PromptText, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case path == "-":
		data, err := readAllBounded("standard input", stdin)
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
			return parsePromptLines("standard input", bytes.NewReader(data), o)
		}
		return onePrompt("standard input", data)
	case ext == ".txt":
		f, err := os.Open(path)
		if err != nil {
			return nil, inputErrorf("%w", err)
		}
		defer f.Close()
		data, err := readAllBounded(path, f)
		if err != nil {
			return nil, err
		}
		return onePrompt(path, data)
	case ext == ".jsonl":
		f, err := os.Open(path)
		if err != nil {
			return nil, inputErrorf("%w", err)
		}
		defer f.Close()
		return parsePromptLines(path, f, o)
	default:
		return nil, inputErrorf("%s: prompts come as .txt (one prompt) or .jsonl (one a line), not %q", path, ext)
	}
}

func readAllBounded(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPromptFile+1))
	if err != nil {
		return nil, inputErrorf("%s: %w", name, err)
	}
	if len(data) > maxPromptFile {
		return nil, inputErrorf("%s: more than %d bytes", name, maxPromptFile)
	}
	return bytes.TrimPrefix(data, byteOrderMark), nil
}

// byteOrderMark begins the files of some editors; it is no part of a text.
var byteOrderMark = []byte("\xef\xbb\xbf")

func onePrompt(name string, data []byte) ([]PromptText, error) {
	if len(data) == 0 {
		return nil, inputErrorf("%s: the prompt is empty", name)
	}
	return []PromptText{{Text: string(data)}}, nil
}

// promptLine is a line of a .jsonl file.
type promptLine struct {
	ID       string                         `json:"id"`
	Text     *string                        `json:"text"`
	IDs      *[]int32                       `json:"input_ids"`
	Group    string                         `json:"group"`
	Label    string                         `json:"label"`
	Mask     []int                          `json:"mask"`
	Messages *[]map[string]*json.RawMessage `json:"messages"`
}

func parsePromptLines(name string, r io.Reader, o PromptOptions) ([]PromptText, error) {
	var prompts []PromptText
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxPromptLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		line := lines.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		p, err := parsePrompt(line, o)
		if err != nil {
			return nil, inputErrorf("%s: line %d: %w", name, n, err)
		}
		prompts = append(prompts, p)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line has more than %d bytes", maxPromptLine)
		}
		return nil, inputErrorf("%s: %w", name, err)
	}
	if len(prompts) == 0 {
		return nil, inputErrorf("%s: no prompt in it", name)
	}
	return prompts, nil
}

func parsePrompt(line []byte, o PromptOptions) (PromptText, error) {
	var l promptLine
	if _, err := parseObject(line); err != nil { // refuses keys given twice as well
		return PromptText{}, err
	}
	if err := json.Unmarshal(line, &l); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return PromptText{}, fmt.Errorf("%s: a %s does not belong there", t.Field, t.Value)
		}
		return PromptText{}, jsonFault(err)
	}
	if l.Text != nil && !wholeText(line, *l.Text) {
		return PromptText{}, errors.New("text is not UTF-8, or has half a surrogate pair")
	}
	p := PromptText{ID: l.ID, Group: l.Group, Label: l.Label, Mask: l.Mask}
	var err error
	switch {
	case l.Messages != nil && !o.Chat:
		err = errors.New("messages: a conversation needs the model's chat template, which --chat applies")
	case l.Text != nil && l.IDs != nil:
		err = errors.New("both text and input_ids are given")
	case l.Messages != nil && (l.Text != nil || l.IDs != nil):
		err = errors.New("messages are given, and text or input_ids as well")
	case l.Messages != nil:
		p.Messages, err = parseMessages(*l.Messages)
	case l.Text == nil && l.IDs == nil:
		err = errors.New("neither text nor input_ids is given")
	case l.IDs != nil && len(*l.IDs) == 0:
		err = errors.New("input_ids is empty")
	case l.Text != nil && *l.Text == "":
		err = errors.New("text is empty")
	case l.IDs != nil:
		p.IDs = *l.IDs
	default:
		p.Text = *l.Text
	}
	return p, err
}

// parseMessages reads a conversation: objects of a role and a content. What a
// template may make of any other member is not known, so none is passed over.
func parseMessages(raw []map[string]*json.RawMessage) ([]Message, error) {
	if len(raw) == 0 {
		return nil, errors.New("messages is empty")
	}
	messages := make([]Message, len(raw))
	for i, members := range raw {
		fields := map[string]*string{"role": &messages[i].Role, "content": &messages[i].Content}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if _, ok := fields[name]; !ok && members[name] != nil { // null says nothing
				return nil, fmt.Errorf("messages[%d]: the member %s is not supported", i, shownKey(name))
			}
		}
		for _, name := range []string{"role", "content"} {
			value := members[name]
			if value == nil {
				return nil, fmt.Errorf("messages[%d]: there is no %s", i, name)
			}
			if json.Unmarshal(*value, fields[name]) != nil || !wholeText(*value, *fields[name]) {
				return nil, fmt.Errorf("messages[%d]: %s is not a text in UTF-8", i, name)
			}
		}
	}
	return messages, nil
}

// wholeText says whether a decoded text is what its line has: encoding/json puts
// U+FFFD in the place of bytes and escapes that are no character.
func wholeText(line []byte, text string) bool {
	if !strings.ContainsRune(text, utf8.RuneError) {
		return true
	}
	return utf8.Valid(line) && (bytes.ContainsRune(line, utf8.RuneError) || bytes.Contains(bytes.ToLower(line), []byte(`\ufffd`)))
}

// NamePrompts gives prompts without an id the ids prompt-0, prompt-1 ... by
// their place, and refuses an id that is taken or means something else.
func NamePrompts(prompts []PromptText) error {
	seen := map[string]bool{}
	for i := range prompts {
		p := &prompts[i]
		if p.ID == "" {
			p.ID = fmt.Sprintf("prompt-%d", i)
		}
		if p.ID == "all" {
			return inputErrorf("prompt %d: the id \"all\" stands for the mean over prompts", i)
		}
		if seen[p.ID] {
			return inputErrorf("prompt %d: the id %q is used twice", i, p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

// FileNames gives each id a safe file name without extension, all different.
// Ids of letters, digits, "-", "_" and "." keep their own; of the others the
// odd characters become "_" and a digest of the id follows.
func FileNames(ids []string) []string {
	names := make([]string, len(ids))
	taken := map[string]bool{}
	for i, id := range ids {
		if plainID(id) {
			names[i] = id
			taken[id] = true
		}
	}
	for i, id := range ids {
		if names[i] != "" {
			continue
		}
		sum := sha256.Sum256([]byte(id))
		name := strings.Map(plainRune, id)
		name = strings.TrimLeft(name[:min(len(name), 60)], ".") + "-" + hex.EncodeToString(sum[:6])
		for taken[name] {
			name += "_"
		}
		names[i] = name
		taken[name] = true
	}
	return names
}

// maxPlainID leaves room for a suffix within the 255 bytes of a file name.
const maxPlainID = 200

func plainID(id string) bool {
	return id != "" && len(id) <= maxPlainID && strings.Trim(id, ".") != "" && strings.Map(plainRune, id) == id
}

// plainRune is r, or "_" where r is not safe in a file name.
func plainRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		return r
	}
	return '_'
}
