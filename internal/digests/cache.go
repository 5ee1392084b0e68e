package digests

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// Cache is a folder that remembers digests, a file each, named after the path
// of the file hashed. So processes that use it at once touch each other only at
// the same file, and a rename puts it there whole. A cache that cannot be read
// or written remembers nothing, and costs time alone.
//
// An entry is one line of JSON and, on the next, its SHA-256: provenance must
// not come from a damaged disk.
type Cache struct{ dir string }

// UserCache is the cache in the user's own folder for such, which
// XDG_CACHE_HOME moves. Without one nothing is remembered.
func UserCache() Cache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return Cache{}
	}
	return Cache{filepath.Join(dir, "layerclust", "digests")}
}

// entry is what is known of one file.
type entry struct {
	Path   string
	Stamp  stamp
	SHA256 string
}

const (
	// leastBytes is the size of a file that is worth an entry: less is hashed
	// in under a millisecond.
	leastBytes = 1 << 20
	// maxEntries bounds the folder to a few MB.
	maxEntries = 1024
)

// get is the digest of a file with that stamp.
func (c Cache) get(path string, s stamp) (string, bool) {
	path, name := c.place(path)
	if name == "" || s.Size < leastBytes {
		return "", false
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", false
	}
	body, check, _ := bytes.Cut(text, []byte("\n"))
	var e entry
	if string(check) != digest(body) || json.Unmarshal(body, &e) != nil {
		return "", false
	}
	return e.SHA256, e.Path == path && e.Stamp == s
}

// put remembers a digest.
func (c Cache) put(path string, s stamp, sum string) {
	path, name := c.place(path)
	if name == "" || s.Size < leastBytes || os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	body, err := json.Marshal(entry{path, s, sum})
	if err != nil {
		panic(err) // plain strings and numbers always encode
	}
	f, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return
	}
	_, err = f.WriteString(string(body) + "\n" + digest(body))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	c.trim()
}

// trim removes the oldest entries beyond maxEntries, and with them in time what
// a killed process left behind.
func (c Cache) trim() {
	entries, err := os.ReadDir(c.dir)
	if err != nil || len(entries) <= maxEntries {
		return
	}
	ages := make([]int64, len(entries))
	order := make([]int, len(entries))
	for i, e := range entries {
		order[i] = i
		if info, err := e.Info(); err == nil { // otherwise another process has removed it
			ages[i] = info.ModTime().UnixNano()
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ages[a], ages[b]) })
	for _, i := range order[:len(order)-maxEntries] {
		os.Remove(filepath.Join(c.dir, entries[i].Name()))
	}
}

// place is a path as it means the same everywhere, and the name of its entry,
// "" where there can be none.
func (c Cache) place(path string) (abs, name string) {
	abs, err := filepath.Abs(path)
	if c.dir == "" || err != nil {
		return path, ""
	}
	return abs, filepath.Join(c.dir, digest([]byte(abs)))
}

// digest is the SHA-256 of bytes in memory, in hexadecimal.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
