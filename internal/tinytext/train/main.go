// Train makes the embedded model and its adapters from nothing but seeds:
//
//	go run ./internal/tinytext/train --out internal/tinytext/model
//
// It learns a tokenizer from generated texts, trains the base model on stories,
// then on top of it an adapter for letters (style) and one for lists (task),
// and draws for each a random adapter of the same size (its null). Losses go to
// standard output and, with what they were at every hundredth step, to
// train_log.csv in the output folder; the curves to --figure.
//
// A run that was stopped goes on where it was when it is started again with the
// same --state.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/layerclust/layerclust/internal/tinytext"
	"github.com/layerclust/layerclust/loader"
)

func main() {
	p := plan{size: tinytext.DemoSize}
	flag.StringVar(&p.out, "out", "internal/tinytext/model", "folder for the model, the adapters and the log")
	flag.StringVar(&p.state, "state", "bin/train-demo", "folder for what is needed to go on after a stop")
	flag.StringVar(&p.figure, "figure", "docs/demo-losses.svg", "file for the loss curves")
	flag.Uint64Var(&p.seed, "seed", 1, "seed of texts and weights")
	flag.Float64Var(&p.share, "share", 1, "share of the steps to take, for a trial")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := p.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// plan is the whole of the work and what its parts share.
type plan struct {
	out, state, figure string
	seed               uint64
	share              float64
	size               tinytext.Size

	log       losses
	tokenizer loader.Tokenizer
	base      *loader.Model // as it is embedded, so rounded to bfloat16
	weights   []loader.NamedTensor
}

func (p *plan) run(ctx context.Context) error {
	for _, dir := range []string{p.out, p.state} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	if err := p.log.open(filepath.Join(p.state, "log.csv")); err != nil {
		return err
	}
	if err := p.learnTokenizer(); err != nil {
		return err
	}
	defer p.tokenizer.Close()
	if err := p.countNGrams(); err != nil {
		return err
	}
	if err := p.trainBase(ctx); err != nil {
		return err
	}
	defer p.base.Close()
	for _, a := range adapters {
		if err := p.trainAdapter(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return p.log.write(filepath.Join(p.out, "train_log.csv"), p.figure)
}

// learnTokenizer learns from texts of all kinds, mostly stories.
func (p *plan) learnTokenizer() error {
	var texts []string
	for kind, n := range []int{tinytext.Stories: 6000, tinytext.Letters: 1500, tinytext.Lists: 500} {
		for i := range n {
			text, _ := tinytext.Text(p.seed, tinytext.Train, tinytext.Kind(kind), i)
			texts = append(texts, text)
		}
	}
	dir := filepath.Join(p.out, tinytext.BaseDir)
	err := os.MkdirAll(dir, 0o777)
	if err == nil {
		p.size.Vocab, err = tinytext.WriteTokenizer(dir, texts, 2048)
	}
	if err == nil {
		p.tokenizer, err = loader.OpenTokenizer(dir)
	}
	return err
}
