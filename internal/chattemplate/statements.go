package chattemplate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rewriter writes a template anew for the library. The new text has no literal
// text and no comment, and every tag keeps off the white space around it, so the
// library has none to settle. Line numbers stay those of the template.
type rewriter struct {
	out     strings.Builder
	line    int      // of the new text
	texts   []string // what __text(i) writes
	refused []string // why __refuse(i) fails
	open    []string // the blocks that are open, outermost first
}

// maxBlocks bounds how deep blocks nest; the deepest in use have about ten.
const maxBlocks = 64

func rewrite(pieces []piece) (*rewriter, error) {
	r := &rewriter{line: 1}
	for _, p := range pieces {
		r.sync(p.line)
		var err error
		switch p.kind {
		case textPiece:
			fmt.Fprintf(&r.out, "{{ __text(%d) }}", len(r.texts))
			r.texts = append(r.texts, p.text)
		case outputPiece:
			var e string
			e, err = r.expression(p.tokens)
			fmt.Fprintf(&r.out, "{{ __out(%s) }}", e)
		case statementPiece:
			err = r.statement(p.tokens)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if len(r.open) > 0 {
		return nil, fmt.Errorf("%s has no end%[1]s", r.open[len(r.open)-1])
	}
	return r, nil
}

// sync brings the new text to a line of the template.
func (r *rewriter) sync(line int) {
	if line > r.line {
		r.out.WriteString("{#+" + strings.Repeat("\n", line-r.line) + "+#}")
		r.line = line
	}
}

// tag writes a statement.
func (r *rewriter) tag(format string, args ...any) {
	fmt.Fprintf(&r.out, "{%%+ "+format+" +%%}", args...)
}

func (r *rewriter) statement(t []token) error {
	if len(t) == 0 || t[0].kind != nameToken {
		return errors.New("the tag names no statement")
	}
	word, rest := t[0].text, t[1:]
	switch word {
	case "if":
		return r.condition(word, rest, r.begin(word))
	case "elif":
		return r.condition(word, rest, r.within(word, "if"))
	case "else":
		return r.bare(word, rest, r.within(word, "if", "for"))
	case "for":
		return r.loop(rest)
	case "set":
		return r.set(rest)
	case "macro":
		return r.macro(rest)
	case "generation":
		return r.generation(rest)
	case "break", "continue":
		return r.bare(word, rest, r.inLoop(word))
	case "endif", "endfor", "endset", "endmacro", "endgeneration":
		return r.end(word, rest)
	}
	return fmt.Errorf("the statement %.40s is not supported", word)
}

// begin opens a block.
func (r *rewriter) begin(word string) error {
	if len(r.open) == maxBlocks {
		return fmt.Errorf("blocks nest deeper than %d", maxBlocks)
	}
	r.open = append(r.open, word)
	return nil
}

// within demands that the innermost block is one of those named.
func (r *rewriter) within(word string, blocks ...string) error {
	if len(r.open) == 0 || !slices.Contains(blocks, r.open[len(r.open)-1]) {
		return fmt.Errorf("unexpected %s", word)
	}
	return nil
}

// inLoop demands a loop around a break or continue, within the same macro or generation.
func (r *rewriter) inLoop(word string) error {
	for _, block := range slices.Backward(r.open) {
		if block == "for" {
			return nil
		}
		if block != "if" && block != "set" {
			break
		}
	}
	return fmt.Errorf("%s stands outside a loop", word)
}

// bare writes a statement of one word.
func (r *rewriter) bare(word string, rest []token, err error) error {
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unexpected %.40q after %s", rest[0].text, word)
	}
	if err == nil {
		r.tag("%s", word)
	}
	return err
}

// end closes the innermost block.
func (r *rewriter) end(word string, rest []token) error {
	block := strings.TrimPrefix(word, "end")
	if err := r.within(word, block); err != nil {
		return err
	}
	r.open = r.open[:len(r.open)-1]
	switch block {
	case "macro":
		r.tag("set __unused = __leave()")
	case "generation":
		err := r.bare("endmacro", rest, nil)
		r.out.WriteString("{{ __generation() }}")
		return err
	}
	return r.bare(word, rest, nil)
}

// generation marks the assistant's tokens for training, which changes no text.
// Its body has a scope of its own, as in transformers, so it becomes a macro that
// is called at once.
func (r *rewriter) generation(rest []token) error {
	return r.bare("macro __generation()", rest, r.begin("generation"))
}

// condition writes "if" or "elif".
func (r *rewriter) condition(word string, rest []token, err error) error {
	if err != nil {
		return err
	}
	e, err := r.expression(rest)
	if err == nil {
		r.tag("%s %s", word, e)
	}
	return err
}

// loop writes "for NAMES in LIST [if CONDITION]" and counts its rounds.
func (r *rewriter) loop(t []token) error {
	in := slices.IndexFunc(t, func(t token) bool { return t.isName("in") })
	if in < 0 {
		return errors.New("for has no in")
	}
	vars, err := nameList(t[:in])
	if err != nil {
		return err
	}
	if len(vars) > 2 {
		return fmt.Errorf("for with %d names is not supported", len(vars))
	}
	t = t[in+1:]
	if n := len(t); n > 0 && t[n-1].isName("recursive") {
		return errors.New("the recursive loop is not supported")
	}
	list, filter := t, []token(nil)
	if i := topLevel(t, func(t token) bool { return t.isName("if") }); i >= 0 {
		list, filter = t[:i], t[i+1:]
	}
	e, err := r.expression(list)
	if err != nil {
		return err
	}
	if filter != nil {
		condition, err := r.expression(filter)
		if err != nil {
			return err
		}
		e += " if " + condition
	}
	if err := r.begin("for"); err != nil {
		return err
	}
	r.tag("for %s in %s", strings.Join(vars, ", "), e)
	r.tag("set __unused = __tick()")
	return nil
}

// set writes "set NAMES = VALUE", "set NAMESPACE.NAME = VALUE" or a block.
func (r *rewriter) set(t []token) error {
	assign := topLevel(t, func(t token) bool { return t.is("=") })
	if assign < 0 {
		if len(t) != 1 || t[0].kind != nameToken {
			return errors.New("a set block has one name")
		}
		r.tag("set %s", t[0].text)
		return r.begin("set")
	}
	target := t[:assign]
	e, err := r.expression(t[assign+1:])
	if err != nil {
		return err
	}
	if len(target) == 3 && target[0].kind == nameToken && target[1].is(".") && target[2].kind == nameToken {
		r.tag("set %[1]s.%[2]s = __attribute(%[1]s, %[3]s)", target[0].text, target[2].text, e)
		return nil
	}
	vars, err := nameList(target)
	if err == nil {
		r.tag("set %s = __value(%s)", strings.Join(vars, ", "), e)
	}
	return err
}

// macro writes "macro NAME(NAME, NAME=DEFAULT)" and counts how deep its calls nest.
func (r *rewriter) macro(t []token) error {
	if len(t) < 3 || t[0].kind != nameToken || !t[1].is("(") || !t[len(t)-1].is(")") {
		return errors.New("a macro has a name and parameters in parentheses")
	}
	var parameters []string
	for _, a := range arguments(t[1:]) {
		switch {
		case a.name != "":
			e, err := r.expression(a.value)
			if err != nil {
				return err
			}
			parameters = append(parameters, a.name+"="+e)
		case len(a.value) == 1 && a.value[0].kind == nameToken:
			parameters = append(parameters, a.value[0].text)
		default:
			return errors.New("a macro's parameter has a name and at most a default")
		}
	}
	if err := r.begin("macro"); err != nil {
		return err
	}
	r.tag("macro %s(%s)", t[0].text, strings.Join(parameters, ", "))
	r.tag("set __unused = __enter()")
	return nil
}

// nameList reads "a" or "a, b".
func nameList(t []token) ([]string, error) {
	var list []string
	for i, n := range t {
		if i%2 == 0 && n.kind != nameToken || i%2 == 1 && !n.is(",") {
			return nil, fmt.Errorf("unexpected %.40q where a name or a comma should be", n.text)
		}
		if i%2 == 0 {
			list = append(list, n.text)
		}
	}
	if len(t)%2 == 0 {
		return nil, errors.New("a name is missing")
	}
	return list, nil
}

// topLevel is the index of the first token outside brackets that is wanted, or -1.
func topLevel(t []token, wanted func(token) bool) int {
	depth := 0
	for i, n := range t {
		if depth == 0 && wanted(n) {
			return i
		}
		if n.kind == opToken {
			switch n.text {
			case "(", "[", "{":
				depth++
			case ")", "]", "}":
				depth--
			}
		}
	}
	return -1
}
