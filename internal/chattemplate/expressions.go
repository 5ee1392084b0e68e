package chattemplate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What an expression may use: the filters, methods and tests whose results the
// goldens compare with transformers. The value is the name to write, that of
// functions.go where the library's own does not do as Python does, or does not
// bound what it makes.
var (
	filters = map[string]string{
		"abs": "abs", "capitalize": "capitalize", "count": "count", "d": "default", "default": "default", "first": "first",
		"float": "float", "int": "int", "items": "items", "join": "__join", "last": "last", "length": "length", "list": "list",
		"lower": "lower", "map": "map", "reject": "reject", "rejectattr": "rejectattr", "replace": "__replace",
		"reverse": "reverse", "select": "select", "selectattr": "selectattr", "string": "string", "tojson": "tojson",
		"trim": "__trim", "unique": "unique", "upper": "upper",
	}
	methods = map[string]string{
		"capitalize": "", "changed": "", "count": "", "cycle": "", "endswith": "", "find": "", "get": "", "items": "", "join": "__concat", "keys": "",
		"lower": "", "lstrip": "", "replace": "__replace", "rstrip": "", "split": "", "startswith": "", "strip": "",
		"title": "", "upper": "", "values": "",
	}
	tests = map[string]string{
		"boolean": "", "callable": "", "defined": "", "divisibleby": "", "eq": "", "equalto": "", "even": "", "false": "",
		"float": "", "ge": "", "greaterthan": "", "gt": "", "in": "", "integer": "", "iterable": "iterable", "le": "",
		"lessthan": "", "lower": "", "lt": "", "mapping": "", "ne": "", "none": "", "number": "", "odd": "", "sameas": "",
		"sequence": "iterable", "string": "", "true": "", "undefined": "", "upper": "",
	}
	// mapped are the filters that map may name: none that takes an argument.
	mapped = []string{"capitalize", "first", "int", "last", "length", "list", "lower", "string", "tojson", "upper"}
	// operators that no chat template needs, and of which two make large values.
	refusedOps = []string{"*", "**", "/", "//"}
)

// expression writes an expression in parentheses. One that uses what is not
// supported becomes a call that fails with the reason.
func (r *rewriter) expression(t []token) (string, error) {
	if len(t) == 0 {
		return "", errors.New("an expression is missing")
	}
	e := &expression{t: t}
	for i := 0; i < len(t) && e.refusal == ""; {
		i = e.token(i)
	}
	if e.refusal == "" {
		return "(" + strings.TrimSpace(e.out.String()) + ")", nil
	}
	r.refused = append(r.refused, fmt.Sprintf("line %d: %s", r.line, e.refusal))
	return fmt.Sprintf("__refuse(%d)", len(r.refused)-1), nil
}

// expression is one on its way to the new text.
type expression struct {
	t       []token
	out     strings.Builder
	refusal string // why it is not supported, or ""
}

func (e *expression) write(parts ...string) {
	e.out.WriteString(strings.Join(parts, ""))
	e.out.WriteByte(' ')
}

// refuse ends the writing.
func (e *expression) refuse(format string, args ...any) int {
	e.refusal = fmt.Sprintf(format, args...)
	return len(e.t)
}

// at is the token at i, or an empty one past the end.
func (e *expression) at(i int) token {
	if i < len(e.t) {
		return e.t[i]
	}
	return token{kind: opToken}
}

// token writes the token at i, with those that belong to it, and is the index after them.
func (e *expression) token(i int) int {
	t := e.t[i]
	switch {
	case t.kind == stringToken && e.at(i+1).is("%"):
		return e.refuse("formatting by %% is not supported")
	case t.kind == stringToken:
		e.write(quote(t.text))
	case t.kind == opToken && slices.Contains(refusedOps, t.text):
		return e.refuse("the operator %s is not supported", t.text)
	case t.is("|"):
		return e.filter(i + 1)
	case t.is("."):
		return e.attribute(i + 1)
	case t.isName("is"):
		return e.test(i + 1)
	case t.isName("null"): // a name like any other in Jinja, none in the library
		return e.refuse("the name null is not supported")
	default:
		e.write(t.text)
	}
	return i + 1
}

// filter writes "| NAME", of which i is the name.
func (e *expression) filter(i int) int {
	f := e.at(i).text
	name, ok := filters[f]
	if !ok || e.at(i).kind != nameToken {
		return e.refuse("the filter %.40s is not supported", f)
	}
	for k, a := range arguments(e.t[i+1:]) {
		if f == "tojson" && !jsonArgument(a) || f == "map" && !mapArgument(k, a) {
			return e.refuse("the filter %s is not supported with these arguments", f)
		}
	}
	e.write("|", name)
	return i + 1
}

// jsonArgument says whether an argument of tojson is given by name and, as an
// indent, small: the library would make an indent of any width.
func jsonArgument(a argument) bool {
	if a.name == "indent" {
		return len(a.value) == 1 && a.value[0].kind == numberToken && len(a.value[0].text) == 1
	}
	return slices.Contains([]string{"ensure_ascii", "separators", "sort_keys"}, a.name)
}

// mapArgument says whether the k-th argument of map is an attribute or a filter
// that is supported there.
func mapArgument(k int, a argument) bool {
	if a.name == "" {
		return k == 0 && len(a.value) == 1 && a.value[0].kind == stringToken && slices.Contains(mapped, a.value[0].text)
	}
	return a.name == "attribute" || a.name == "default"
}

// attribute writes ".NAME" or a method's call, of which i is the name.
func (e *expression) attribute(i int) int {
	name := e.at(i)
	if name.kind != nameToken && name.kind != numberToken {
		return e.refuse("unexpected %.40q after a dot", name.text)
	}
	if !e.at(i + 1).is("(") {
		e.write(".", name.text)
		return i + 1
	}
	own, ok := methods[name.text]
	if !ok {
		return e.refuse("the method %.40s is not supported", name.text)
	}
	for _, a := range arguments(e.t[i+1:]) {
		if a.name != "" { // the library would pass over it
			return e.refuse("the method %s is not supported with %.40s=", name.text, a.name)
		}
	}
	if own != "" {
		e.write("|", own)
	} else {
		e.write(".", name.text)
	}
	return i + 1
}

// test writes "is NAME" or "is not NAME", of which i is the word after "is".
func (e *expression) test(i int) int {
	not := e.at(i).isName("not")
	if not {
		i++
	}
	own, ok := tests[e.at(i).text]
	next := e.at(i + 1)
	switch {
	case !ok:
		return e.refuse("the test %.40s is not supported", e.at(i).text)
	case next.is("[") || next.is("{"): // the library would not take it as the test's argument
		return e.refuse("the test %.40s is not supported with an argument that begins with %s", e.at(i).text, next.text)
	case own != "" && not:
		e.write("|__not_", own)
	case own != "":
		e.write("|__", own)
	case not:
		e.write("is not ", e.at(i).text)
	default:
		e.write("is ", e.at(i).text)
	}
	return i + 1
}

// argument is one of a call: NAME=VALUE or VALUE.
type argument struct {
	name  string
	value []token
}

// arguments reads those of the call whose parenthesis t begins with, if it does.
func arguments(t []token) []argument {
	if len(t) == 0 || !t[0].is("(") {
		return nil
	}
	t = t[1:]
	t = t[:topLevel(t, func(t token) bool { return t.is(")") })] // brackets balance in every tag
	var list []argument
	for len(t) > 0 {
		end := topLevel(t, func(t token) bool { return t.is(",") })
		next := end + 1
		if end < 0 {
			end, next = len(t), len(t)
		}
		a := argument{value: t[:end]}
		if end > 1 && t[0].kind == nameToken && t[1].is("=") {
			a = argument{t[0].text, t[2:end]}
		}
		list = append(list, a)
		t = t[next:]
	}
	return list
}

// quote writes a string as a literal of the library.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
