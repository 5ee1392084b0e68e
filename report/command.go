package report

import (
	"fmt"
	"strings"
)

// incidental are the flags that change no result: where it goes, how it is
// told, on how many threads, in how much memory, in how many attempts. With
// them in it, the report of the same run would not be the same bytes. Those with
// true take a value.
var incidental = map[string]bool{"--out": true, "--threads": true, "--max-memory": true,
	"--quiet": false, "--json": false, "--fresh": false, "--resume": false}

// command is the run's command line on one line, quoted for a POSIX shell, so
// that it can be copied and run again; the output folder is left to the reader.
func command(argv []string) string {
	words := []string{"layerclust"}
	args := argv[min(1, len(argv)):]
	for i := 0; i < len(args); i++ {
		flag, _, joined := strings.Cut(args[i], "=")
		if valued, ok := incidental[flag]; ok {
			if valued && !joined {
				i++
			}
			continue
		}
		words = append(words, shellQuote(args[i]))
	}
	return strings.Join(append(words, "--out", "DIR"), " ")
}

// shellQuote quotes one word where it needs it: in single quotes, or, with
// control characters, in the $'...' that POSIX has taken from ksh.
func shellQuote(s string) string {
	control := func(c rune) bool { return c < 0x20 || c == 0x7f }
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./=@,:+%", c)
	}
	switch {
	case strings.ContainsFunc(s, control):
		return "$'" + escapeControls(s) + "'"
	case s == "" || strings.ContainsFunc(s, func(c rune) bool { return !plain(c) }):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// escapeControls writes s as it stands within $'...'.
func escapeControls(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\\' || c == '\'':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
