package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/loader"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	tol  float64
	json bool
}

func newVerifyCommand() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use:   "verify STATES REFERENCE",
		Short: "Compare states with those saved by another tool, token by token",
		Long: `Compare states with those saved by another tool. STATES and REFERENCE are two
.safetensors or .npy files, or two folders laid out VARIANT/PROMPT.safetensors
(of a run's folder, its states), of which the files that both have are compared.

The error of a token is |difference| / |reference|, in float64. The worst token
of each layer is shown; where one is above --tol, the exit code is 1.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.verify(cmd.Context(), args[0], args[1], cmd.OutOrStdout())
		},
	}
	cmd.Flags().Float64Var(&f.tol, "tol", 2e-5, "the largest relative error of a token that passes")
	cmd.Flags().BoolVar(&f.json, "json", false, "the result as one JSON object")
	return cmd
}

// comparison is what verify found.
type comparison struct {
	Tol             float64      `json:"tol"`
	Within          bool         `json:"within"`
	Files           []string     `json:"files"` // compared, as VARIANT/PROMPT
	OnlyInStates    []string     `json:"only_in_states"`
	OnlyInReference []string     `json:"only_in_reference"`
	Layers          []difference `json:"layers"`
	Worst           difference   `json:"worst"`
}

// difference is the worst token of a state, over all files.
type difference struct {
	placeKey
	Error relative `json:"error"`
	Token int      `json:"token"`
	File  string   `json:"file"`
}

// relative is a relative error; JSON has it as a text where it is not finite.
type relative float64

func (r relative) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(r)) || math.IsInf(float64(r), 0) {
		return []byte(strconv.Quote(r.String())), nil
	}
	return strconv.AppendFloat(nil, float64(r), 'g', -1, 64), nil
}

func (r relative) String() string { return strconv.FormatFloat(float64(r), 'g', 4, 64) }

// above says whether r is a worse error than o: NaN is the worst.
func (r relative) above(o relative) bool {
	return r > o || r != r && o == o
}

func (f *verifyFlags) verify(ctx context.Context, states, reference string, stdout io.Writer) error {
	if !(f.tol >= 0) || math.IsInf(f.tol, 0) {
		return usageError{fmt.Errorf("--tol %v: want a number of 0 or more", f.tol)}
	}
	c := &comparison{Tol: f.tol, Files: []string{}, OnlyInStates: []string{}, OnlyInReference: []string{}}
	pairs, err := c.pair(states, reference)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if err := c.compareFiles(ctx, p); err != nil {
			return err
		}
	}
	c.finish()
	if err := c.write(stdout, f.json); err != nil {
		return err
	}
	if !c.Within {
		w := c.Worst
		return failure{fmt.Errorf("%s, layer %s, %s: the error of token %d is %s, above --tol %v", w.File, w.Layer, w.Site, w.Token, w.Error, f.tol)}
	}
	return nil
}

// filePair is two files of the same states.
type filePair struct{ name, states, reference string }

// pair finds the files to be compared.
func (c *comparison) pair(states, reference string) ([]filePair, error) {
	if isFolder(states) != isFolder(reference) {
		return nil, loader.InputErrorf("%s and %s: one is a folder and the other is not", states, reference)
	}
	if !isFolder(states) {
		return []filePair{{filepath.Base(states), states, reference}}, nil
	}
	ours, err := openStateFolder(states)
	if err != nil {
		return nil, err
	}
	theirs, err := openStateFolder(reference)
	if err != nil {
		return nil, err
	}
	a, b := ours.files(), theirs.files()
	var pairs []filePair
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if b[name] == "" {
			c.OnlyInStates = append(c.OnlyInStates, name)
			continue
		}
		pairs = append(pairs, filePair{name, a[name], b[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if a[name] == "" {
			c.OnlyInReference = append(c.OnlyInReference, name)
		}
	}
	if len(pairs) == 0 {
		return nil, loader.InputErrorf("%s and %s have no VARIANT/PROMPT in common; the first has %s, the second %s",
			ours.dir, theirs.dir, c.OnlyInStates[0], c.OnlyInReference[0])
	}
	return pairs, nil
}

// compareFiles notes the worst token of every state that both files have.
func (c *comparison) compareFiles(ctx context.Context, p filePair) error {
	a, err := openStored(p.states)
	if err != nil {
		return err
	}
	defer a.close()
	b, err := openStored(p.reference)
	if err != nil {
		return err
	}
	defer b.close()
	if err := cmp.Or(a.alike(b), sameLayers(a, b)); err != nil {
		return err
	}
	c.Files = append(c.Files, p.name)
	for _, at := range a.places {
		if err := ctx.Err(); err != nil {
			return err
		}
		other, ok := b.find(at.placeKey)
		if !ok {
			c.missing(&c.OnlyInStates, p.name, at.placeKey)
			continue
		}
		d, err := worstToken(a, b, at, other)
		if err != nil {
			return err
		}
		d.File = p.name
		c.note(d)
	}
	for _, at := range b.places {
		if _, ok := a.find(at.placeKey); !ok && !a.choice {
			c.missing(&c.OnlyInReference, p.name, at.placeKey)
		}
	}
	return nil
}

// sameLayers refuses files of models of different depth. A choice of layers
// need only be among the other's.
func sameLayers(a, b *stored) error {
	shared := slices.ContainsFunc(a.places, func(p place) bool { _, ok := b.find(p.placeKey); return ok })
	if !shared {
		return loader.InputErrorf("%s and %s have no layer and site in common", a.path, b.path)
	}
	fault := a.layers != b.layers
	switch {
	case a.choice && b.choice:
		fault = false
	case a.choice:
		fault = a.layers > b.layers
	case b.choice:
		fault = b.layers > a.layers
	}
	if fault {
		return loader.InputErrorf("%s reaches to layer %d, %s to layer %d", a.path, a.layers, b.path, b.layers)
	}
	return nil
}

// missing notes states that one side lacks, once for a site, or for the state
// before the final norm.
func (c *comparison) missing(list *[]string, file string, k placeKey) {
	what := file + ": " + string(k.Site)
	if strings.HasSuffix(k.Layer, "-raw") {
		what = file + ": " + lastBlockOutput
	}
	if !slices.Contains(*list, what) {
		*list = append(*list, what)
	}
}

// compareElements is how many elements are compared at a time: a bound on
// memory that does not depend on the prompt.
const compareElements = 1 << 20

// worstToken compares one state of two files.
func worstToken(a, b *stored, at, other place) (difference, error) {
	worst := difference{placeKey: at.placeKey, Error: -1}
	step := max(1, compareElements/a.d)
	x, y := make([]float32, min(step, a.t)*a.d), make([]float32, min(step, a.t)*a.d) // (step, D)
	for lo := 0; lo < a.t; lo += step {
		n := min(step, a.t-lo) * a.d
		if err := cmp.Or(a.read(at, lo, x[:n]), b.read(other, lo, y[:n])); err != nil {
			return worst, err
		}
		for i := 0; i < n; i += a.d {
			if e := relativeError(x[i:i+a.d], y[i:i+a.d]); e.above(worst.Error) {
				worst.Error, worst.Token = e, lo+i/a.d
			}
		}
	}
	return worst, nil
}

// relativeError is |x - ref| / |ref|: 0 where both are 0, Inf where only the
// reference is, NaN where a value is not a number.
func relativeError(x, ref []float32) relative {
	var diff, norm float64
	for i, r := range ref {
		d := float64(x[i]) - float64(r)
		diff += d * d
		norm += float64(r) * float64(r)
	}
	if diff == 0 && norm == 0 {
		return 0
	}
	return relative(math.Sqrt(diff) / math.Sqrt(norm))
}

// note keeps the worst of each state over the files.
func (c *comparison) note(d difference) {
	i := slices.IndexFunc(c.Layers, func(o difference) bool { return o.placeKey == d.placeKey })
	switch {
	case i < 0:
		c.Layers = append(c.Layers, d)
	case d.Error.above(c.Layers[i].Error):
		c.Layers[i] = d
	}
}

// finish finds the worst of all.
func (c *comparison) finish() {
	c.Worst = c.Layers[0]
	for _, d := range c.Layers {
		if d.Error.above(c.Worst.Error) {
			c.Worst = d
		}
	}
	c.Within = !c.Worst.Error.above(relative(c.Tol))
}

func (c *comparison) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, c)
	}
	for _, name := range c.OnlyInStates {
		fmt.Fprintf(w, "only in STATES: %s\n", name)
	}
	for _, name := range c.OnlyInReference {
		fmt.Fprintf(w, "only in REFERENCE: %s\n", name)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "site\tlayer\tworst error\ttoken\tfile")
	for _, d := range c.Layers {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", d.Site, d.Layer, d.Error, d.Token, d.File)
	}
	err := table.Flush()
	_, last := fmt.Fprintf(w, "worst: %s at layer %s, %s, token %d of %s (%d files, tolerance %v)\n",
		c.Worst.Error, c.Worst.Layer, c.Worst.Site, c.Worst.Token, c.Worst.File, len(c.Files), c.Tol)
	return errors.Join(err, last)
}
