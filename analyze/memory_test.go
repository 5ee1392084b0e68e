package analyze

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
)

// diskStore is a Store in a file: what is put there takes no memory.
type diskStore struct {
	file *os.File
	size int64
}

func (s *diskStore) Put(b []byte) (int64, error) {
	at := s.size
	record := append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
	s.size += int64(len(record))
	_, err := s.file.WriteAt(record, at)
	return at, err
}

func (s *diskStore) Get(at int64) ([]byte, error) {
	var n [4]byte
	if _, err := s.file.ReadAt(n[:], at); err != nil {
		return nil, err
	}
	b := make([]byte, binary.LittleEndian.Uint32(n[:]))
	_, err := io.ReadFull(io.NewSectionReader(s.file, at+4, int64(len(b))), b)
	return b, err
}

// heapNow returns the bytes in use, without those of pools, which outlive one
// collection.
func heapNow() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// memoryOf returns what a study of the given number of prompts holds after the
// last state, and when it gives out the last part of its tables.
func memoryOf(t *testing.T, prompts int) (added, given int) {
	t.Helper()
	variants := []string{Base, "a", "b"}
	x := randomState(1, 64, 32)
	file, err := os.Create(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := heapNow()
	s := NewStudy(&diskStore{file: file}, variants[1:])
	keep := map[string][]int{}
	for l := range 8 {
		for p := range prompts {
			prompt := fmt.Sprint("prompt ", p)
			keep[prompt] = []int{1, 2, 3, 5, 8, 13, 21, 34, 55}
			for _, v := range variants {
				if err := s.Add(State{Key{v, prompt, fmt.Sprint(l), SiteResid}, 64, 32, x}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	added = heapNow() - before
	last := 0
	o := FinishOptions{Bootstrap: 10, Each: func(_ int, part *Tables) error {
		if len(part.Metrics) > 0 && part.Metrics[0].Prompt == AllPrompts {
			last = heapNow() - before
		}
		return nil
	}}
	if _, err := s.Finish(context.Background(), keep, o); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(s)
	return added, last
}

// TestMemoryOfAPrompt: states wait in the store and tables go out in parts, so a
// prompt costs its name, its mask and a place for each of its 24 states.
func TestMemoryOfAPrompt(t *testing.T) {
	const few, more, budget = 4, 40, 3000 // bytes
	added, given := memoryOf(t, few)
	moreAdded, moreGiven := memoryOf(t, more)
	if got := (moreAdded - added) / (more - few); got > budget {
		t.Errorf("a prompt waiting for Finish takes %d bytes, the budget is %d", got, budget)
	}
	if got := (moreGiven - given) / (more - few); got > budget {
		t.Errorf("a prompt takes %d bytes at the end of Finish, the budget is %d", got, budget)
	}
}
