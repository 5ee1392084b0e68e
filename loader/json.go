package loader

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// maxJSONDepth bounds the nesting of a document; real ones nest four deep.
const maxJSONDepth = 64

// maxConfigBytes bounds config.json and adapter_config.json.
const maxConfigBytes = 16 << 20

// object is a JSON object whose keys keep their order: PEFT takes the first
// entry of rank_pattern that matches, so the order carries meaning.
type object struct {
	keys   []string
	values map[string]any
}

// MarshalJSON writes the members in their order.
func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // Python's json does not escape <, > and &
	b.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.Encode(key); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // Encode ends with a newline
		b.WriteByte(':')
		if err := e.Encode(o.values[key]); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// parseObject decodes a document that is one JSON object. Values are nil, bool,
// string, json.Number, []any and *object. A key given twice is an error at any
// depth: encoding/json would keep the last and other readers the first, so that
// two tools would see two files.
func parseObject(data []byte) (*object, error) {
	o := &object{values: map[string]any{}}
	err := visitObject(data, func(key string, value any) error {
		o.keys = append(o.keys, key)
		o.values[key] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// visitObject calls visit for the members of a document that is one JSON
// object, in their order, without holding them all.
func visitObject(data []byte, visit func(key string, value any) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	start, err := d.Token()
	if err != nil {
		return jsonFault(err)
	}
	if start != json.Delim('{') {
		return errors.New("is not a JSON object")
	}
	if err := members(d, 1, visit); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("has data after its JSON object")
	}
	return nil
}

// members reads the rest of an object whose brace has been consumed.
func members(d *json.Decoder, depth int, visit func(key string, value any) error) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return jsonFault(err)
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("is not valid JSON: %v where a key should be", t)
		}
		if seen[key] {
			return fmt.Errorf("holds the key %s twice", shown(key))
		}
		seen[key] = true
		v, err := value(d, depth)
		if err != nil {
			return err
		}
		if err := visit(key, v); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return jsonFault(err)
}

// value reads one value at the given depth.
func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, jsonFault(err)
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth >= maxJSONDepth {
		return nil, fmt.Errorf("nests deeper than %d", maxJSONDepth)
	}
	if delim == '{' {
		o := &object{values: map[string]any{}}
		err := members(d, depth+1, func(key string, v any) error {
			o.keys = append(o.keys, key)
			o.values[key] = v
			return nil
		})
		return o, err
	}
	list := []any{}
	for d.More() {
		v, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err = d.Token()
	return list, jsonFault(err)
}

func jsonFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("is not valid JSON: unexpected end of JSON input")
	}
	return fmt.Errorf("is not valid JSON: %w", err)
}

// plain turns a decoded value into the maps and slices that encoding/json makes.
func plain(v any) any {
	switch v := v.(type) {
	case *object:
		m := make(map[string]any, len(v.keys))
		for _, key := range v.keys {
			m[key] = plain(v.values[key])
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plain(e)
		}
		return list
	}
	return v
}

// blank reports whether a field says nothing: absent, null, false, 0 or empty.
func blank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	case []any:
		return len(v) == 0
	case *object:
		return len(v.keys) == 0
	}
	return false
}

// integer reads a JSON integer; 64.0 and 6.4e1 are refused, as Python's int is.
func integer(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(n.String())
	return i, err == nil
}

// readBounded reads a whole regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &inputError{err}
	}
	if !info.Mode().IsRegular() {
		return nil, inputErrorf("%s: is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, inputErrorf("%s: %d bytes, more than the %d allowed", path, info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &inputError{err}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, &inputError{err}
	}
	if int64(len(data)) > limit {
		return nil, inputErrorf("%s: more than the %d bytes allowed", path, limit)
	}
	return data, nil
}
