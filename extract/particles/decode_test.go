package particles

import (
	"strings"
	"testing"
)

// A file may carry keys of its own, though they differ from ours in case alone.
func TestDecodeHeedsCase(t *testing.T) {
	s, err := ReadFile(strings.NewReader(`{"dynamics": "raw", "x0": [[1], [2]], "Q": [[1]], "K": [[1]], "V": [[0.5]], "T": 1, "dt": 0.5,
		"t": [1, 2, 3], "k": "rank", "v": {}, "X0": 7, "what": "a case"}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Options.T != 1 || s.System.Layers[0].Heads[0].V[0] != 0.5 || len(s.X0) != 2 {
		t.Errorf("%+v", s)
	}
}

// Layers, heads and the adapter's matrices of a file.
func TestReadFile(t *testing.T) {
	s, err := ReadFile(strings.NewReader(`{"dynamics": "sphere_usa", "seed": 1, "n": 4, "d": 2, "T": 1, "dt": 0.5, "beta": 2, "causal": true,
		"layers": [{"start": 0, "heads": [{"Q": [[1, 0]], "K": [[0, 1]], "V": [[1, 1]], "O": [[1], [2]]}]},
			{"start": 0.5, "Q": [[1, 0]], "K": [[0, 1]], "V": [[1, 0], [0, 1]]}],
		"lora": {"heads": [{"Q": [[1, 0]], "K": [[0, 1]], "V": [[1, 0], [0, 1]]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if h := s.System.Layers[0].Heads[0]; len(s.System.Layers) != 2 || s.System.Beta != 2 || !s.System.Causal || len(h.O) != 2 || h.O[1] != 2 {
		t.Errorf("%+v", s.System)
	}
	if s.Adapted == nil || len(s.Adapted.Layers) != 1 || !onSphere(s.X0, 2) || len(s.Options.Times) != 3 {
		t.Errorf("adapted %+v, x0 %v, times %v", s.Adapted, s.X0, s.Options.Times)
	}
	if _, err := ReadFile(strings.NewReader(`{"dynamics": "raw", "x0": [[1]], "T": 1, "dt": 1, "heads": [{"Q": [[1]], "K": [[1]], "V": [[1]]}], "lora": {"V": [[2]]}}`)); err == nil {
		t.Error("one matrix for a base with heads is taken")
	}
}
