package loader

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// safetensorsBytes is a file with the given header and so many bytes of data,
// which are 0, 1, 2 ...
func safetensorsBytes(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range data {
		b = append(b, byte(i))
	}
	return b
}

// writeFile writes a file of a folder made for the test and returns its path.
func writeFile(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// refused demands an error that is one line of bad input with all of the parts.
func refused(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want an error with %q", parts)
	}
	if !errors.Is(err, ErrInput) {
		t.Errorf("error does not wrap ErrInput: %v", err)
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("error is more than one line: %q", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// edit returns text with old replaced once, which must be there.
func edit(t testing.TB, text, old, new string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%q is not in %q", old, text)
	}
	return strings.Replace(text, old, new, 1)
}
