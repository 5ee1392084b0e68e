package loader

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
)

// HashFiles returns the SHA-256 of files of a folder, in hexadecimal, by name.
// It reads one file after the other and stops when ctx ends, and is meant to
// run in a goroutine beside the work that needs the same pages.
func HashFiles(ctx context.Context, dir string, names []string) (map[string]string, error) {
	sums := make(map[string]string, len(names))
	for _, name := range names {
		sum, err := hashFile(ctx, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		sums[name] = sum
	}
	return sums, nil
}

func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", &inputError{err}
	}
	defer f.Close()
	buffer := chunks.Get().(*[chunkBytes]byte)
	defer chunks.Put(buffer)
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buffer[:])
		h.Write(buffer[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", inputErrorf("%s: %w", path, err)
		}
	}
}
