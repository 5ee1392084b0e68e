package chattemplate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAsTransformers renders the templates of testdata/make_goldens.py: every
// expression that is supported, and random templates full of white space.
func TestAsTransformers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "goldens.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Chats   [][]Message
		Goldens []struct {
			Template string
			Chat     int
			Text     string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Goldens) < 500 {
		t.Fatalf("%d goldens", len(file.Goldens))
	}
	for _, g := range file.Goldens {
		got, err := render(g.Template, Input{Messages: file.Chats[g.Chat]})
		if err != nil {
			t.Errorf("%q: %v", g.Template, err)
		} else if got != g.Text {
			t.Errorf("%q:\n%q, transformers has\n%q", g.Template, got, g.Text)
		}
	}
}

func render(source string, in Input) (string, error) {
	t, err := Compile(source)
	if err != nil {
		return "", err
	}
	return t.Render(in)
}

var hello = Input{Messages: []Message{{"user", "Hello"}}}

// TestRefusals holds what is refused, by its name, in one line.
func TestRefusals(t *testing.T) {
	for template, want := range map[string]string{
		// when it is compiled
		"a\n{% include 'x' %}":                   "line 2: the statement include is not supported",
		"{% import '/etc/passwd' as x %}":        "the statement import is not supported",
		"{% from 'x' import y %}":                "the statement from is not supported",
		"{% extends 'x' %}":                      "the statement extends is not supported",
		"{% call f() %}{% endcall %}":            "the statement call is not supported",
		"{% do x.append(1) %}":                   "the statement do is not supported",
		"{% with a = 1 %}{% endwith %}":          "the statement with is not supported",
		"{% for a in b recursive %}{% endfor %}": "the recursive loop is not supported",
		"{% for a, b, c in x %}{% endfor %}":     "for with 3 names is not supported",
		"{% if a %}":                             "if has no endif",
		"{% if a %}{% endfor %}":                 "unexpected endfor",
		"{% endif %}":                            "unexpected endif",
		"{% else %}":                             "unexpected else",
		"{% break %}":                            "break stands outside a loop",
		"{% for a in b %}{% macro f() %}{% continue %}{% endmacro %}{% endfor %}": "continue stands outside a loop",
		"{% if %}{% endif %}":         "an expression is missing",
		"{{ }}":                       "an expression is missing",
		"{{ a":                        "the tag has no end",
		"\n\n{# a":                    "line 3: the comment has no end",
		"{% raw %} a":                 "raw has no endraw",
		"{{ (a] }}":                   `unexpected "]"`,
		"{{ a ? b }}":                 "unexpected '?'",
		"{{ 'a }}":                    `unexpected '\''`,
		"{{ a b }}":                   "line 1: ",
		"{{ __out(1) }}":              "the name __out is reserved",
		"{{ m.__class__ }}":           "the name __class__ is reserved",
		"{{ 0x10 }}":                  "line 1: ",
		"{{ 10000000000000000000 }}":  "the number 10000000000000000000 is not supported",
		`{{ "\N{DASH}" }}`:            `the escape \N is not supported`,
		`{{ "\ud800" }}`:              `the escape \u is not a character`,
		"{%%}":                        "the tag names no statement",
		"{% set a.b.c = 1 %}":         "where a name or a comma should be",
		"{% macro f %}{% endmacro %}": "parameters in parentheses",
		"\xff":                        "not UTF-8",
		// when it is reached
		"{% if messages %}\n{{ 2 * 3 }}{% endif %}": "line 2: the operator * is not supported",
		"{{ 2 ** 3 }}":                     "the operator ** is not supported",
		"{{ [2, 1]|sort|first }}":          "the filter sort is not supported",
		"{{ 'a'|nope }}":                   "the filter nope is not supported",
		"{{ 'a'|indent(4) }}":              "the filter indent is not supported",
		"{{ ['a']|map('indent')|first }}":  "the filter map is not supported with these arguments",
		"{{ messages|tojson(indent=99) }}": "the filter tojson is not supported with these arguments",
		"{{ messages|tojson(false, 9) }}":  "the filter tojson is not supported with these arguments",
		"{{ messages.append(1) }}":         "the method append is not supported",
		"{{ '{}'.format(1) }}":             "the method format is not supported",
		"{{ 'a b'.split(maxsplit=1) }}":    "the method split is not supported with maxsplit=",
		"{{ '%s' % 'a' }}":                 "formatting by % is not supported",
		"{{ 1 is nope }}":                  "the test nope is not supported",
		"{{ 1 is in [1] }}":                "the test in is not supported with an argument that begins with [",
		"{{ null }}":                       "the name null is not supported",
		"{{ messages }}":                   "writing a list, dict or function as text is not supported",
		"{{ nope() }}":                     "nope is not callable",
		"{% set messages.a = 1 %}":         "what is not a namespace",
		"{{ raise_exception('a\nb') }}":    "the template refuses the conversation: a b",
		"{{ strftime_now('%Y') }}":         "(strftime_now)",
	} {
		_, err := render(template, hello)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; want %q", template, err, want)
		}
	}
}

// TestUnreached holds that a template may have what is not supported in branches
// that a plain conversation does not enter.
func TestUnreached(t *testing.T) {
	got, err := render("{% if tools %}{{ tools|sort }}{% endif %}{% for t in tools or [] %}{{ ' ' * t }}{% endfor %}a", hello)
	if err != nil || got != "a" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestHostile holds that templates made to take all time and memory are stopped.
func TestHostile(t *testing.T) {
	start := time.Now()
	doubled := "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"
	for template, want := range map[string]string{
		"{% for i in range(999999999999) %}{% endfor %}":                                        "more than 1000000 steps",
		"{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}":          "more than 1000000 steps",
		"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}":                                       "macros call one another more than 50 deep",
		"{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}": "macros call one another more than 50 deep",
		doubled: "a value of more than",
		"{% set x = 'ab' %}" + strings.Repeat("{% set x = x ~ x %}", 60):                                 "a value of more than",
		"{% set x = ['ab'] %}" + strings.Repeat("{% set x = [x, x] %}", 60):                              "a value",
		"{% set x = ['ab'] %}" + strings.Repeat("{% set x = [x] %}", 60):                                 "nests deeper than 50",
		"{% set x = 'a' %}" + strings.Repeat("{% set x = x|replace('a', x ~ x) %}", 60):                  "a value of more than",
		"{% set x = 'a' %}" + strings.Repeat("{% set x = x.replace('', x ~ x) %}", 60):                   "a value of more than",
		"{% set x = 'ab' %}" + strings.Repeat("{% set x = x|list|join(x) %}", 60):                        "a value of more than",
		"{% set x = 'ab' %}" + strings.Repeat("{% set x = x.join([x, x, x]) %}", 60):                     "a value of more than",
		"{% for i in range(99999) %}{{ '" + strings.Repeat("a", 999) + "' }}{% endfor %}":                "writes more than",
		"{% for i in range(99999) %}" + strings.Repeat("a", 999) + "{% endfor %}":                        "writes more than",
		"{% set x %}{% for i in range(99999) %}" + strings.Repeat("a", 999) + "{% endfor %}{% endset %}": "writes more than",
		"{% set ns = namespace() %}{% set ns.x = ns %}{{ ns == namespace(x=ns) }}":                       "a namespace inside a namespace",
		"{% set ns = namespace() %}{% set ns.x = [{'a': ns}] %}":                                         "a namespace inside a namespace",
		strings.Repeat("{% if true %}", 99) + strings.Repeat("{% endif %}", 99):                          "blocks nest deeper than 64",
		"{{ " + strings.Repeat("(", 99999) + strings.Repeat(")", 99999) + " }}":                          "more than 512 words",
		"{{ " + strings.Repeat("not ", 9999) + "a }}":                                                    "more than 512 words",
		strings.Repeat("a", MaxSource+1):                                                                 "more than the 262144 allowed",
	} {
		if _, err := render(template, hello); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v; want %q", template, err, want)
		}
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

// TestTime holds that the clock stops a template, too.
func TestTime(t *testing.T) {
	tmpl, err := Compile("{% for i in range(999999) %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	tmpl.limits.time = time.Millisecond
	if _, err := tmpl.Render(hello); err == nil || !strings.Contains(err.Error(), "more than 1ms") {
		t.Error(err)
	}
}

// TestLongMessages holds that the limits grow with the messages.
func TestLongMessages(t *testing.T) {
	in := Input{Messages: []Message{{"user", strings.Repeat("text ", 1<<20)}}}
	got, err := render("{% set c = messages[0].content|trim %}[{{ c }}]", in)
	if want := "[" + strings.TrimSpace(in.Messages[0].Content) + "]"; err != nil || got != want {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
	}
}

// TestContext holds what a template sees beside the messages.
func TestContext(t *testing.T) {
	in := Input{Messages: hello.Messages, AddGenerationPrompt: true, Special: map[string]string{"bos_token": "<s>"},
		Date: time.Date(2024, 7, 6, 15, 4, 5, 0, time.UTC)}
	template := "{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }} {{ strftime_now('%d %b %Y %A %a %B %y %j %H:%I:%M:%S %p %%') }}"
	// Python's datetime(2024, 7, 6, 15, 4, 5).strftime of the same format
	if got, err := render(template, in); err != nil || got != "<s>True 06 Jul 2024 Saturday Sat July 24 188 15:03:04:05 PM %" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := render("{{ strftime_now('%s') }}", in); err == nil || !strings.Contains(err.Error(), "%s is not supported") {
		t.Error(err)
	}
	if _, err := render("a", Input{}); err == nil || !strings.Contains(err.Error(), "no message") {
		t.Error(err)
	}
	if _, err := render("a", Input{Messages: []Message{{"user", "\xff"}}}); err == nil || !strings.Contains(err.Error(), "messages[0]: is not UTF-8") {
		t.Error(err)
	}
}

// FuzzRender holds that no template panics, hangs, or gives an error of two lines.
func FuzzRender(f *testing.F) {
	f.Add("{%- for m in messages -%}{{ m.role ~ ': ' ~ m['content']|trim }}{% endfor %}")
	f.Add("{% macro f(a, b=1) %}{{ a[b:] }}{% endmacro %}{% set ns = namespace(x=f('ab')) %}{% set ns.x = 1 %}{% raw %}{{{% endraw %}")
	f.Add("{% set a, b = 1, {'c': [1.5, none]} %}{{ b|tojson(indent=2) if a is not odd else a % 2 }}{# #}")
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Compile(source)
		if err == nil {
			tmpl.limits.ticks = 1000
			_, err = tmpl.Render(hello)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %q", source, err)
		}
	})
}
