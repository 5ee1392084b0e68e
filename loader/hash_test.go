package loader

import (
	"context"
	"errors"
	"testing"
)

func TestHashFiles(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "abc", []byte("abc"))
	writeFile(t, dir, "empty", nil)
	sums, err := HashFiles(context.Background(), dir, []string{"abc", "empty"})
	if err != nil {
		t.Fatal(err)
	}
	// FIPS 180-2, appendix B.1, and the digest of no bytes.
	if sums["abc"] != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" ||
		sums["empty"] != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("got %v", sums)
	}
	_, err = HashFiles(context.Background(), dir, []string{"absent"})
	refused(t, err, "absent")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := HashFiles(ended, dir, []string{"abc"}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrInput) {
		t.Errorf("after cancelling: %v", err)
	}
}
