package tinytext

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/loader"
)

// smallTrainer trains a model of one block, or an adapter on it.
func smallTrainer(t *testing.T, tokenizer loader.Tokenizer, seed uint64, adapter bool) *Trainer {
	t.Helper()
	config, err := Size{Vocab: 600, Hidden: 16, Intermediate: 24, Layers: 1, Heads: 4, KVHeads: 2}.Config()
	if err != nil {
		t.Fatal(err)
	}
	var lora *LoRA
	if adapter {
		lora = NewLoRA(config, 2, 8, []string{"v_proj", "down_proj"}, seed)
	}
	data := Source{Tokenizer: tokenizer, Seed: seed, Kind: Stories, Rows: 4, Length: 32}
	trainer, err := NewTrainer(config, NewModel(config, seed), lora, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trainer.Close)
	trainer.Schedule = Schedule{Peak: 1e-2, Floor: 0.1, Warmup: 5, Steps: 40}
	return trainer
}

func steps(t *testing.T, trainer *Trainer, n int) []float64 {
	t.Helper()
	curve := make([]float64, n)
	for i := range curve {
		var err error
		if curve[i], err = trainer.Step(); err != nil {
			t.Fatal(err)
		}
	}
	return curve
}

// TestCurve: the same seed gives the same curve to the last bit, another seed
// another one, and the loss falls.
func TestCurve(t *testing.T) {
	tokenizer := smallTokenizer(t)
	for _, adapter := range []bool{false, true} {
		first := steps(t, smallTrainer(t, tokenizer, 1, adapter), 12)
		if again := steps(t, smallTrainer(t, tokenizer, 1, adapter), 12); !slices.Equal(first, again) {
			t.Errorf("adapter %v: %v, then %v", adapter, first, again)
		}
		if other := steps(t, smallTrainer(t, tokenizer, 2, adapter), 12); first[0] == other[0] {
			t.Errorf("adapter %v: seeds 1 and 2 begin alike", adapter)
		}
		if !(first[11] < first[0]) {
			t.Errorf("adapter %v: the loss does not fall: %v", adapter, first)
		}
	}
}

// TestResume: a run that stops and goes on in a new trainer ends as one that
// does not stop, to the last bit.
func TestResume(t *testing.T) {
	tokenizer := smallTokenizer(t)
	state := filepath.Join(t.TempDir(), "state.safetensors")
	for _, adapter := range []bool{false, true} {
		unbroken := smallTrainer(t, tokenizer, 1, adapter)
		want := steps(t, unbroken, 10)
		before := smallTrainer(t, tokenizer, 1, adapter)
		got := steps(t, before, 4)
		if err := before.Save(state); err != nil {
			t.Fatal(err)
		}
		after := smallTrainer(t, tokenizer, 1, adapter)
		if err := after.Resume(state); err != nil {
			t.Fatal(err)
		}
		if after.Steps() != 4 {
			t.Errorf("resumed at step %d", after.Steps())
		}
		if got = append(got, steps(t, after, 6)...); !slices.Equal(got, want) {
			t.Errorf("adapter %v: %v, unbroken %v", adapter, got, want)
		}
		for i, tensor := range unbroken.trained() {
			if !slices.Equal(tensor.Float32, after.trained()[i].Float32) {
				t.Errorf("adapter %v: %s differs", adapter, tensor.Name)
			}
		}
	}
	if err := smallTrainer(t, tokenizer, 1, false).Resume(state); err == nil || !strings.Contains(err.Error(), "the state of another model") {
		t.Errorf("the state of an adapter in a model: %v", err)
	}
}

// TestFrozenBase: an adapter's training leaves the base as it is, and before
// it the adapter changes nothing.
func TestFrozenBase(t *testing.T) {
	tokenizer := smallTokenizer(t)
	plain, adapted := smallTrainer(t, tokenizer, 1, false), smallTrainer(t, tokenizer, 1, true)
	held := plain.Data
	held.Side = Held
	losses := func(trainer *Trainer) float64 {
		loss, err := trainer.Evaluate(held, 2)
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	if a, b := losses(plain), losses(adapted); a != b {
		t.Errorf("loss %v without the adapter, %v with it, untrained", a, b)
	}
	before := losses(adapted)
	steps(t, adapted, 3)
	if losses(adapted) == before {
		t.Error("training changes nothing")
	}
	for i, tensor := range adapted.base {
		if !slices.Equal(tensor.Float32, plain.base[i].Float32) {
			t.Errorf("%s has changed", tensor.Name)
		}
	}
}
