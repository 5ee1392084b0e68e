package analyze

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestSnapshot interrupts a study behind every layer: one that is restored goes
// on to the same tables.
func TestSnapshot(t *testing.T) {
	variants := []string{Base, "b-adapter", "a-adapter"}
	want := finish(t, 2)
	for behind := range testLayers {
		store := newMemoryStore()
		s := NewStudy(store, variants[1:])
		fill(t, s, variants, testLayers[:behind]...)
		x := make([]float32, 4*8)
		x[8] = 1000 // its second token is massive
		if err := s.Observe(State{Key{Base, "seen", "0", SiteResid}, 4, 8, x}); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := s.Snapshot(&text); err != nil {
			t.Fatal(err)
		}
		restored := NewStudy(store, variants[1:])
		if err := restored.Restore(&text); err != nil {
			t.Fatal(err)
		}
		if massive := restored.Massive("seen"); len(massive) != 1 || massive[0].Position != 1 {
			t.Errorf("behind %d layers: massive tokens %v", behind, massive)
		}
		fill(t, restored, variants, testLayers[behind:]...)
		addLosses(restored, variants)
		got, err := restored.Finish(context.Background(), testKeep, testFinish)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("behind %d layers:\n%s", behind, diff)
		}
	}
}

// TestRestoreRefuses: a restored study knows what it has, and one of other
// variants, or bytes cut short, are no snapshot of it.
func TestRestoreRefuses(t *testing.T) {
	variants := []string{Base, "adapter"}
	store := newMemoryStore()
	s := NewStudy(store, variants[1:])
	fill(t, s, variants, testLayers[0])
	var text bytes.Buffer
	if err := s.Snapshot(&text); err != nil {
		t.Fatal(err)
	}
	whole := text.Bytes()
	again := NewStudy(store, variants[1:])
	if err := again.Restore(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	err := again.Add(State{Key{Base, "one", testLayers[0], SiteResid}, 12, 16, testState(Base, "one", "0", 12, 16)})
	if err == nil || !strings.Contains(err.Error(), "state given twice") {
		t.Errorf("a state of before: %v", err)
	}
	if err := NewStudy(store, []string{"other"}).Restore(bytes.NewReader(whole)); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("other variants: %v", err)
	}
	for n := range whole {
		if NewStudy(store, variants[1:]).Restore(bytes.NewReader(whole[:n])) == nil {
			t.Errorf("%d of %d bytes were taken for a snapshot", n, len(whole))
		}
	}
}
