package digests

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"runtime"
	"time"
)

// Sum is the SHA-256 of a file, in hexadecimal. It ends with ctx.
func Sum(ctx context.Context, path string) (string, error) {
	f := &file{path: path}
	f.advance(ctx, Cache{}, nil)
	return f.sum, f.err
}

// file is a file of which a part is hashed.
type file struct {
	path string
	done bool
	sum  string // when done, or
	err  error

	open  *os.File // nil before the first byte
	hash  hash.Hash
	stamp stamp     // before the first byte
	begun time.Time // the time then
}

// chunkBytes is how much is hashed before the processor is given back: about a
// tenth of a millisecond's work.
const chunkBytes = 128 << 10

// advance goes on with a file until it is done, or until leave is closed. It
// says whether it is done.
func (f *file) advance(ctx context.Context, cache Cache, leave <-chan struct{}) bool {
	if f.done {
		return true
	}
	if f.open == nil && f.begin(cache) {
		return true
	}
	buffer := make([]byte, chunkBytes)
	for {
		select {
		case <-ctx.Done():
			return f.end(ctx.Err())
		case <-leave:
			return false
		default:
		}
		n, err := f.open.Read(buffer)
		f.hash.Write(buffer[:n])
		if err == io.EOF {
			f.sum = hex.EncodeToString(f.hash.Sum(nil))
			f.keep(cache)
			return f.end(nil)
		}
		if err != nil {
			return f.end(err)
		}
		if leave != nil {
			runtime.Gosched()
		}
	}
}

// begin opens the file, which is done where the cache knows it.
func (f *file) begin(cache Cache) bool {
	var info os.FileInfo
	var err error
	f.begun = time.Now()
	if f.open, err = os.Open(f.path); err == nil {
		info, err = f.open.Stat()
	}
	if err != nil {
		return f.end(err)
	}
	f.stamp, f.hash = stampOf(info), sha256.New()
	if sum, ok := cache.get(f.path, f.stamp); ok {
		f.sum = sum
		return f.end(nil)
	}
	return false
}

// keep remembers the digest, unless the file changed while it was read or so
// shortly before that a change after it could leave the same stamp.
func (f *file) keep(cache Cache) {
	info, err := f.open.Stat()
	if err == nil && stampOf(info) == f.stamp && f.stamp.settled(f.begun) {
		cache.put(f.path, f.stamp, f.sum)
	}
}

func (f *file) end(err error) bool {
	f.open.Close() //nolint:errcheck // nothing was written
	f.done, f.err = true, err
	return true
}
