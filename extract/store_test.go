package extract

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// The slots of the tests: two prompts under three variants. The third size is
// more than one chunk of a file.
var slotSizes = []int{12, 12, 12, stateChunk/4 + 5, stateChunk/4 + 5, stateChunk/4 + 5}

// inMemory and onDisk are limits that keep the slots of the tests whole in
// memory, and out of it.
var (
	inMemory = bytesOf(slotSizes)
	onDisk   = bytesOf(slotSizes) - 1
)

// layerOf is the states of a slot behind a block; nil where the slot is not
// set: the second variant leaves the base in block 2, the third never does.
func layerOf(layer, slot int) []float32 {
	if slot%3 == 2 || slot%3 == 1 && layer < 2 {
		return nil
	}
	rng := rand.New(rand.NewPCG(uint64(layer), uint64(slot)))
	x := make([]float32, slotSizes[slot])
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// advance reads what is behind the last block and writes what is behind the
// next, as a run does.
func advance(t *testing.T, s *store) {
	t.Helper()
	next := s.layer + 1
	for slot := range slotSizes {
		if s.layer >= 0 {
			checkSlot(t, s, slot)
		}
		if x := layerOf(next, slot); x != nil {
			if err := s.write(slot, x); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.turn()
}

// checkSlot demands that a slot holds what is behind the last block.
func checkSlot(t *testing.T, s *store, slot int) {
	t.Helper()
	want := layerOf(s.layer, slot)
	if s.has(slot) != (want != nil) {
		t.Fatalf("layer %d, slot %d: set is %v", s.layer, slot, s.has(slot))
	}
	if want == nil {
		return
	}
	got := make([]float32, slotSizes[slot])
	if err := s.read(slot, got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("layer %d, slot %d holds other states", s.layer, slot)
	}
}

func checkStore(t *testing.T, s *store, layer int) {
	t.Helper()
	if s.layer != layer {
		t.Fatalf("the states are behind layer %d, not %d", s.layer, layer)
	}
	for slot := range slotSizes {
		checkSlot(t, s, slot)
	}
}

// filled is a store behind the given layer.
func filled(t *testing.T, memory int64, dir string, layer int) *store {
	t.Helper()
	s, err := newStore(slotSizes, memory, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for s.layer < layer {
		advance(t, s)
	}
	return s
}

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestStore(t *testing.T) {
	for _, memory := range []int64{inMemory, onDisk} {
		dir := t.TempDir()
		s := filled(t, memory, dir, 4)
		checkStore(t, s, 4)
		if s.onDisk() != (memory == onDisk) {
			t.Errorf("of %d bytes with %d allowed: on disk is %v", inMemory, memory, s.onDisk())
		}
		var want []string
		if s.onDisk() {
			want = []string{"states-4"}
		}
		if got := names(t, dir); !slices.Equal(got, want) {
			t.Errorf("files %v, want %v", got, want)
		}
		s.close()
		if got := names(t, dir); len(got) > 0 {
			t.Errorf("left behind: %v", got)
		}
	}
}

// TestStoreWithoutFolder: without a folder there is nothing but memory.
func TestStoreWithoutFolder(t *testing.T) {
	s := filled(t, 0, "", 3)
	checkStore(t, s, 3)
	if s.due() {
		t.Error("a checkpoint is due that has no folder")
	}
}

// TestStoreKeepsACopy: what is written is a copy.
func TestStoreKeepsACopy(t *testing.T) {
	for _, memory := range []int64{inMemory, onDisk} {
		s, err := newStore(slotSizes, memory, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.close)
		x := layerOf(0, 0)
		if err := s.write(0, x); err != nil {
			t.Fatal(err)
		}
		clear(x)
		s.turn()
		checkSlot(t, s, 0)
	}
}
