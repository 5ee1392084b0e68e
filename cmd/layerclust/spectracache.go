package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// spectraCache is a folder of what took long to compute, each in a file named
// after a digest of all that decides it: the values found of a matrix, and the
// singular value decompositions of base weights. So a call that ended early goes
// on, and one with another adapter finds what is of the base. Files are put there
// whole, by a rename, and end in a checksum: a damaged one is as none. A cache
// that cannot be read or written costs time alone.
type spectraCache struct {
	dir     string // "" for none
	reread  bool   // nothing that it holds is taken: --fresh
	program string // whose values it takes

	mu  sync.Mutex
	err error // why it could not be written, the first time
}

const (
	valuesKind = "values"
	basisKind  = "basis"
)

// cacheBounds are the bytes that each kind of file may take before the least
// recently used are removed: about 40 MB of values, or 130 MB of a decomposition
// in a model of 7B parameters, in each of 32 layers.
var cacheBounds = map[string]int64{valuesKind: 1 << 30, basisKind: 16 << 30}

// openSpectraCache is the cache in the user's own folder for such, which
// XDG_CACHE_HOME moves.
func openSpectraCache(fresh bool) *spectraCache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return &spectraCache{err: err, program: version}
	}
	return &spectraCache{dir: filepath.Join(dir, "layerclust", "spectra"), reread: fresh, program: program()}
}

func (c *spectraCache) path(kind, key string) string { return filepath.Join(c.dir, kind+"-"+key) }

// values finds values by their key; their variants and layers are not kept.
func (c *spectraCache) values(key string) ([]spectra.Value, bool) {
	var found []spectra.Value
	ok := c.get(valuesKind, key, func(r io.Reader, _ int64) error { return gob.NewDecoder(r).Decode(&found) })
	return found, ok
}

func (c *spectraCache) putValues(key string, values []spectra.Value) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(values); err != nil {
		panic(err) // plain numbers always encode
	}
	c.put(valuesKind, key, func(w io.Writer) error {
		_, err := w.Write(body.Bytes())
		return err
	})
}

// basis finds a decomposition of a weight (out, in).
func (c *spectraCache) basis(key string, out, in int) (*spectra.Basis, bool) {
	k := min(out, in)
	b := &spectra.Basis{U: spectra.NewMatrix(out, k), S: make([]float64, k), V: spectra.NewMatrix(k, in)}
	ok := c.get(basisKind, key, func(r io.Reader, size int64) error {
		if want := int64(8*k) + 4*int64(k)*int64(out+in); size != want {
			return fmt.Errorf("it has %d bytes, not %d", size, want)
		}
		return errors.Join(binary.Read(r, binary.LittleEndian, b.S), readSingle(r, b.U.Data), readSingle(r, b.V.Data))
	})
	return b, ok
}

func (c *spectraCache) putBasis(key string, b *spectra.Basis) {
	c.put(basisKind, key, func(w io.Writer) error {
		return errors.Join(binary.Write(w, binary.LittleEndian, b.S), writeSingle(w, b.U.Data), writeSingle(w, b.V.Data))
	})
	c.trim(basisKind)
}

// singleChunk is how many values readSingle and writeSingle convert at once.
const singleChunk = 1 << 14

// writeSingle writes values that float32 holds, as spectra.Basis has them.
func writeSingle(w io.Writer, x []float64) error {
	buffer := make([]byte, 0, 4*singleChunk)
	for part := range slices.Chunk(x, singleChunk) {
		buffer = buffer[:0]
		for _, v := range part {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(float32(v)))
		}
		if _, err := w.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

func readSingle(r io.Reader, x []float64) error {
	buffer := make([]byte, 4*singleChunk)
	for part := range slices.Chunk(x, singleChunk) {
		if _, err := io.ReadFull(r, buffer[:4*len(part)]); err != nil {
			return err
		}
		for i := range part {
			part[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(buffer[4*i:])))
		}
	}
	return nil
}

// get reads an entry and says whether there is a whole one.
func (c *spectraCache) get(kind, key string, read func(r io.Reader, size int64) error) bool {
	if c.dir == "" || c.reread {
		return false
	}
	f, err := os.Open(c.path(kind, key))
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < 4 {
		return false
	}
	size := info.Size() - 4
	sum := crc32.New(castagnoli)
	body := io.TeeReader(io.LimitReader(bufio.NewReaderSize(f, 1<<20), size), sum)
	if read(body, size) != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return false
	}
	var want [4]byte
	if _, err := f.ReadAt(want[:], size); err != nil || binary.LittleEndian.Uint32(want[:]) != sum.Sum32() {
		return false
	}
	now := time.Now()
	os.Chtimes(f.Name(), now, now) //nolint:errcheck // it is then removed sooner
	return true
}

// put keeps an entry: its body, then its CRC-32C. A loss of power may lose or damage
// it, which costs the time again.
func (c *spectraCache) put(kind, key string, write func(io.Writer) error) {
	if c.dir == "" {
		return
	}
	if err := c.store(kind, key, write); err != nil {
		c.mu.Lock()
		c.err = cmp.Or(c.err, err)
		c.mu.Unlock()
	}
}

func (c *spectraCache) store(kind, key string, write func(io.Writer) error) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.dir, kind+"-new-*")
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(io.MultiWriter(w, sum))
	err = errors.Join(err, binary.Write(w, binary.LittleEndian, sum.Sum32()), w.Flush(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), c.path(kind, key))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// close bounds what is kept of values.
func (c *spectraCache) close() { c.trim(valuesKind) }

// trim removes the least recently used files of a kind beyond its bound, and with
// them in time what a killed process left behind.
func (c *spectraCache) trim(kind string) {
	if c.dir == "" {
		return
	}
	paths, err := filepath.Glob(filepath.Join(c.dir, kind+"-*"))
	if err != nil {
		return // only of a pattern that is none
	}
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	var total int64
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil { // otherwise another process has removed it
			files = append(files, file{path, info.Size(), info.ModTime()})
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, f := range files {
		if total <= cacheBounds[kind] {
			break
		}
		os.Remove(f.path)
		total -= f.size
	}
}

// program tells builds of this program apart, so that none takes what another one
// has computed otherwise: its version or, of a build between versions, its file.
func program() string {
	if version != "unknown" && !strings.HasSuffix(version, "-dirty") {
		return version
	}
	if path, err := os.Executable(); err == nil {
		return strings.Join(append(stamps(filepath.Dir(path), []string{filepath.Base(path)}), version), " ")
	}
	return version
}
