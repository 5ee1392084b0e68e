package loader

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrInput is wrapped by every error of this package that other input would
// mend: a missing folder, a truncated file, an option that is not supported, an
// output folder that cannot be written. A command answers it with exit code 2.
var ErrInput = errors.New("bad input")

// inputError marks an error as ErrInput without adding to its text.
type inputError struct{ err error }

func (e *inputError) Error() string        { return e.err.Error() }
func (e *inputError) Unwrap() error        { return e.err }
func (e *inputError) Is(target error) bool { return target == ErrInput }

func inputErrorf(format string, args ...any) error {
	return &inputError{fmt.Errorf(format, args...)}
}

// InputErrorf is fmt.Errorf whose result also wraps ErrInput.
func InputErrorf(format string, args ...any) error { return inputErrorf(format, args...) }

// FormatError says that a safetensors file breaks the rules of its format.
type FormatError struct {
	File   string // path as it was opened
	Tensor string // empty where the fault is not one tensor's
	Reason string
}

func (e *FormatError) Error() string {
	if e.Tensor == "" {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s: tensor %s: %s", e.File, shown(e.Tensor), e.Reason)
}

// Is makes a FormatError an ErrInput.
func (e *FormatError) Is(target error) bool { return target == ErrInput }

// maxShown bounds how much of a value from a file an error repeats.
const maxShown = 120

// shown renders a decoded JSON value for an error message: one line, bounded.
func shown(v any) string {
	var text string
	switch v := v.(type) {
	case string:
		text = strconv.Quote(v)
	case json.Number:
		text = v.String()
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprintf("%T", v)
		}
		text = string(b)
	}
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "..."
	}
	return text
}

// plainKey matches the keys that an error can show without quotes.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// shownKey renders a field's name for an error message.
func shownKey(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	return shown(key)
}

// fewListed is how many names an error lists before it only counts.
const fewListed = 5

// listed joins the first few of the items and says how many more there are.
func listed(items []string) string {
	if len(items) <= fewListed {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:fewListed], ", "), len(items)-fewListed)
}
