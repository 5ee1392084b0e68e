package chattemplate

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind is what a token of an expression or statement is.
type tokenKind int

const (
	nameToken tokenKind = iota
	numberToken
	stringToken // its text is the value
	opToken
)

type token struct {
	kind tokenKind
	text string
}

// is says whether t is the given operator.
func (t token) is(op string) bool { return t.kind == opToken && t.text == op }

// isName says whether t is the given word.
func (t token) isName(word string) bool { return t.kind == nameToken && t.text == word }

// maxTokens bounds a tag; the longest in use have about 100. The library's
// recursion, and what one expression can make of bounded values, hang on it.
const maxTokens = 512

var (
	blanks  = regexp.MustCompile(`^\s+`)
	names   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)
	numbers = regexp.MustCompile(`^[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?`)
	texts   = regexp.MustCompile(`^(?s:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`)
	ops     = regexp.MustCompile(`^(?://|\*\*|==|!=|>=|<=|[-+/*%~\[\](){}<>=.:|,])`)
)

// tokenize reads the tokens of a tag from pos on, and the position after its end.
// An end inside brackets is none: "}}" may close two dicts.
func tokenize(source string, pos int, tag byte) (tokens []token, end int, err error) {
	var open []byte // the brackets to be closed
	for {
		rest := source[pos:]
		if n := len(blanks.FindString(rest)); n > 0 {
			pos += n
			continue
		}
		if len(open) == 0 {
			if n := endOfTag(rest, tag); n > 0 {
				return tokens, pos + n, nil
			}
		}
		if rest == "" {
			return nil, 0, errors.New("the tag has no end")
		}
		t, n, err := nextToken(rest)
		if err != nil {
			return nil, 0, err
		}
		if open, err = balance(open, t); err != nil {
			return nil, 0, err
		}
		if tokens = append(tokens, t); len(tokens) > maxTokens {
			return nil, 0, fmt.Errorf("the tag has more than %d words and signs", maxTokens)
		}
		pos += n
	}
}

// endOfTag is the length of the end of a tag and of the white space it takes, or
// 0 where rest does not begin with one.
func endOfTag(rest string, tag byte) int {
	closing := "%}"
	if tag == '{' {
		closing = "}}"
	}
	switch {
	case strings.HasPrefix(rest, "-"+closing):
		return len(rest) - len(strings.TrimLeftFunc(rest[3:], isSpace))
	case tag == '%' && strings.HasPrefix(rest, "+"+closing):
		return 3
	case tag == '%' && strings.HasPrefix(rest, closing+"\n"):
		return 3
	case strings.HasPrefix(rest, closing):
		return 2
	}
	return 0
}

// nextToken is the token that rest begins with, and its length in the source.
func nextToken(rest string) (token, int, error) {
	if s := names.FindString(rest); s != "" {
		if strings.HasPrefix(s, "__") {
			return token{}, 0, fmt.Errorf("the name %.40s is reserved", s)
		}
		return token{nameToken, s}, len(s), nil
	}
	if s := numbers.FindString(rest); s != "" {
		if len(s) > maxDigits || len(s) > 1 && s[0] == '0' && s[1] != '.' {
			return token{}, 0, fmt.Errorf("the number %.40s is not supported", s)
		}
		return token{numberToken, s}, len(s), nil
	}
	if s := texts.FindString(rest); s != "" {
		value, err := unescape(s[1 : len(s)-1])
		return token{stringToken, value}, len(s), err
	}
	if s := ops.FindString(rest); s != "" {
		return token{opToken, s}, len(s), nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, 0, fmt.Errorf("unexpected %q", r)
}

// maxDigits keeps every integer within an int64.
const maxDigits = 18

// balance follows the brackets.
func balance(open []byte, t token) ([]byte, error) {
	if t.kind != opToken {
		return open, nil
	}
	if i := strings.Index("([{", t.text); i >= 0 && len(t.text) == 1 {
		return append(open, ")]}"[i]), nil
	}
	if strings.Contains(")]}", t.text) {
		if len(open) == 0 || open[len(open)-1] != t.text[0] {
			return nil, fmt.Errorf("unexpected %q", t.text)
		}
		return open[:len(open)-1], nil
	}
	return open, nil
}

// escapes are the escape sequences of one character.
var escapes = map[byte]string{'\\': `\`, '\'': "'", '"': `"`, '\n': "", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v"}

// unescape is the value of a literal as Python's unicode-escape has it: an
// unknown sequence stands for itself.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++ // the pattern of a literal leaves no backslash at its end
		digits, base := 0, 16
		switch c := s[i]; {
		case escapes[c] != "" || c == '\n':
			b.WriteString(escapes[c])
			continue
		case c == 'x':
			digits = 2
		case c == 'u':
			digits = 4
		case c == 'U':
			digits = 8
		case c >= '0' && c <= '7' || c == 'N':
			return "", fmt.Errorf(`the escape \%c is not supported`, c)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
			continue
		}
		if i+digits >= len(s) {
			return "", fmt.Errorf(`the escape \%c is cut short`, s[i])
		}
		n, err := strconv.ParseInt(s[i+1:i+1+digits], base, 32)
		if err != nil || !utf8.ValidRune(rune(n)) {
			return "", fmt.Errorf(`the escape \%c is not a character`, s[i])
		}
		b.WriteRune(rune(n))
		i += digits
	}
	return b.String(), nil
}
