package loader_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// chatGoldens is testdata/chat.json, by make_chat_goldens.py.
type chatGoldens struct {
	Date    string
	Chats   map[string][]struct{ Role, Content string }
	Goldens []struct {
		Tokenizer, Template, Chat string // Tokenizer is a folder of the fixtures
		Generation                bool
		Text, Error               string
		IDs                       []int32
	}
	WordList []string `json:"word_list"`
	Words    []struct {
		Tokenizer, Text string
		IDs             []int32
		Positions       []int
	}
}

func readChatGoldens(t *testing.T) chatGoldens {
	t.Helper()
	var g chatGoldens
	decodeFile(t, filepath.Join("testdata", "chat.json"), &g)
	if len(g.Goldens) < 200 || len(g.Words) == 0 {
		t.Fatalf("%d goldens, %d texts of words", len(g.Goldens), len(g.Words))
	}
	return g
}

// chatFolder is a folder of a tokenizer of the fixtures under another template.
func chatFolder(t *testing.T, tokenizer, template string) string {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, filepath.Join(tokenizer, "tokenizer_config.json"), filepath.Join(dir, "tokenizer_config.json"))
	copyFile(t, filepath.Join("testdata", "chat", template+".jinja"), filepath.Join(dir, "chat_template.jinja"))
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestChatAsTransformers compares text and ids, and what a template refuses, with
// apply_chat_template.
func TestChatAsTransformers(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	file := readChatGoldens(t)
	date, err := time.Parse(time.DateOnly, file.Date)
	if err != nil {
		t.Fatal(err)
	}
	tokenizers, chats := map[string]loader.Tokenizer{}, map[[2]string]*loader.Chat{}
	for _, g := range file.Goldens {
		dir := filepath.Join(fixtures, g.Tokenizer)
		if tokenizers[g.Tokenizer] == nil {
			tokenizers[g.Tokenizer] = openTokenizer(t, dir)
		}
		key := [2]string{g.Tokenizer, g.Template}
		if chats[key] == nil {
			if g.Template != "smollm2" { // the real one of its own folder
				dir = chatFolder(t, dir, g.Template)
			}
			c, err := loader.OpenChat(dir)
			if err != nil {
				t.Fatal(err)
			}
			c.Date = date
			chats[key] = c
		}
		var messages []loader.Message
		for _, m := range file.Chats[g.Chat] {
			messages = append(messages, loader.Message(m))
		}
		text, err := chats[key].Render(messages, g.Generation)
		if g.Error != "" {
			if err == nil || !strings.Contains(err.Error(), g.Error) || !errors.Is(err, loader.ErrInput) {
				t.Errorf("%v, %s: %q, %v; transformers refuses it: %s", key, g.Chat, text, err, g.Error)
			}
			continue
		}
		if err != nil || text != g.Text {
			t.Errorf("%v, %s, generation %v: %v\n%q, transformers has\n%q", key, g.Chat, g.Generation, err, text, g.Text)
			continue
		}
		e, err := tokenizers[g.Tokenizer].EncodePlain(text)
		if err != nil || !slices.Equal(e.IDs, g.IDs) {
			t.Errorf("%v, %s: %v, %v; transformers has %v", key, g.Chat, e.IDs, err, g.IDs)
		}
	}
}

// TestEncodePlain holds that no special token is added, and one in the text counts:
// ids by transformers 5.23, add_special_tokens=False.
func TestEncodePlain(t *testing.T) {
	tok := openTokenizer(t, filepath.Join(testmodel.Fixtures(t), "tokenizers", "llama-2"))
	for text, want := range map[string][]int32{"Hello world": {15043, 3186}, "<s>Hello</s>": {1, 10994, 2}} {
		if e, err := tok.EncodePlain(text); err != nil || !slices.Equal(e.IDs, want) {
			t.Errorf("%q: %v, %v; want %v", text, e.IDs, err, want)
		}
	}
}

// TestOpenChat holds where a template may stand, and which special tokens it sees.
func TestOpenChat(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"tokenizer_config.json": `{"chat_template":"a{{ bos_token }}","bos_token":"<s>"}`}, "a<s>"},
		{map[string]string{"tokenizer_config.json": `{"chat_template":"a","bos_token":"<s>"}`, "chat_template.jinja": "b"}, "b"},
		{map[string]string{"tokenizer_config.json": `{"chat_template":[{"name":"x","template":"a"},{"name":"default","template":"b"}]}`}, "b"},
		{map[string]string{"tokenizer_config.json": `{"chat_template":{"x":"a","default":"b"}}`}, "b"},
		{map[string]string{"chat_template.jinja": "{{ bos_token }}{{ eos_token is defined }}{{ messages[0].content }}"}, "Falsehi"},
		{map[string]string{"tokenizer_config.json": `{"bos_token":{"content":"<x>"},"eos_token":null,"tokenizer_class":"LlamaTokenizerFast"}`,
			"chat_template.jinja": "{{ bos_token }}{{ eos_token }}{{ unk_token }}"}, "<x><unk>"},
		{map[string]string{"tokenizer_config.json": `{"bos_token":"<x>"}`, "special_tokens_map.json": `{"bos_token":{"content":"<y>"}}`,
			"chat_template.jinja": "{{ bos_token }}"}, "<y>"},
		{map[string]string{"tokenizer_config.json": `{"bos_token":"<x>","added_tokens_decoder":{}}`, "special_tokens_map.json": `{"bos_token":"<y>"}`,
			"chat_template.jinja": "{{ bos_token }}"}, "<x>"},
	} {
		chat, err := loader.OpenChat(folder(t, c.files))
		if err != nil {
			t.Errorf("%v: %v", c.files, err)
			continue
		}
		if got, err := chat.Render([]loader.Message{{Role: "user", Content: "hi"}}, false); err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.files, got, err, c.want)
		}
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenChatRefusals(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"tokenizer_config.json", `{"chat_template":null}`, "there is no chat template"},
		{"tokenizer_config.json", `{"chat_template":7}`, "chat_template: is neither a text nor a list of templates with names"},
		{"tokenizer_config.json", `{"chat_template":[{"name":"rag","template":"a"}]}`, `none of its templates is named default ("rag")`},
		{"tokenizer_config.json", `{"chat_template":"a\n{% include 'b' %}"}`, "tokenizer_config.json: chat template: line 2: the statement include is not supported"},
		{"tokenizer_config.json", `[`, "is not valid JSON"},
		{"special_tokens_map.json", `[]`, "there is no chat template"},
		{"chat_template.jinja", strings.Repeat("a", 1<<20), "1048576 bytes, more than the 262144 allowed"},
		{"chat_template.jinja", "{{ 'a", "chat_template.jinja: chat template: line 1: "},
	} {
		_, err := loader.OpenChat(folder(t, map[string]string{c.name: c.content}))
		if err == nil || !errors.Is(err, loader.ErrInput) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %.60s: %v; want %q", c.name, c.content, err, c.want)
		}
	}
	if _, err := loader.OpenChat(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
