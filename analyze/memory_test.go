package analyze

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"unsafe"
)

// forgetfulStore keeps the last state of each variant, for studies whose states
// are all the same.
type forgetfulStore map[string][]byte

func (s forgetfulStore) Put(k Key, b []byte) error { s[k.Variant] = b; return nil }

func (s forgetfulStore) Get(k Key) ([]byte, error) { return s[k.Variant], nil }

// heapAfter returns the bytes in use. The second collection takes what pools
// still held after the first.
func heapAfter() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// memoryOf returns what a study of the given number of prompts holds after the
// last state and after Finish, and its tables.
func memoryOf(t *testing.T, prompts int) (added, finished int, tables *Tables) {
	t.Helper()
	variants := []string{Base, "a", "b"}
	x := randomState(1, 64, 32)
	before := heapAfter()
	s := NewStudy(forgetfulStore{}, variants[1:])
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
	added = heapAfter() - before
	tables, err := s.Finish(context.Background(), keep, FinishOptions{Bootstrap: 10})
	if err != nil {
		t.Fatal(err)
	}
	finished = heapAfter() - before
	runtime.KeepAlive(s)
	return added, finished, tables
}

// A prompt costs its tables and little else: no matrix, no copy of a name. At
// three variants, 31 layers and 256 tokens they are 0.8 MB.
func TestMemoryOfAPrompt(t *testing.T) {
	const few, more = 4, 20
	added, finished, _ := memoryOf(t, few)
	moreAdded, moreFinished, tables := memoryOf(t, more)
	states := len(tables.Partitions)
	if got := (moreAdded - added) / (states * (more - few) / more); got > 500 {
		t.Errorf("a state waiting for Finish takes %d bytes, the budget is 500", got)
	}
	size := len(tables.Metrics) * int(unsafe.Sizeof(Row{}))
	size += len(tables.Histograms) * (int(unsafe.Sizeof(Histogram{})) + 4*HistogramBins)
	size += states * (int(unsafe.Sizeof(Partition{})) + 64*int(unsafe.Sizeof(new(int))) + int(unsafe.Sizeof(Key{})))
	got, want := (moreFinished-finished)/(more-few), size/more
	if got > want*5/4 {
		t.Errorf("a prompt takes %d bytes, its tables are %d", got, want)
	}
}
