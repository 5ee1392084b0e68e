// Package chattemplate renders the chat templates of Hugging Face models: Jinja
// programs that turn a conversation into the text a model was trained on.
//
// A prompt that differs by one newline has other tokens, so the text must be
// what transformers gives, and a template comes with a model from anywhere, so
// it is taken as hostile. The Jinja library behind this package
// (github.com/ardanlabs/jinja) evaluates expressions as Python does, but it
// handles white space beside tags in its own way, passes over some of what it
// does not know, and puts no bound on time or memory. Therefore a template is
// never given to it as it is:
//
//  1. scan.go cuts the template into text, outputs and statements by Jinja's own
//     rules of white space, with trim_blocks and lstrip_blocks on, as
//     transformers sets them;
//  2. statements.go and expressions.go write it anew, with the white space
//     settled. What a template may use is listed there. A statement that is not
//     listed is refused when the template is compiled; a filter, method, test or
//     operator only when it is reached, since most templates hold branches for
//     tools that a plain conversation never enters;
//  3. every loop, call, assignment and output of the new text goes through a
//     function of meter.go, which counts steps, bytes and time.
//
// Nothing that a template can name reads a file or the clock: include, import
// and extends are refused, and strftime_now has the date that the caller fixed.
//
// Two differences to Jinja remain. Where Python raises an error for an undefined
// value in arithmetic or under an attribute, the library goes on with an empty
// one; a template that renders in transformers does not get there. And upper and
// capitalize leave the few letters as they are whose capital is two ("ß").
package chattemplate

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ardanlabs/jinja"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string // "system", "user", "assistant", or what else the template knows
	Content string
}

// Input is all that a template sees.
type Input struct {
	Messages            []Message
	AddGenerationPrompt bool              // ask for the header of the answer to come
	Special             map[string]string // "bos_token" and its like -> their text
	Date                time.Time         // what strftime_now gives; zero refuses it
}

// Template is a compiled chat template, which any number of goroutines may use.
type Template struct {
	program *jinja.Template
	texts   []string // the literal text, which __text(i) writes
	refused []string // why __refuse(i) fails
	limits  limits
}

// MaxSource bounds a template's source in bytes; the largest in use have about 25 kB.
const MaxSource = 256 << 10

// Compile prepares a template. Its error is one line that names the line of the
// template and what stands there.
func Compile(source string) (*Template, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("the template has %d bytes, more than the %d allowed", len(source), MaxSource)
	}
	if !utf8.ValidString(source) {
		return nil, errors.New("the template is not UTF-8")
	}
	pieces, err := scan(source)
	if err != nil {
		return nil, err
	}
	r, err := rewrite(pieces)
	if err != nil {
		return nil, err
	}
	t := &Template{texts: r.texts, refused: r.refused, limits: standardLimits}
	if t.program, err = jinja.Compile(r.out.String()); err != nil {
		return nil, oneLine(err)
	}
	return t, nil
}

// Render is the text of a conversation. Its error is one line: what the template
// itself refuses by raise_exception, what it uses that is not supported, or the
// limit that it met.
func (t *Template) Render(in Input) (text string, err error) {
	if len(in.Messages) == 0 {
		return "", errors.New("the conversation has no message")
	}
	for i, m := range in.Messages {
		if !utf8.ValidString(m.Role) || !utf8.ValidString(m.Content) {
			return "", fmt.Errorf("messages[%d]: is not UTF-8", i)
		}
	}
	defer func() {
		if r := recover(); r != nil { // the library's own faults stay its own
			text, err = "", oneLine(fmt.Errorf("the Jinja library failed: %v", r))
		}
	}()
	text, err = t.program.RenderValues(t.context(in))
	if err != nil {
		return "", oneLine(err)
	}
	return text, nil
}

// context is the namespace in which a template runs.
func (t *Template) context(in Input) map[string]jinja.Value {
	messages := make([]jinja.Value, len(in.Messages))
	size := 0
	for i, m := range in.Messages {
		messages[i] = jinja.NewDict()
		messages[i].AsDict().Set("role", jinja.NewString(m.Role))
		messages[i].AsDict().Set("content", jinja.NewString(m.Content))
		size += len(m.Role) + len(m.Content)
	}
	values := map[string]jinja.Value{
		"messages":              jinja.NewList(messages),
		"add_generation_prompt": jinja.NewBool(in.AddGenerationPrompt),
		"tools":                 jinja.None(),
		"documents":             jinja.None(),
	}
	for name, token := range in.Special {
		values[name] = jinja.NewString(token)
	}
	m := newMeter(t.limits, size)
	m.register(values, t)
	registerFunctions(values, m, in.Date)
	return values
}

// maxError bounds the text of an error, which may repeat what a template holds.
const maxError = 300

// oneLine makes an error of the library, or of a template, one line.
func oneLine(err error) error {
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "jinja parse: ")), " ")
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "") + "..."
	}
	return errors.New(text)
}
