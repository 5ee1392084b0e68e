package chattemplate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// callable is a function of the library.
type callable = func(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error)

// registerFunctions adds the functions and filters that stand in for the
// library's: its own are unbounded, read the clock, or differ from Python.
func registerFunctions(values map[string]jinja.Value, m *meter, date time.Time) {
	for name, f := range map[string]callable{
		"raise_exception": raiseException,
		"namespace":       m.namespace,
		"range":           m.numbers,
		"strftime_now":    func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) { return strftime(args, date) },
		"__replace":       m.replace,
		"__join":          m.join,
		"__concat":        m.concat,
		"__trim":          trim,
		"__iterable": func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			return jinja.NewBool(iterable(args[0])), nil
		},
		"__not_iterable": func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			return jinja.NewBool(!iterable(args[0])), nil
		},
	} {
		values[name] = jinja.NewCallable(name, f)
	}
}

// raiseException is the template's own refusal of a conversation.
func raiseException(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	message := "no reason given"
	if len(args) > 0 && args[0].IsString() {
		message = args[0].AsString()
	}
	return jinja.None(), fmt.Errorf("the template refuses the conversation: %s", message)
}

// namespace makes the object whose attributes loops can set.
func (m *meter) namespace(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
	if len(args) > 0 {
		return jinja.None(), errors.New("namespace is supported with named arguments alone")
	}
	n := jinja.NewDict()
	for name, v := range kwargs {
		size := 0
		if err := m.add(&size, v, 0, true); err != nil {
			return jinja.None(), err
		}
		n.AsDict().Set(name, v)
	}
	m.namespaces[n.AsDict()] = true
	return n, nil
}

// numbers is range.
func (m *meter) numbers(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	bounds := []int64{0, 0, 1} // start, stop, step
	for i, a := range args {
		if !a.IsInt() || i == len(bounds) {
			return jinja.None(), errors.New("range has one to three integers")
		}
		bounds[i] = a.AsInt()
	}
	if len(args) == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	start, stop, step := bounds[0], bounds[1], bounds[2]
	if step == 0 || len(args) == 0 {
		return jinja.None(), errors.New("range has a step other than 0, and an end")
	}
	var items []jinja.Value
	for n := start; step > 0 && n < stop || step < 0 && n > stop; n += step {
		if err := m.tick(); err != nil {
			return jinja.None(), err
		}
		items = append(items, jinja.NewInt(n))
	}
	return jinja.NewList(items), nil
}

// replace is the filter and the method.
func (m *meter) replace(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
	if n, ok := kwargs["count"]; ok {
		args = append(args, n)
	}
	if len(args) < 3 || !args[1].IsString() || !args[2].IsString() {
		return jinja.None(), errors.New("replace has two texts")
	}
	count := -1
	if len(args) > 3 {
		if !args[3].IsInt() {
			return jinja.None(), errors.New("the count of replace is not an integer")
		}
		count = int(args[3].AsInt())
	}
	s, err := text(args[0])
	if err != nil {
		return jinja.None(), err
	}
	from, to := args[1].AsString(), args[2].AsString()
	if len(s)+strings.Count(s, from)*len(to) > 2*m.value {
		return jinja.None(), m.tooLarge()
	}
	return jinja.NewString(strings.Replace(s, from, to, count)), nil
}

// join is the filter: the texts of a list, or of an attribute of each, with one between them.
func (m *meter) join(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
	named := []jinja.Value{jinja.NewString(""), jinja.None()} // d, attribute
	copy(named, args[1:])
	for i, name := range []string{"d", "attribute"} {
		if v, ok := kwargs[name]; ok {
			named[i] = v
		}
	}
	list := elements(args[0])
	if named[1].IsString() {
		for i, v := range list {
			list[i] = jinja.Undefined()
			if v.IsDict() {
				list[i], _ = v.AsDict().Get(named[1].AsString())
			}
		}
	} else if !named[1].IsNone() {
		return jinja.None(), errors.New("the attribute of join is not a name")
	}
	return m.joined(list, named[0])
}

// concat is the method of a separator.
func (m *meter) concat(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if len(args) != 2 {
		return jinja.None(), errors.New("join has one list")
	}
	return m.joined(elements(args[1]), args[0])
}

func (m *meter) joined(list []jinja.Value, between jinja.Value) (jinja.Value, error) {
	separator, err := text(between)
	if err != nil {
		return jinja.None(), err
	}
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteString(separator)
		}
		s, err := text(v)
		if err != nil {
			return jinja.None(), err
		}
		if b.WriteString(s); b.Len() > 2*m.value {
			return jinja.None(), m.tooLarge()
		}
	}
	return jinja.NewString(b.String()), nil
}

// trim is the filter.
func trim(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
	if len(args) > 2 || len(kwargs) > 0 || !args[0].IsString() || len(args) == 2 && !args[1].IsString() {
		return jinja.None(), errors.New("trim has a text, and at most the characters to take")
	}
	if len(args) == 2 {
		return jinja.NewString(strings.Trim(args[0].AsString(), args[1].AsString())), nil
	}
	return jinja.NewString(strings.TrimFunc(args[0].AsString(), isSpace)), nil
}

// iterable is the test; an undefined value iterates over nothing, and a template
// sees sequences alone, so it stands for the test sequence as well.
func iterable(v jinja.Value) bool {
	return v.IsList() || v.IsDict() || v.IsString() || v.IsUndefined()
}

// elements are a copy of what a loop over v would see.
func elements(v jinja.Value) []jinja.Value {
	var list []jinja.Value
	switch {
	case v.IsList():
		list = append(list, v.AsList().Items...)
	case v.IsDict():
		for _, key := range v.AsDict().Keys {
			list = append(list, jinja.NewString(key))
		}
	case v.IsString():
		for _, r := range v.AsString() {
			list = append(list, jinja.NewString(string(r)))
		}
	}
	return list
}
