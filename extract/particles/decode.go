package particles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Decode decodes one JSON object into the struct that v points to and says in
// words what is wrong. Keys that the struct does not have are ignored, and case
// counts: encoding/json alone would take a key t for T.
func Decode(data []byte, v any) error {
	var keys map[string]json.RawMessage
	if err := decodeOne(data, &keys); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v).Elem()) {
		known[f.Tag.Get("json")] = true
	}
	for key := range keys {
		if !known[key] {
			delete(keys, key)
		}
	}
	exact, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	return decodeOne(exact, v)
}

// decodeOne decodes one value, after which nothing may follow.
func decodeOne(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	err := d.Decode(v)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%s: %s where %s is meant", kind.Field, kind.Value, kind.Type)
	case errors.As(err, &kind):
		return fmt.Errorf("not a JSON object but %s", kind.Value)
	case err != nil:
		return fmt.Errorf("not a JSON object: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("not JSON: text follows the object")
	}
	return nil
}
