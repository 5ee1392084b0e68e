package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/analyze/theory"
	"github.com/layerclust/layerclust/extract/particles"
	"github.com/layerclust/layerclust/loader"
)

// bound is one of the commands: what it takes, and how it answers.
type bound struct {
	name, takes string
	presets     map[string]string // the text of a file by its name
	answer      func(ctx context.Context, data []byte) ([]*theory.Bound, error)
}

// bounds lists those of the theory.
func bounds() []bound {
	return []bound{
		{"shorttime", "a file of simulate with lora, and delta", shortTimePresets, shortTimeBound},
		{"spectral", "V, lora.V, and x0 where the tokens are to be checked", spectralPresets, spectralBound},
		{"second-cluster", "eps (or M), delta, and clusters, or x0, or n, d and seed", secondClusterPresets, secondClusterBound},
		{"consensus", "lora.V, c and delta", consensusPresets, consensusBound},
		{"norm-transition", "L, eta, r and d, or deltas and r", normTransitionPresets, normTransitionBound},
	}
}

func newBoundCommand() *cobra.Command {
	var name string
	var asJSON bool
	var lines []string
	for _, b := range bounds() {
		lines = append(lines, fmt.Sprintf("  %-16s takes %s; presets %s", b.name, b.takes, strings.Join(presetsOf(b), ", ")))
	}
	cmd := &cobra.Command{
		Use:   "bound NAME (FILE.json | --preset NAME)",
		Short: "One bound of the theory for one input, its assumptions checked",
		Long:  "bound computes one bound or prediction and says of each assumption whether the input meets it.\n\n" + strings.Join(lines, "\n"),
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return answerBound(cmd.Context(), args, name, asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&name, "preset", "", "an input by its name")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

func presetsOf(b bound) []string { return sortedNames(b.presets) }

// sortedNames are the keys of a map in order.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// answerBound reads the input, from a file or a preset, and prints the answer.
func answerBound(ctx context.Context, args []string, preset string, asJSON bool, w io.Writer) error {
	list := bounds()
	k := slices.IndexFunc(list, func(b bound) bool { return b.name == args[0] })
	if k < 0 {
		names := make([]string, len(list))
		for i, b := range list {
			names[i] = b.name
		}
		return usageError{fmt.Errorf("bound %q is not one of %s", args[0], strings.Join(names, ", "))}
	}
	b := list[k]
	if (len(args) == 2) == (preset != "") {
		return usageError{fmt.Errorf("give one of FILE.json and --preset %s", strings.Join(presetsOf(b), "|"))}
	}
	source, data := "--preset "+preset, []byte(b.presets[preset])
	if preset == "" {
		source = args[1]
		var err error
		if data, err = os.ReadFile(source); err != nil {
			return loader.InputErrorf("%w", err)
		}
	} else if len(data) == 0 {
		return usageError{fmt.Errorf("--preset %q is not one of %s", preset, strings.Join(presetsOf(b), ", "))}
	}
	answers, err := b.answer(ctx, data)
	if err != nil {
		return loader.InputErrorf("%s: %w", source, err)
	}
	if asJSON {
		return writeJSON(w, map[string]any{"bounds": answers})
	}
	for _, a := range answers {
		if err := printBound(w, a); err != nil {
			return err
		}
	}
	return nil
}

// printBound writes a bound for a reader.
func printBound(w io.Writer, b *theory.Bound) error {
	verdict := "the assumptions hold"
	if !b.Holds {
		verdict = "NOT all assumptions hold: the values below say nothing certain"
	}
	fmt.Fprintf(w, "%s (%s): %s\n  %s\n", b.Name, b.Status, b.Statement, verdict)
	for _, a := range b.Assumptions {
		mark := "ok"
		if !a.Holds {
			mark = "NO"
		}
		fmt.Fprintf(w, "  [%s] %s: %s\n", mark, a.Text, a.Detail)
	}
	for _, v := range b.Values {
		text := short(float64(v.Value))
		if math.IsInf(float64(v.Value), 0) {
			text = "infinite"
		}
		if _, err := fmt.Fprintf(w, "  %-24s %-14s %s\n", v.Name, text, v.Note); err != nil {
			return err
		}
	}
	return nil
}

// boundInput are the keys that a simulation's file does not have.
type boundInput struct {
	Delta    *float64      `json:"delta"`
	Eps      float64       `json:"eps"`
	M        [][]float64   `json:"M"`
	Clusters [][]float64   `json:"clusters"`
	Settled  float64       `json:"cluster_time"`
	X0       [][]float64   `json:"x0"`
	Seed     uint32        `json:"seed"`
	N        int           `json:"n"`
	D        int           `json:"d"`
	C        []float64     `json:"c"`
	V        [][]float64   `json:"V"`
	L        int           `json:"L"`
	Eta      float64       `json:"eta"`
	Rank     int           `json:"r"`
	Deltas   [][][]float64 `json:"deltas"`
	LoRA     struct {
		V [][]float64 `json:"V"`
	} `json:"lora"`
}

func readBoundInput(data []byte) (*boundInput, error) {
	var in boundInput
	return &in, particles.Decode(data, &in)
}

// delta is the threshold, or the paper's.
func (in *boundInput) delta() (float64, error) {
	if in.Delta == nil {
		return bifurcationDelta, nil
	}
	if !(*in.Delta > 0) || math.IsInf(*in.Delta, 0) {
		return 0, fmt.Errorf("delta: %g is not above 0", *in.Delta)
	}
	return *in.Delta, nil
}
