package chattemplate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// The rules are those of jinja2.lexer (Jinja 3.1) under trim_blocks and
// lstrip_blocks:
//
//   - line ends become "\n", and one at the end of the template is dropped;
//   - a "-" inside a tag's delimiter strips all white space on that side, up to
//     the next tag;
//   - without a sign, a statement or comment takes the white space between it
//     and the start of its line, and one newline after it; an output takes neither;
//   - a "+" takes nothing.

// kind is what a piece of a template is.
type kind int

const (
	textPiece      kind = iota
	outputPiece         // {{ expression }}
	statementPiece      // {% statement %}
)

// piece is a part of a template, its white space settled.
type piece struct {
	kind   kind
	line   int // where it begins, from 1
	text   string
	tokens []token // of an output or statement
}

// scanner cuts a template into pieces.
type scanner struct {
	source    string
	pos       int
	lineStart bool // what was read before pos ended a line
	counted   int  // the newlines before here are in line
	line      int
	pieces    []piece
}

// scan cuts a template into pieces; comments and raw tags are gone from them.
func scan(source string) ([]piece, error) {
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	s := &scanner{source: strings.TrimSuffix(source, "\n"), lineStart: true, line: 1}
	for {
		tag := tagStart.FindStringSubmatchIndex(s.source[s.pos:])
		if tag == nil {
			s.addText(s.source[s.pos:])
			return s.pieces, nil
		}
		open, content := s.pos+tag[0], s.pos+tag[1]
		sign := s.source[s.pos+tag[4] : s.pos+tag[5]]
		s.addText(s.beforeTag(s.source[s.pos:open], s.source[open+1], sign))
		line := s.lineAt(open)
		if err := s.tag(s.source[open+1], content, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// Delimiters with their sign. A raw tag keeps the newline after it, unlike others.
var (
	tagStart = regexp.MustCompile(`\{([{%#])([-+]?)`)
	rawStart = regexp.MustCompile(`^\s*raw\s*(?:-%\}\s*|%\})`)
	rawEnd   = regexp.MustCompile(`\{(%)([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)`)
	comment  = regexp.MustCompile(`(?:\+#\}|-#\}\s*|#\}\n?)`)
)

// beforeTag is the text before a tag without the white space that the tag takes.
func (s *scanner) beforeTag(text string, tag byte, sign string) string {
	switch {
	case sign == "-":
		return strings.TrimRightFunc(text, isSpace)
	case sign == "" && tag != '{':
		start := strings.LastIndexByte(text, '\n') + 1
		if (start > 0 || s.lineStart) && strings.TrimLeftFunc(text[start:], isSpace) == "" {
			return text[:start]
		}
	}
	return text
}

// tag reads on from the content of a tag, past its end.
func (s *scanner) tag(tag byte, content, line int) error {
	rest := s.source[content:]
	switch tag {
	case '#':
		end := comment.FindStringIndex(rest)
		if end == nil {
			return errors.New("the comment has no end")
		}
		s.moveTo(content + end[1])
		return nil
	case '%':
		if raw := rawStart.FindStringIndex(rest); raw != nil {
			s.moveTo(content + raw[1])
			return s.raw()
		}
	}
	t, end, err := tokenize(s.source, content, tag)
	if err != nil {
		return err
	}
	p := piece{kind: outputPiece, line: line, tokens: t}
	if tag == '%' {
		p.kind = statementPiece
	}
	s.pieces = append(s.pieces, p)
	s.moveTo(end)
	return nil
}

// raw takes everything up to the endraw tag as text.
func (s *scanner) raw() error {
	end := rawEnd.FindStringSubmatchIndex(s.source[s.pos:])
	if end == nil {
		return errors.New("raw has no endraw")
	}
	sign := s.source[s.pos+end[4] : s.pos+end[5]]
	s.addText(s.beforeTag(s.source[s.pos:s.pos+end[0]], '%', sign))
	s.moveTo(s.pos + end[1])
	return nil
}

func (s *scanner) addText(text string) {
	if text != "" {
		s.pieces = append(s.pieces, piece{kind: textPiece, line: s.lineAt(s.pos), text: text})
	}
}

func (s *scanner) moveTo(pos int) {
	s.pos = pos
	s.lineStart = s.source[pos-1] == '\n'
}

// lineAt is the line of a position, which never lies before that of the last call.
func (s *scanner) lineAt(pos int) int {
	s.line += strings.Count(s.source[s.counted:pos], "\n")
	s.counted = pos
	return s.line
}

// isSpace is what Python's str.strip takes.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= '\x1c' && r <= '\x1f'
}
