package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/layerclust/layerclust/internal/tinytext"
	"github.com/layerclust/layerclust/loader"
)

const (
	length         = 160  // tokens in a sequence
	heldBatches    = 32   // of the held-out texts, for each loss that is stated
	countedBatches = 4000 // of the training texts, for the counting models
	logEvery       = 50   // steps between stated losses of the training texts
	heldEvery      = 200  // steps between losses of the held-out texts, and between saved states
)

// The base model is trained for baseSteps, of which the first songSteps are songs.
const baseSteps, songSteps = 4000, 1000

// adapter is what an adapter is trained for, and how.
type adapter struct {
	name, null  string
	kind        tinytext.Kind
	rank        int
	alpha       float64
	modules     []string
	peak        float64 // learning rate
	steps       int
	checkpoints []int // steps after which it is written; without any, at the end
}

var adapters = []adapter{
	// The paper's setting: v_proj alone, rank 2, alpha 32, and how it grows.
	{name: "style", null: "random-style", kind: tinytext.Letters, rank: 2, alpha: 32, modules: []string{"v_proj"},
		peak: 5e-4, steps: 400, checkpoints: []int{0, 25, 50, 100, 200, 400}},
	{name: "task", null: "random-task", kind: tinytext.Lists, rank: 8, alpha: 16, modules: tinytext.AllModules(),
		peak: 2e-3, steps: 500},
}

// source gives the batches of a kind of text.
func (p *plan) source(kind tinytext.Kind, side tinytext.Side) tinytext.Source {
	return tinytext.Source{Tokenizer: p.tokenizer, Seed: p.seed, Side: side, Kind: kind, Rows: 4, Length: length}
}

// countNGrams states what counting alone reaches on each kind of text.
func (p *plan) countNGrams() error {
	for kind, run := range []string{"base", "style", "task"} {
		counts, err := tinytext.CountNGrams(p.source(tinytext.Kind(kind), tinytext.Train), countedBatches, p.size.Vocab)
		if err != nil {
			return err
		}
		unigram, bigram, err := counts.Losses(p.source(tinytext.Kind(kind), tinytext.Held), heldBatches)
		if err != nil {
			return err
		}
		p.log.add(run, 0, "unigram", unigram)
		p.log.add(run, 0, "bigram", bigram)
	}
	return nil
}

// trainBase trains the base model, writes it, and opens it as written.
func (p *plan) trainBase(ctx context.Context) error {
	config, err := p.size.Config()
	if err != nil {
		return err
	}
	weights := tinytext.NewModel(config, p.seed)
	t, err := tinytext.NewTrainer(config, weights, nil, p.source(tinytext.Stories, tinytext.Train))
	if err != nil {
		return err
	}
	defer t.Close()
	steps := p.steps(baseSteps)
	t.Schedule = tinytext.Schedule{Peak: 1e-3, Floor: 0.05, Warmup: 60, Steps: steps}
	if err := p.train(ctx, t, "base", steps, func(step int) error {
		t.Data.Kind = tinytext.Stories
		if step < p.steps(songSteps) {
			t.Data.Kind = tinytext.Songs
		}
		return nil
	}); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	dir := filepath.Join(p.out, tinytext.BaseDir)
	if err := tinytext.WriteModel(dir, p.size, weights); err != nil {
		return err
	}
	if p.base, err = loader.Open(dir); err != nil {
		return err
	}
	p.weights, err = tinytext.ReadModel(p.base)
	return err
}

// trainAdapter trains an adapter, writes it, and its null.
func (p *plan) trainAdapter(ctx context.Context, a adapter) error {
	lora := tinytext.NewLoRA(p.base.Config, a.rank, a.alpha, a.modules, p.seed)
	t, err := tinytext.NewTrainer(p.base.Config, p.weights, lora, p.source(a.kind, tinytext.Train))
	if err != nil {
		return err
	}
	defer t.Close()
	steps := p.steps(a.steps)
	t.AdamW.Beta2, t.AdamW.Decay = 0.999, 0 // as torch and PEFT's examples leave them
	t.Schedule = tinytext.Schedule{Peak: a.peak, Floor: 0.1, Warmup: 20, Steps: steps}
	dir := filepath.Join(p.out, a.name)
	if err := p.train(ctx, t, a.name, steps, func(step int) error {
		if slices.Contains(a.checkpoints, step) {
			return lora.Write(filepath.Join(dir, fmt.Sprintf("checkpoint-%d", step)))
		}
		return nil
	}); err != nil {
		return err
	}
	if a.checkpoints == nil {
		if err := lora.Write(dir); err != nil {
			return err
		}
	}
	return lora.Random(p.seed).Write(filepath.Join(p.out, a.null))
}

func (p *plan) steps(all int) int { return max(1, int(p.share*float64(all))) }

// train takes the steps that are left of a run. After each, and before the
// first, it calls reached.
func (p *plan) train(ctx context.Context, t *tinytext.Trainer, run string, steps int, reached func(step int) error) error {
	state := filepath.Join(p.state, run+".safetensors")
	if err := t.Resume(state); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	held := t.Data
	held.Side = tinytext.Held
	start, from := time.Now(), t.Steps()
	for {
		step := t.Steps()
		if err := reached(step); err != nil {
			return err
		}
		if step%heldEvery == 0 || step == steps {
			loss, err := t.Evaluate(held, heldBatches)
			if err != nil {
				return err
			}
			p.log.add(run, step, "held-out", loss)
			if err := errors.Join(t.Save(state), p.log.save()); err != nil {
				return err
			}
		}
		if step == steps {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped after %d of %d steps; start again to go on from %d", step, steps, step/heldEvery*heldEvery)
		}
		loss, err := t.Step()
		if err != nil {
			return err
		}
		if step%logEvery == 0 {
			p.log.add(run, step, "train", loss)
			fmt.Fprintf(os.Stderr, "%s: step %d of %d, %.0f tokens/s\n", run, step, steps,
				float64((step+1-from)*t.Data.Rows*t.Data.Length)/time.Since(start).Seconds())
		}
	}
}
