package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// What a folder may hold at most. The limits are far above any real run (a
// hundred prompts, sixteen adapters and eighty layers make eleven million
// rows) and low enough that a hostile file cannot take all memory.
const (
	maxRunBytes  = 256 << 20
	maxRecord    = 16 << 20 // of one line of a table
	maxRows      = 32 << 20
	maxPartition = 4 << 20
	maxLayer     = 1 << 20
)

// Schema is the version of run.json that this package writes and reads.
const Schema = 1

// Read gives back the Result whose tables lie in dir; of single prompts, the
// rows of those that RunInfo.Detailed says are shown. The files may come from
// anywhere: sizes are bounded, every name must be one that run.json knows, and
// the first thing wrong is one error that names the file, the line and the
// value.
func Read(dir string) (*analyze.Result, error) {
	r := &analyze.Result{}
	if err := readRun(filepath.Join(dir, runFile), &r.Run); err != nil {
		return nil, err
	}
	names := newNames(&r.Run)
	var err error
	if r.Metrics, err = readMetrics(filepath.Join(dir, metricsFile), names); err != nil {
		return nil, err
	}
	if r.Histograms, err = readHistograms(filepath.Join(dir, histogramsFile), names); err != nil {
		return nil, err
	}
	if r.Partitions, err = readClusters(filepath.Join(dir, clustersFile), names); err != nil {
		return nil, err
	}
	return r, nil
}

// ReadRun gives back run.json alone, which a folder of states without measures
// has too.
func ReadRun(dir string) (analyze.RunInfo, error) {
	var run analyze.RunInfo
	err := readRun(filepath.Join(dir, runFile), &run)
	return run, err
}

// EachMetric gives the rows of metrics.csv one by one, however many there are.
func EachMetric(dir string, use func(analyze.Row) error) error {
	var run analyze.RunInfo
	if err := readRun(filepath.Join(dir, runFile), &run); err != nil {
		return err
	}
	return eachMetric(filepath.Join(dir, metricsFile), newNames(&run), use)
}

// readRun reads run.json and checks what the rest relies on.
func readRun(path string, run *analyze.RunInfo) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, maxRunBytes))
	if err := dec.Decode(run); err != nil {
		return fmt.Errorf("%s: %w", path, oneLine(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: text after the end of the object", path)
	}
	if err := checkRun(run); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// checkRun reports the first field of run.json that contradicts itself.
func checkRun(run *analyze.RunInfo) error {
	if run.Schema != Schema {
		return fmt.Errorf("schema=%d is not supported, want %d", run.Schema, Schema)
	}
	if run.Detailed < 0 || run.Detailed > len(run.Prompts) {
		return fmt.Errorf("detailed_prompts=%d of %d prompts", run.Detailed, len(run.Prompts))
	}
	seen := map[string]bool{analyze.Base: true}
	for i, a := range run.Adapters {
		if a.Name == "" || seen[a.Name] {
			return fmt.Errorf("adapters[%d].name=%.100q is empty, %q or used twice", i, a.Name, analyze.Base)
		}
		seen[a.Name] = true
	}
	seen = map[string]bool{analyze.AllPrompts: true}
	for i := range run.Prompts {
		p := &run.Prompts[i]
		if p.ID == "" || seen[p.ID] {
			return fmt.Errorf("prompts[%d].id=%.100q is empty, %q or used twice", i, p.ID, analyze.AllPrompts)
		}
		seen[p.ID] = true
		if err := checkPrompt(p); err != nil {
			return fmt.Errorf("prompts[%d]: %w", i, err)
		}
	}
	return nil
}

// checkPrompt holds the lists of one prompt against its number of tokens. A
// prompt of stored states may have no tokens known, but not some of them.
func checkPrompt(p *analyze.PromptInfo) error {
	if p.N < 0 {
		return fmt.Errorf("n=%d is negative", p.N)
	}
	if n := len(p.Tokens); n != 0 && n != p.N {
		return fmt.Errorf("%d tokens, but n=%d", n, p.N)
	}
	if n := len(p.Pieces); n != 0 && n != p.N {
		return fmt.Errorf("%d pieces, but n=%d", n, p.N)
	}
	for _, m := range p.Masked {
		if m.Position < 0 || m.Position >= p.N {
			return fmt.Errorf("masked position %d is outside 0..%d", m.Position, p.N-1)
		}
	}
	return nil
}

// readClusters reads clusters.jsonl.
func readClusters(path string, names *names) ([]analyze.Partition, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 1<<16), maxRecord)
	var out []analyze.Partition
	line := 0
	for sc.Scan() {
		line++
		p, err := parsePartition(sc.Bytes(), names)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, oneLine(err))
		}
		if !names.shown[p.Prompt] {
			continue
		}
		if len(out) == maxPartition {
			return nil, fmt.Errorf("%s:%d: more than %d partitions", path, line, maxPartition)
		}
		out = append(out, p)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, line+1, err)
	}
	return out, nil
}

// parsePartition reads one line of clusters.jsonl.
func parsePartition(b []byte, names *names) (analyze.Partition, error) {
	var p analyze.Partition
	if err := json.Unmarshal(b, &p); err != nil {
		return p, err
	}
	if err := names.check(p.Variant, p.Prompt, p.Layer, p.Site, analyze.MaskDefault); err != nil {
		return p, err
	}
	n, ok := names.tokens[p.Prompt]
	if !ok {
		return p, fmt.Errorf("prompt=%.100q has no tokens to label", p.Prompt)
	}
	if len(p.Labels) != n {
		return p, fmt.Errorf("labels: %d of them, but the prompt has %d tokens", len(p.Labels), n)
	}
	for i, l := range p.Labels {
		if l != nil && (*l < -1 || *l >= n) {
			return p, fmt.Errorf("labels[%d]=%d is outside -1..%d", i, *l, n-1)
		}
	}
	return p, nil
}

// names is what run.json knows, against which every line of a table is held.
// It also keeps one copy of each text, as a table repeats few of them often.
type names struct {
	variants map[string]bool
	tokens   map[string]int  // prompt -> number of tokens
	shown    map[string]bool // prompts whose rows are wanted
	seen     map[string]string
	last     *analyze.Key // of the record before
}

func newNames(run *analyze.RunInfo) *names {
	n := &names{
		variants: map[string]bool{analyze.Base: true},
		tokens:   map[string]int{},
		shown:    map[string]bool{analyze.AllPrompts: true},
		seen:     map[string]string{},
	}
	for _, a := range run.Adapters {
		n.variants[a.Name] = true
	}
	for _, p := range run.Prompts {
		n.tokens[p.ID] = p.N
	}
	for _, p := range detailed(run) {
		n.shown[p.ID] = true
	}
	return n
}

// check reports the first of a line's keys that is not known.
func (n *names) check(variant, prompt, layer, site, mask string) error {
	if !n.variants[variant] {
		return fmt.Errorf("variant=%.100q is not in %s", variant, runFile)
	}
	if _, ok := n.tokens[prompt]; !ok && prompt != analyze.AllPrompts {
		return fmt.Errorf("prompt=%.100q is not in %s", prompt, runFile)
	}
	if _, _, ok := parseLayer(layer); !ok {
		return fmt.Errorf("layer=%.100q is not a layer", layer)
	}
	if !slices.Contains(sites, site) {
		return fmt.Errorf("site=%.100q is not one of %s", site, strings.Join(sites, ", "))
	}
	if mask != analyze.MaskDefault && mask != analyze.MaskNone {
		return fmt.Errorf("mask=%.100q is not %q or %q", mask, analyze.MaskDefault, analyze.MaskNone)
	}
	return nil
}

// one returns the copy of s that all lines share.
func (n *names) one(s string) string {
	if t, ok := n.seen[s]; ok {
		return t
	}
	s = strings.Clone(s)
	n.seen[s] = s
	return s
}

// key returns the key that a record begins with, one for records that follow one
// another.
func (n *names) key(rec []string) *analyze.Key {
	if k := n.last; k == nil || k.Variant != rec[0] || k.Prompt != rec[1] || k.Layer != rec[2] || k.Site != rec[3] {
		n.last = &analyze.Key{Variant: n.one(rec[0]), Prompt: n.one(rec[1]), Layer: n.one(rec[2]), Site: n.one(rec[3])}
	}
	return n.last
}

// sites are the places in a block that a state can be of, in the order shown.
var sites = []string{residSite, "attn", "mlp"}

// residSite is the residual stream, whose layers are those of hidden_states; a
// layer of the other sites is a block.
const residSite = "resid"

// parseLayer reads a layer's name: a number, or "N-raw" for the last block
// before the final norm.
func parseLayer(s string) (number int, raw, ok bool) {
	digits, raw := strings.CutSuffix(s, "-raw")
	number, err := strconv.Atoi(digits)
	ok = err == nil && number >= 0 && number <= maxLayer && strconv.Itoa(number) == digits
	return number, raw, ok
}

// parseOptional reads a float, or NaN from nothing.
func parseOptional(s string) (float64, error) {
	if s == "" {
		return math.NaN(), nil
	}
	return strconv.ParseFloat(s, 64)
}

// oneLine keeps a message from breaking the rule of one line an error.
func oneLine(err error) error {
	if msg := err.Error(); strings.ContainsAny(msg, "\r\n") {
		return errors.New(strings.Join(strings.Fields(msg), " "))
	}
	return err
}
