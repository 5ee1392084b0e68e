package analyze

import (
	"encoding/gob"
	"fmt"
	"io"
	"slices"
)

// snapshot is a Study between two states, without what lies in its store. The
// base's states that are held are not part of it: behind a layer none is needed
// any more. Nor are the losses, which a run has only at its end.
type snapshot struct {
	Version  int
	Variants []string
	Prompts  []string
	Tokens   []int
	Places   []place
	At       [][]int64
	Massive  map[string]map[int]*Masked
}

// snapshotVersion changes with everything that a snapshot or a store holds.
const snapshotVersion = 1

// Snapshot writes what Restore needs to go on from here with the same store.
func (s *Study) Snapshot(w io.Writer) error {
	return gob.NewEncoder(w).Encode(snapshot{snapshotVersion, s.variants, s.prompts, s.tokens, s.index.places, s.index.at, s.massive})
}

// Restore makes an empty study of the same variants that which wrote the
// snapshot. Its store must hold what that one's held.
func (s *Study) Restore(r io.Reader) error {
	var from snapshot
	if err := gob.NewDecoder(r).Decode(&from); err != nil {
		return fmt.Errorf("snapshot of a study: %w", err)
	}
	if from.Version != snapshotVersion || !slices.Equal(from.Variants, s.variants) ||
		len(from.Tokens) != len(from.Prompts) || len(from.At) != len(from.Places)*len(from.Variants) {
		return fmt.Errorf("snapshot of a study: version %d of variants %q, want version %d of %q", from.Version, from.Variants, snapshotVersion, s.variants)
	}
	s.prompts, s.tokens, s.index.places, s.index.at = from.Prompts, from.Tokens, from.Places, from.At
	for i, p := range s.prompts {
		s.promptAt[p] = i
	}
	for i, p := range s.index.places {
		s.index.number[p] = i
	}
	if from.Massive != nil {
		s.massive = from.Massive
	}
	return nil
}
