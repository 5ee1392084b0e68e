// Forward times the forward pass alone: every layer's states of every prompt,
// for the base and each adapter, given to a sink that reads them and keeps
// nothing. No measure is taken and no state is written, which is what another
// program's forward pass can be compared with; `make bench` does so.
//
//	forward MODEL [--adapter [NAME=]DIR[@SCALE]]... (--tokens N | --prompts FILE.jsonl) [--precision f32|bf16] [--backend B] [--repeat R]
//
// Standard output is one JSON object on one line. Every pass reads the weights
// again, as the engine does for each run; load_s is only what comes before it.
// Memory is for whoever starts this to look at, the same way for each program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := forward(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "forward:", err)
		os.Exit(1)
	}
}

// forward runs one command line and writes its timings to w.
func forward(ctx context.Context, args []string, w io.Writer) error {
	j, err := parse(args)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := j.open(ctx); err != nil {
		return err
	}
	defer j.close()
	result, err := j.describe()
	if err != nil {
		return err
	}
	result.Load = time.Since(start).Seconds()
	for range j.repeat {
		start := time.Now()
		if err := j.pass(ctx); err != nil {
			return err
		}
		result.All = append(result.All, time.Since(start).Seconds())
	}
	result.Forward = slices.Min(result.All)
	result.Checksum = j.sum
	result.TokensPerS = float64(result.Tokens) / result.Forward
	return json.NewEncoder(w).Encode(result)
}

// timings is what is printed, in the words of the other programs of the
// comparison where they have one.
type timings struct {
	Load       float64   `json:"load_s"`
	Forward    float64   `json:"forward_s"`     // the best pass
	All        []float64 `json:"forward_all_s"` // every pass in order
	Tokens     int       `json:"tokens"`        // over all prompts and variants
	TokensPerS float64   `json:"tokens_per_s"`
	Variants   int       `json:"variants"`
	Prompts    int       `json:"prompts"`
	Layers     int       `json:"layers"`
	Precision  string    `json:"precision"`
	Provider   string    `json:"provider"`
	Checksum   float64   `json:"checksum"` // of the states: near another engine's for the same inputs
}

func (j *job) describe() (timings, error) {
	provider, _, err := extract.Provider(j.options())
	t := timings{Variants: 1 + len(j.opened), Prompts: len(j.ids), Layers: j.model.Config.NumLayers,
		Precision: j.precision, Provider: provider}
	for _, p := range j.ids {
		t.Tokens += t.Variants * len(p.IDs)
	}
	return t, err
}

// options are those of a forward pass to the final norm, without the head.
func (j *job) options() extract.Options {
	return extract.Options{LastLayer: -1, NoLoss: true, BF16: j.precision == "bf16", Backend: j.backend}
}

// pass is one forward pass.
func (j *job) pass(ctx context.Context) error {
	j.sum = 0
	_, err := extract.Run(ctx, j.model, j.opened, j.ids, j.options(), j.touch)
	return err
}

// touch reads one value of every token, so that no engine gains by giving out
// states that it has not computed.
func (j *job) touch(s extract.States) error {
	for t := range s.T {
		j.sum += float64(s.X[t*s.D])
	}
	return nil
}

// job is one command line and what it opened.
type job struct {
	dir       string
	adapters  []string
	tokens    int
	prompts   string
	precision string
	backend   string
	repeat    int

	model  *loader.Model
	opened []*loader.Adapter
	ids    []extract.Prompt
	sum    float64 // over what touch has read in this pass
}

// parse reads the command line; MODEL comes first, as in layerclust run.
func parse(args []string) (*job, error) {
	j := new(job)
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		j.dir, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("forward", flag.ContinueOnError)
	flags.Func("adapter", "`[NAME=]DIR[@SCALE]` of a PEFT adapter; repeatable", func(s string) error {
		j.adapters = append(j.adapters, s)
		return nil
	})
	flags.IntVar(&j.tokens, "tokens", 512, "one prompt of `N` seeded random ids")
	flags.StringVar(&j.prompts, "prompts", "", "a .jsonl `FILE` of prompts as input_ids, instead of --tokens")
	flags.StringVar(&j.precision, "precision", "f32", "`f32`, or bf16: activations rounded before each product")
	flags.StringVar(&j.backend, "backend", extract.EngineAuto, "what computes, as in layerclust run")
	flags.IntVar(&j.repeat, "repeat", 1, "`R` passes, of which the best is forward_s")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case j.dir == "":
		return nil, fmt.Errorf("no MODEL given before the flags")
	case flags.NArg() > 0:
		return nil, fmt.Errorf("argument %q: want one MODEL, before the flags", flags.Arg(0))
	case j.precision != "f32" && j.precision != "bf16":
		return nil, fmt.Errorf("--precision %s: want f32 or bf16", j.precision)
	case j.repeat < 1:
		return nil, fmt.Errorf("--repeat %d: want 1 or more", j.repeat)
	case j.tokens < 1:
		return nil, fmt.Errorf("--tokens %d: want 1 or more", j.tokens)
	}
	return j, nil
}
