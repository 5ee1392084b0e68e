package extract

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
)

func TestInOrder(t *testing.T) {
	var alive, most, dropped atomic.Int64
	compute := func(i int) (int, error) {
		if n := alive.Add(1); n > most.Load() {
			most.Store(n)
		}
		if i == 70 {
			return 0, errors.New("item 70")
		}
		return i * i, nil
	}
	var got []int
	consume := func(i, item int) error {
		alive.Add(-1)
		got = append(got, item)
		return nil
	}
	drop := func(int) { dropped.Add(1) }
	if err := inOrder(60, 3, compute, consume, drop); err != nil {
		t.Fatal(err)
	}
	for i, item := range got {
		if item != i*i {
			t.Fatalf("item %d is %d", i, item)
		}
	}
	if len(got) != 60 || most.Load() > 3 || dropped.Load() != 0 {
		t.Errorf("%d items, %d at a time, %d dropped", len(got), most.Load(), dropped.Load())
	}

	alive.Store(0)
	got = nil
	if err := inOrder(100, 3, compute, consume, drop); err == nil || err.Error() != "item 70" || len(got) != 70 {
		t.Errorf("%d items before the error %v", len(got), err)
	}
	full := errors.New("full")
	seen := []int{}
	err := inOrder(50, 4, func(i int) (int, error) { return i, nil }, func(i, _ int) error {
		seen = append(seen, i)
		if i == 5 {
			return full
		}
		return nil
	}, drop)
	if !errors.Is(err, full) || !slices.Equal(seen, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("consumed %v, error %v", seen, err)
	}
}
