package report

import (
	"os/exec"
	"strings"
	"testing"
)

func TestCommandIsQuotedForTheShell(t *testing.T) {
	for in, want := range map[string]string{
		"plain-1.2": "plain-1.2", "": "''", "two words": "'two words'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "a\nb": `$'a\nb'`, "it's\t\\": `$'it\'s\t\\'`, "\x01": `$'\001'`, "x=./y@2": "x=./y@2",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", in, got, want)
		}
	}
}

// The quoting is what a real shell makes of it, where there is one.
func TestCommandSurvivesAShell(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	for _, word := range append([]string{"plain", "it's", "a\nb\tc\\d", "$HOME `id` \"x\" !"}, attacks...) {
		if strings.ContainsRune(word, 0) {
			continue // no argument can hold a zero byte
		}
		out, err := exec.Command(shell, "-c", "printf %s "+shellQuote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("a shell reads %s as %q (%v), want %q", shellQuote(word), out, err, word)
		}
	}
}
