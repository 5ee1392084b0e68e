package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/internal/testmodel"
)

// layerclust runs one command line.
func layerclust(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

const conversation = `{"id":"c","messages":[{"role":"system","content":"Be terse."},{"role":"user","content":"The cat"}]}`

// TestChatTokens compares with ids of transformers 5.23:
// AutoTokenizer(smollm2-135m).apply_chat_template(messages, add_generation_prompt=...).
func TestChatTokens(t *testing.T) {
	model := filepath.Join(testmodel.Fixtures(t), "models", "smollm2-135m")
	header := []int32{1, 520, 9531, 198}
	hi := []int32{1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 26843, 2, 198}
	talk := []int32{1, 9690, 198, 6077, 1733, 313, 30, 2, 198, 1, 4093, 198, 504, 2644, 2, 198}
	for _, c := range []struct {
		args []string
		want []int32
	}{
		{[]string{"--prompt", "Hi"}, hi},
		{[]string{"--prompt", "Hi", "--generation-prompt"}, append(slices.Clone(hi), header...)},
		{[]string{"--prompts", "-"}, talk},
		{[]string{"--prompts", "-", "--generation-prompt"}, append(slices.Clone(talk), header...)},
	} {
		code, stdout, stderr := layerclust(t, conversation, append([]string{"tokens", model, "--json", "--chat"}, c.args...)...)
		var got tokenized
		if err := json.Unmarshal([]byte(stdout), &got); code != exitFine || err != nil || !slices.Equal(got.IDs, c.want) {
			t.Errorf("%q: %d, %s%v; want %v", c.args, code, stderr, got.IDs, c.want)
		}
	}
}

func TestChatRefusals(t *testing.T) {
	fixtures := testmodel.Fixtures(t)
	model, bare := filepath.Join(fixtures, "models", "smollm2-135m"), filepath.Join(fixtures, "models", "stories260K")
	for want, args := range map[string][]string{
		"line 1: messages: a conversation needs":    {"tokens", model, "--prompts", "-"},
		"there is no chat template":                 {"tokens", bare, "--prompt", "a", "--chat"},
		"--generation-prompt has no meaning":        {"tokens", model, "--prompt", "a", "--generation-prompt"},
		"--chat-date has no meaning without --chat": {"run", bare, "--prompt", "a", "--chat-date", "2024-01-01", "--out", "o"},
		`--chat-date "x": want a date`:              {"tokens", model, "--prompt", "a", "--chat", "--chat-date", "x"},
		"none.txt: no such file":                    {"run", bare, "--prompt", "a", "--mask-words", "none.txt", "--out", filepath.Join(t.TempDir(), "o")},
	} {
		code, _, stderr := layerclust(t, conversation, args...)
		if code != exitInput || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: %d, %q; want %q", args, code, stderr, want)
		}
	}
}

// TestMaskWords holds that the words of a file are masked as the user's, beside
// the positions that a prompt names.
func TestMaskWords(t *testing.T) {
	model, dir := filepath.Join(testmodel.Fixtures(t), "models", "stories260K"), t.TempDir()
	words, out := filepath.Join(dir, "words.txt"), filepath.Join(dir, "out")
	if err := os.WriteFile(words, []byte("little\nRed  ball\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	prompt := `{"text":"A little girl had a red ball.","mask":[2]}`
	if code, _, stderr := layerclust(t, prompt, "run", model, "--prompts", "-", "--mask-words", words, "--out", out, "--quiet"); code != exitFine {
		t.Fatal(stderr)
	}
	data, err := os.ReadFile(filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var run analyze.RunInfo
	if err := json.Unmarshal(data, &run); err != nil {
		t.Fatal(err)
	}
	var masked []string
	for _, m := range run.Prompts[0].Masked {
		masked = append(masked, m.Reason+run.Prompts[0].Pieces[m.Position])
	}
	if want := []string{"bos<s>", "userA", "user little", "user r", "usered", "user b", "userall"}; !slices.Equal(masked, want) {
		t.Errorf("masked %q, want %q", masked, want)
	}
}
