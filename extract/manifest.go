package extract

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// manifest is the file that makes a checkpoint of a file of states. It comes
// into being by a rename, after all that it speaks of is on the disk.
type manifest struct {
	Version int
	checkpoint
	File  string // of the states, beside the manifest
	Size  int64
	CRC32 uint32 // Castagnoli's, of the file
	Slots int
	Set   []byte // (slots) bits, the lowest of a byte first
}

const (
	manifestName    = "checkpoint.json"
	manifestVersion = 1
)

// manifest is that of a checkpoint whose states are in f.
func (s *store) manifest(c checkpoint, f *stateFile) manifest {
	m := manifest{Version: manifestVersion, checkpoint: c, File: filepath.Base(f.path), Size: f.size, CRC32: f.sum,
		Slots: len(s.sizes), Set: make([]byte, (len(s.sizes)+7)/8)}
	for i, at := range f.at {
		if at >= 0 {
			m.Set[i/8] |= 1 << (i % 8)
		}
	}
	return m
}

// isSet is the slots' bits, one by one.
func (m *manifest) isSet() []bool {
	set := make([]bool, m.Slots)
	for i := range set {
		set[i] = m.Set[i/8]>>(i%8)&1 == 1
	}
	return set
}

// writeManifest puts the manifest in the place of the one before, at once.
func writeManifest(dir string, m manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, manifestName)
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	syncFolder(dir)
	return err
}

// syncFolder makes renames in a folder durable. Some systems cannot, which is
// no reason to end a run.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync() //nolint:errcheck // see above
		d.Close()
	}
}

// readManifest reads the manifest of a folder, where it is whole and what it
// speaks of is what it says.
func readManifest(dir string) (*manifest, bool) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, false
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil || m.Version != manifestVersion || m.Layer < 0 ||
		filepath.Base(m.File) != m.File || m.Slots < 0 || len(m.Set) != (m.Slots+7)/8 {
		return nil, false
	}
	size, sum, err := sumFile(filepath.Join(dir, m.File))
	return &m, err == nil && size == m.Size && sum == m.CRC32
}
