package extract

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// someCheckpoint has norms that decimal text, rounded, would not keep.
func someCheckpoint() checkpoint {
	return checkpoint{Changed: []bool{false, true, false}, Norms: []normSum{
		changeNorms{}.sum(),
		changeNorms{modules: 7, change: 1.0 / 3, weight: math.Nextafter(1e300, 2e300), max: math.Inf(1)}.sum(),
		changeNorms{modules: 1, change: math.SmallestNonzeroFloat64, weight: 5, max: 0.1}.sum(),
	}}
}

// reopen loads a checkpoint that has to be there.
func reopen(t *testing.T, memory int64, dir string) (*checkpoint, *store) {
	t.Helper()
	c, s, err := loadCheckpoint(slotSizes, memory, dir)
	if err != nil || c == nil {
		t.Fatalf("checkpoint %v, error %v", c, err)
	}
	t.Cleanup(s.close)
	return c, s
}

func mustSave(t *testing.T, s *store) {
	t.Helper()
	if err := s.save(someCheckpoint(), nil); err != nil {
		t.Fatal(err)
	}
}

// TestCheckpoint goes on from a checkpoint with as much memory as before, and
// with more and less; layers of which there is no checkpoint lie between.
func TestCheckpoint(t *testing.T) {
	for _, before := range []int64{inMemory, onDisk} {
		for _, after := range []int64{inMemory, onDisk} {
			dir := t.TempDir()
			s := filled(t, before, dir, 1)
			mustSave(t, s)
			advance(t, s)
			advance(t, s)
			mustSave(t, s)
			advance(t, s) // is lost
			s.close()
			if got := names(t, dir); !slices.Equal(got, []string{"checkpoint.json", "states-3"}) {
				t.Errorf("the folder holds %v", got)
			}
			if layer, ok := Finished(dir); layer != 3 || !ok {
				t.Errorf("finished: %d, %v", layer, ok)
			}

			c, s := reopen(t, after, dir)
			want := someCheckpoint()
			want.Layer = 3
			if diff := cmp.Diff(&want, c); diff != "" {
				t.Error(diff)
			}
			if n := c.Norms[1].norms(); n != (changeNorms{7, 1.0 / 3, math.Nextafter(1e300, 2e300), math.Inf(1)}) {
				t.Errorf("norms %v", n)
			}
			checkStore(t, s, 3)
			mustSave(t, s) // of the same layer: there already
			advance(t, s)
			advance(t, s)
			mustSave(t, s)
			s.close()
			_, s = reopen(t, before, dir)
			checkStore(t, s, 5)
		}
	}
}

// TestCheckpointOrder: the sink is told before the checkpoint names its layer,
// and until then the one before is whole. Where the sink fails, it stays so.
func TestCheckpointOrder(t *testing.T) {
	for _, memory := range []int64{inMemory, onDisk} {
		dir := t.TempDir()
		s := filled(t, memory, dir, 2)
		mustSave(t, s)
		advance(t, s)
		full := errors.New("no space left")
		told := 0
		err := s.save(someCheckpoint(), func(layer int) error {
			told = layer
			if before, ok := Finished(dir); before != 2 || !ok {
				t.Errorf("in the sink: %d, %v", before, ok)
			}
			return full
		})
		if !errors.Is(err, full) || told != 3 {
			t.Errorf("told %d, error %v", told, err)
		}
		s.close()
		if got := names(t, dir); !slices.Equal(got, []string{"checkpoint.json", "states-2"}) {
			t.Errorf("the folder holds %v", got)
		}
		_, s = reopen(t, memory, dir)
		checkStore(t, s, 2)
	}
}

// TestCheckpointCutShort stops a save after each of its operations, with the
// file it was writing cut at several places: the checkpoint before or the new
// one is found whole, nothing else.
func TestCheckpointCutShort(t *testing.T) {
	dir := t.TempDir()
	s := filled(t, inMemory, dir, 1)
	mustSave(t, s)
	old := contents(t, dir)
	advance(t, s)
	mustSave(t, s)
	s.close()
	done := contents(t, dir)
	manifest, states := done[manifestName], done["states-2"]

	type image map[string][]byte
	with := func(base image, name string, data []byte) image {
		copied := image{name: data}
		for n, d := range base {
			if n != name {
				copied[n] = d
			}
		}
		return copied
	}
	check := func(what string, files image, want int) {
		t.Helper()
		dir := t.TempDir()
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, s := reopen(t, onDisk, dir)
		if s.layer != want {
			t.Errorf("%s: went on from layer %d, want %d", what, s.layer, want)
		}
		checkStore(t, s, s.layer)
		advance(t, s)
		mustSave(t, s)
		s.close()
		if got := names(t, dir); len(got) > 3 { // a manifest cut short may lie there until the end
			t.Errorf("%s: the folder holds %v", what, got)
		}
	}
	for _, n := range []int{0, 1, 12 * 4, len(states) - 1, len(states)} {
		check("states cut", with(old, "states-2", states[:n]), 1)
	}
	both := with(old, "states-2", states)
	for _, n := range []int{0, 1, len(manifest) / 2, len(manifest)} {
		check("manifest cut", with(both, manifestName+".new", manifest[:n]), 1)
	}
	check("renamed", with(both, manifestName, manifest), 2)
	check("the old states gone", done, 2)
}

// contents maps the files of a folder to their bytes.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range names(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	return files
}

// TestCheckpointDamaged: a file that is not what was written is no checkpoint.
func TestCheckpointDamaged(t *testing.T) {
	dir := t.TempDir()
	s := filled(t, inMemory, dir, 1)
	mustSave(t, s)
	s.close()
	whole := contents(t, dir)
	flipped := func(data []byte, at int) []byte {
		data = slices.Clone(data)
		data[at] ^= 1
		return data
	}
	states, manifest := whole["states-1"], whole[manifestName]
	for name, damaged := range map[string][][]byte{
		"states-1":   {nil, states[:len(states)-4], append(slices.Clone(states), 0), flipped(states, 0), flipped(states, len(states)-1)},
		manifestName: {nil, {}, manifest[:len(manifest)-1], flipped(manifest, slices.Index(manifest, ':')+1), []byte("{}"), []byte("null")},
	} {
		for i, data := range damaged {
			path := filepath.Join(dir, name)
			if data == nil {
				os.Remove(path)
			} else if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if layer, ok := Finished(dir); ok {
				t.Errorf("%s, damage %d: finished layer %d", name, i, layer)
			}
			if c, _, err := loadCheckpoint(slotSizes, inMemory, dir); c != nil || err != nil {
				t.Errorf("%s, damage %d: checkpoint %v, error %v", name, i, c, err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), whole[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reopen(t, inMemory, dir)
}

// TestCheckpointOfOthers: a checkpoint of other prompts is refused, since the
// sink may have gone back to its layer.
func TestCheckpointOfOthers(t *testing.T) {
	dir := t.TempDir()
	s := filled(t, inMemory, dir, 1)
	mustSave(t, s)
	longer := slices.Clone(slotSizes)
	longer[0]++
	for _, sizes := range [][]int{slotSizes[1:], longer} {
		if c, _, err := loadCheckpoint(sizes, inMemory, dir); err == nil || c != nil {
			t.Errorf("sizes %v: checkpoint %v, error %v", sizes, c, err)
		}
	}
}

// TestPace: the first checkpoint after the interval, later ones not before they
// cost less than a fiftieth.
func TestPace(t *testing.T) {
	begin := time.Unix(1000, 0)
	p := pace{every: time.Second, last: begin}
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	if p.due(at(999)) || !p.due(at(1000)) {
		t.Error("the first is not due after a second")
	}
	p.made(at(1000), at(1010)) // a fiftieth of the interval is more
	if p.due(at(2009)) || !p.due(at(2010)) {
		t.Error("after a quick one the next is not due a second later")
	}
	p.made(at(3000), at(3500)) // 50 * 0.5 s
	if p.due(at(28499)) || !p.due(at(28500)) {
		t.Error("after a slow one the next is not due 25 seconds later")
	}
}
