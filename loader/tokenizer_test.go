package loader_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

func openTokenizer(t *testing.T, dir string) loader.Tokenizer {
	t.Helper()
	tok, err := loader.OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tok.Close() })
	return tok
}

func decodeFile(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestTokenization reproduces the ids that transformers gives.
func TestTokenization(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	for _, model := range []string{"stories260K", "smollm2-135m"} {
		tok := openTokenizer(t, filepath.Join(fixtures, "models", model))
		var texts []struct {
			Text string  `json:"text"`
			IDs  []int32 `json:"ids"`
		}
		decodeFile(t, filepath.Join(fixtures, "reference", "tokenization", model+".json"), &texts)
		if len(texts) == 0 {
			t.Fatalf("%s: no texts", model)
		}
		for _, text := range texts {
			e, err := tok.Encode(text.Text)
			if err != nil {
				t.Errorf("%s: %q: %v", model, text.Text, err)
			} else if !slices.Equal(e.IDs, text.IDs) {
				t.Errorf("%s: %q is %v, transformers has %v", model, text.Text, e.IDs, text.IDs)
			}
		}
	}
}

// TestTokenizationPaper reproduces the two prompts of arXiv 2402.15415: the
// Llama-2 tokenizer's file cuts at 1,024 tokens and pads, and both are off.
func TestTokenizationPaper(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	tok := openTokenizer(t, filepath.Join(fixtures, "tokenizers", "llama-2"))
	var file struct {
		Prompts map[string]struct {
			Text string  `json:"text"`
			IDs  []int32 `json:"token_ids"`
		} `json:"prompts"`
	}
	decodeFile(t, filepath.Join(fixtures, "..", "reference", "llama", "prompts.json"), &file)
	for name, length := range map[string]int{"random": 774, "wiki": 369} {
		p := file.Prompts[name]
		if len(p.IDs) != length {
			t.Fatalf("%s: the reference has %d ids, want %d", name, len(p.IDs), length)
		}
		e, err := tok.Encode(p.Text)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(e.IDs, p.IDs) {
			t.Errorf("%s: %d ids, not the %d of the paper's run", name, len(e.IDs), length)
		}
		long, err := tok.Encode(strings.Repeat(p.Text, 4))
		if err != nil {
			t.Fatal(err)
		}
		if len(long.IDs) < 4*(length-2) { // tokens may merge where the copies meet
			t.Errorf("%s: four times the text has %d ids: it was cut", name, len(long.IDs))
		}
	}
	if !tok.Special(1) || tok.Token(1) != "<s>" || tok.Special(100) {
		t.Errorf("special tokens: id 1 is %q, special %v; id 100 special %v", tok.Token(1), tok.Special(1), tok.Special(100))
	}
	if text, err := tok.Decode([]int32{1, 15043, 3186}); err != nil || text != "<s> Hello world" {
		t.Errorf("decoded %q, %v", text, err)
	}
}

func TestTokenizerRefusals(t *testing.T) {
	tok := openTokenizer(t, filepath.Join(testmodel.Fixtures(t), "models", "stories260K"))
	for text, want := range map[string]string{"a\x00b": "NUL byte at offset 1", "\xff": "not UTF-8"} {
		if _, err := tok.Encode(text); err == nil || !errors.Is(err, loader.ErrInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := loader.OpenTokenizer(t.TempDir()); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, loader.ErrInput) {
		t.Errorf("no file: %v", err)
	}
	for _, content := range []string{"", "{", "[]", "{}", `{"model": {"type": "BPE"}}`, `{"added_tokens": 3}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loader.OpenTokenizer(dir); err == nil || !errors.Is(err, loader.ErrInput) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestReadPrompts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := "two\nlines\n"
	marked := "\xef\xbb\xbf" + text
	lines := `{"id":"a","text":"one","group":"g","label":"l","mask":[0]}` + "\n\n" + `{"input_ids":[1,2]}` + "\n"
	for _, c := range []struct{ name, path, stdin string }{
		{"txt", write("p.txt", text), ""}, {"stdin text", "-", text}, {"byte order mark", write("m.txt", marked), ""},
	} {
		got, err := loader.ReadPrompts(c.path, strings.NewReader(c.stdin), loader.PromptOptions{})
		if err != nil || len(got) != 1 || got[0].Text != text {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	for _, c := range []struct{ name, path, stdin string }{
		{"jsonl", write("p.jsonl", lines), ""}, {"stdin jsonl", "-", lines},
	} {
		got, err := loader.ReadPrompts(c.path, strings.NewReader(c.stdin), loader.PromptOptions{})
		if err != nil || len(got) != 2 || got[0].ID != "a" || got[0].Mask[0] != 0 || !slices.Equal(got[1].IDs, []int32{1, 2}) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if err := loader.NamePrompts(got); err != nil || got[1].ID != "prompt-1" {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// TestReadConversations holds lines of messages, which only PromptOptions.Chat lets in.
func TestReadConversations(t *testing.T) {
	line := `{"id":"a","messages":[{"role":"system","content":""},{"content":"hi","role":"user","tool_calls":null}]}`
	got, err := loader.ReadPrompts("-", strings.NewReader(line), loader.PromptOptions{Chat: true})
	want := []loader.Message{{Role: "system"}, {Role: "user", Content: "hi"}}
	if err != nil || len(got) != 1 || !slices.Equal(got[0].Messages, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := loader.ReadPrompts("-", strings.NewReader(line), loader.PromptOptions{}); err == nil || !strings.Contains(err.Error(), "--chat") {
		t.Errorf("without Chat: %v", err)
	}
	for content, want := range map[string]string{
		`{"messages":[]}`:                                              "messages is empty",
		`{"messages":{}}`:                                              "line 1: messages: ",
		`{"messages":[null]}`:                                          "messages[0]: there is no role",
		`{"messages":[{"role":"user"}]}`:                               "messages[0]: there is no content",
		`{"messages":[{"role":"user","content":["a"]}]}`:               "messages[0]: content is not a text in UTF-8",
		"{\"messages\":[{\"role\":\"user\",\"content\":\"a\xff\"}]}":   "messages[0]: content is not a text in UTF-8",
		`{"messages":[{"role":1,"content":"a"}]}`:                      "messages[0]: role is not a text",
		`{"messages":[{"role":"user","content":"a","name":"b"}]}`:      "messages[0]: the member name is not supported",
		`{"messages":[{"role":"user","content":"a"}],"text":"a"}`:      "messages are given, and text or input_ids as well",
		`{"messages":[{"role":"user","content":"a"}],"input_ids":[1]}`: "messages are given, and text or input_ids as well",
	} {
		_, err := loader.ReadPrompts("-", strings.NewReader(content), loader.PromptOptions{Chat: true})
		if !errors.Is(err, loader.ErrInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", content, err, want)
		}
	}
}

func TestReadPromptsRefusals(t *testing.T) {
	for content, want := range map[string]string{
		"": "no prompt", "{": "line 1", `{"id":"a"}`: "neither text nor input_ids", `{"text":""}`: "text is empty",
		`{"input_ids":[]}`: "input_ids is empty", `{"text":"a","input_ids":[1]}`: "both",
		"{\"text\":\"a\"}\n[1]": "line 2", "{\"text\":\"he\xff\"}": "not UTF-8", `{"text":"a\ud800b"}`: "not UTF-8", `{"text":"a","text":"b"}`: "text", `{"input_ids":[3000000000]}`: "line 1", `{"input_ids":[1.5]}`: "line 1", `{"text":7}`: "text: a number", `{"id":3,"text":"a"}`: "id: a number",
	} {
		path := filepath.Join(t.TempDir(), "p.jsonl")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loader.ReadPrompts(path, nil, loader.PromptOptions{}); err == nil || !errors.Is(err, loader.ErrInput) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", content, err)
		}
	}
	for _, path := range []string{"p.md", filepath.Join(t.TempDir(), "none.txt")} {
		if _, err := loader.ReadPrompts(path, nil, loader.PromptOptions{}); !errors.Is(err, loader.ErrInput) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, ids := range [][]string{{"a", "a"}, {"all"}, {"prompt-1", ""}} {
		var prompts []loader.PromptText
		for _, id := range ids {
			prompts = append(prompts, loader.PromptText{ID: id, Text: "x"})
		}
		if err := loader.NamePrompts(prompts); !errors.Is(err, loader.ErrInput) {
			t.Errorf("%v: %v", ids, err)
		}
	}
}

func TestFileNames(t *testing.T) {
	long := strings.Repeat("x", 300)
	ids := []string{"plain-1_a.b", "../../etc/passwd", "a b", "a/b", "é", "..", "CON/..", long, long + "y", ""}
	names := loader.FileNames(ids)
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" || len(name) > 250 || strings.ContainsAny(name, "/\\ ") || strings.Trim(name, ".") == "" || seen[name] {
			t.Errorf("%.20q has the name %q", ids[i], name)
		}
		seen[name] = true
	}
	if names[0] != ids[0] {
		t.Errorf("%q has the name %q", ids[0], names[0])
	}
}

// TestTokenizerClass holds what tokenizer_config.json decides: ids by
// transformers 5.23 AutoTokenizer on the same two folders.
func TestTokenizerClass(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	llama := openTokenizer(t, filepath.Join(fixtures, "tokenizers", "llama-2"))
	smol := openTokenizer(t, filepath.Join(fixtures, "models", "smollm2-135m"))
	if llama.Warning() != "" || !strings.Contains(smol.Warning(), "GPT2Tokenizer") {
		t.Errorf("warnings %q, %q", llama.Warning(), smol.Warning())
	}
	for _, c := range []struct {
		tokenizer loader.Tokenizer
		text      string
		ids       []int32
	}{
		{llama, "Hello</s> world", []int32{1, 15043, 2, 3186}},
		{llama, "<s>twice", []int32{1, 1, 7516, 625}},
		{llama, "  two  spaces", []int32{1, 29871, 1023, 29871, 8162}},
		{llama, "\tTab\nline", []int32{1, 29871, 12, 8863, 13, 1220}},
		{llama, " <s>[INST] hi [/INST]", []int32{1, 29871, 1, 29961, 25580, 29962, 7251, 518, 29914, 25580, 29962}},
		{smol, "<|im_start|>user\nHi<|im_end|>\n12345", []int32{1, 4093, 198, 26843, 2, 198, 33, 34, 35, 36, 37}},
	} {
		e, err := c.tokenizer.Encode(c.text)
		if err != nil || !slices.Equal(e.IDs, c.ids) {
			t.Errorf("%q: %v, %v; want %v", c.text, e.IDs, err, c.ids)
		}
	}
}

// TestQwen2Tokenizer: SmolLM2's vocabulary under the name of Qwen2Tokenizer, and
// in the folder of a qwen2 model, whatever its class is said to be; ids by
// transformers 5.23 AutoTokenizer on the same folders.
func TestQwen2Tokenizer(t *testing.T) {
	source := filepath.Join(testmodel.Fixtures(t), "models", "smollm2-135m")
	for name, files := range map[string]map[string]string{
		"by its class": {"tokenizer_config.json": `{"tokenizer_class":"Qwen2TokenizerFast"}`, "config.json": `{"model_type":"llama"}`},
		"by the model": {"tokenizer_config.json": `{"tokenizer_class":"GPT2Tokenizer"}`, "config.json": `{"model_type":"qwen2"}`},
	} {
		dir := t.TempDir()
		data, err := os.ReadFile(filepath.Join(source, "tokenizer.json"))
		if err != nil {
			t.Fatal(err)
		}
		files["tokenizer.json"] = string(data)
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tok := openTokenizer(t, dir)
		if !strings.Contains(tok.Warning(), "Qwen2Tokenizer") {
			t.Errorf("%s: warning %q", name, tok.Warning())
		}
		for _, c := range []struct {
			text string
			ids  []int32
		}{
			{"It's 12345 o'clock, WE'RE late", []int32{1589, 506, 216, 33, 34, 35, 36, 37, 263, 23, 17466, 28, 26587, 23, 3256, 3008}},
			{"Cafe\u0301 na\u00efve", []int32{51, 1939, 2756, 15486, 46494}}, // the accent is joined to its letter
			{"x\n\n  y  \r\nz", []int32{104, 1116, 216, 329, 256, 2738, 106}},
			{"a  b\t c...!?\nd", []int32{81, 216, 278, 197, 265, 2026, 17, 47, 198, 84}},
			{"<|im_start|>user\nHi", []int32{1, 4093, 198, 26843}},
		} {
			e, err := tok.Encode(c.text)
			if err != nil || !slices.Equal(e.IDs, c.ids) {
				t.Errorf("%s: %q: %v, %v; want %v", name, c.text, e.IDs, err, c.ids)
			}
		}
	}
}

// TestQwen2OwnSplit: no warning where tokenizer.json says what the class does, as
// Qwen's own files do.
func TestQwen2OwnSplit(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"config.json": `{"model_type":"qwen2"}`,
		"tokenizer.json": `{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[` +
			`{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},` +
			`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if tok := openTokenizer(t, dir); tok.Warning() != "" {
		t.Errorf("warning %q", tok.Warning())
	}
}
