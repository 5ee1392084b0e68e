package chattemplate

import (
	"errors"
	"fmt"
	"time"

	"github.com/ardanlabs/jinja"
)

// limits bound one rendering.
type limits struct {
	time  time.Duration
	ticks int // rounds of loops and calls of macros
	depth int // macros within macros, and lists within lists
	value int // bytes of a value that is kept, beyond what the messages have
	out   int // bytes written, beyond what the messages have
}

// standardLimits are far above what templates in use need, which is about a
// hundred steps and one copy of the text for each message.
var standardLimits = limits{time: 10 * time.Second, ticks: 1_000_000, depth: 50, value: 256 << 10, out: 4 << 20}

// Copies of the messages that a value, and the output, may hold.
const (
	valueCopies = 4
	outCopies   = 16
)

// meter counts what one rendering uses.
type meter struct {
	limits
	deadline   time.Time
	spent      int                  // ticks
	nested     int                  // macros now running
	written    int                  // bytes
	namespaces map[*jinja.Dict]bool // those made by namespace()
}

// newMeter is a meter for messages of so many bytes.
func newMeter(l limits, size int) *meter {
	l.value += valueCopies * size
	l.out += outCopies * size
	return &meter{limits: l, deadline: time.Now().Add(l.time), namespaces: map[*jinja.Dict]bool{}}
}

// register adds the functions that the rewritten template of t calls.
func (m *meter) register(values map[string]jinja.Value, t *Template) {
	function := func(name string, f func(args []jinja.Value) (jinja.Value, error)) {
		values[name] = jinja.NewCallable(name, func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			if time.Now().After(m.deadline) {
				return jinja.None(), fmt.Errorf("the template takes more than %v", m.time)
			}
			return f(args)
		})
	}
	function("__text", func(args []jinja.Value) (jinja.Value, error) {
		v := jinja.NewString(t.texts[args[0].AsInt()])
		return v, m.write(v)
	})
	function("__out", func(args []jinja.Value) (jinja.Value, error) { return args[0], m.write(args[0]) })
	function("__value", func(args []jinja.Value) (jinja.Value, error) { return args[0], m.keep(args[0]) })
	function("__attribute", m.attribute)
	function("__tick", func([]jinja.Value) (jinja.Value, error) { return jinja.None(), m.tick() })
	function("__enter", func([]jinja.Value) (jinja.Value, error) { return jinja.None(), m.enter() })
	function("__leave", func([]jinja.Value) (jinja.Value, error) {
		m.nested--
		return jinja.None(), nil
	})
	function("__refuse", func(args []jinja.Value) (jinja.Value, error) {
		return jinja.None(), errors.New(t.refused[args[0].AsInt()])
	})
}

func (m *meter) tick() error {
	if m.spent++; m.spent > m.ticks {
		return fmt.Errorf("the template takes more than %d steps", m.ticks)
	}
	return nil
}

func (m *meter) enter() error {
	if m.nested++; m.nested > m.depth {
		return fmt.Errorf("macros call one another more than %d deep", m.depth)
	}
	return m.tick()
}

// write counts a value that goes to the output, of the template or of a macro.
func (m *meter) write(v jinja.Value) error {
	s, err := text(v)
	if err != nil {
		return err
	}
	if m.written += len(s); m.written > m.out {
		return fmt.Errorf("the template writes more than %d bytes", m.out)
	}
	return nil
}

// text is a value as an output shows it. A list or dict would show as Python
// code, which no chat means and the library does not spell as Python does.
func text(v jinja.Value) (string, error) {
	switch {
	case v.IsString():
		return v.AsString(), nil
	case v.IsUndefined():
		return "", nil
	case v.IsList() || v.IsDict() || v.IsCallable():
		return "", errors.New("writing a list, dict or function as text is not supported")
	}
	return v.String(), nil
}

// keep checks a value that is given a name.
func (m *meter) keep(v jinja.Value) error {
	size := 0
	return m.add(&size, v, 0, false)
}

// attribute is the value of an assignment to an attribute. Only a namespace
// takes one, and a namespace takes none: values hold no cycles.
func (m *meter) attribute(args []jinja.Value) (jinja.Value, error) {
	if !args[0].IsDict() || !m.namespaces[args[0].AsDict()] {
		return jinja.None(), errors.New("an attribute is set on what is not a namespace")
	}
	size := 0
	if err := m.add(&size, args[1], 0, true); err != nil {
		return jinja.None(), err
	}
	return args[1], nil
}

// weightOf is what counts for each value inside another, whatever it is.
const weightOf = 16

// add adds about how many bytes a value takes as text. It walks the value as a
// tree, up to the limit, however often parts are shared.
func (m *meter) add(size *int, v jinja.Value, depth int, noNamespace bool) error {
	if depth > m.depth {
		return fmt.Errorf("the template makes a value that nests deeper than %d", m.depth)
	}
	if depth > 0 {
		*size += weightOf
	}
	var inside []jinja.Value
	switch {
	case v.IsString():
		*size += len(v.AsString())
	case v.IsList():
		inside = v.AsList().Items
	case v.IsDict():
		if noNamespace && m.namespaces[v.AsDict()] {
			return errors.New("a namespace inside a namespace is not supported")
		}
		for _, key := range v.AsDict().Keys {
			*size += len(key)
			inside = append(inside, v.AsDict().Data[key])
		}
	}
	for _, child := range inside {
		if err := m.add(size, child, depth+1, noNamespace); err != nil {
			return err
		}
	}
	if *size > m.value {
		return m.tooLarge()
	}
	return nil
}

func (m *meter) tooLarge() error {
	return fmt.Errorf("the template makes a value of more than %d bytes", m.value)
}
