package analyze

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// State is one state of a forward pass. A Study reads X during Add only.
type State struct {
	Key
	T, D int
	X    []float32 // (T, D)
}

// Store keeps bytes between Add and Finish, outside memory where the run is
// large. Put returns where they lie, for Get to find them; Get is called from
// several goroutines at once.
type Store interface {
	Put(b []byte) (at int64, err error)
	Get(at int64) ([]byte, error)
}

// Study gathers the states of a run and makes its tables. Add is for one
// goroutine; Finish comes after the last Add.
type Study struct {
	store    Store
	variants []string // Base, then the adapters
	prompts  []string // by first state
	tokens   []int    // (prompts)
	promptAt map[string]int
	index    *index
	buffer   []byte // of the state being added
	massive  map[string]map[int]*Masked
	losses   map[lossKey]loss

	// The base's states that adapters are still to be set beside: a base state
	// after an adapter's starts a new group and releases them.
	held   map[Key][]float32
	spare  []float32 // the memory of one that was released
	adding bool      // an adapter's state came last

	cloud Cloud // of the state that Add works on
}

// unit is a place at which all variants are compared.
type unit struct{ prompt, layer, site string }

func (u unit) key(variant string) Key { return Key{variant, u.prompt, u.layer, u.site} }

// NewStudy returns an empty study of the base and the named adapters, in the
// order in which the tables are to list them.
func NewStudy(store Store, adapters []string) *Study {
	return &Study{
		store:    store,
		variants: append([]string{Base}, adapters...),
		promptAt: map[string]int{},
		index:    newIndex(1 + len(adapters)),
		massive:  map[string]map[int]*Masked{},
		losses:   map[lossKey]loss{},
		held:     map[Key][]float32{},
	}
}

// Add reduces one state and stores it. States may come in any order in which
// the base's state of a place comes before those of the adapters; base states
// that follow one another are held until the adapters' states after them are
// done, so layer by layer and prompt by prompt holds one at a time. A value
// that is not finite, a key given twice or unknown, and shapes that differ
// between variants are errors.
func (s *Study) Add(st State) error {
	if err := s.check(st); err != nil {
		return fmt.Errorf("%s: %w", st.Key, err)
	}
	sizes := newRowSizes(st.X, st.T, st.D, 0)
	if err := checkFinite(st, sizes); err != nil {
		return fmt.Errorf("%s: %w", st.Key, err)
	}
	var drift []float64 // (T), nil for the base
	if st.Variant == Base {
		s.hold(st)
		s.noteMassive(st, sizes)
	} else {
		base, ok := s.held[Key{Base, st.Prompt, st.Layer, st.Site}]
		if !ok || len(base) != len(st.X) {
			return fmt.Errorf("%s: %d values, the base holds %d there", st.Key, len(st.X), len(base))
		}
		s.adding = true
		drift = Drift(base, st.X, st.T, st.D)
	}
	s.cloud.fill(st.X, st.T, st.D, 0)
	s.buffer = s.cloud.AppendBinary(slices.Grow(s.buffer[:0], storedBytes(st.T)+8*len(drift)))
	for _, d := range drift {
		s.buffer = binary.LittleEndian.AppendUint64(s.buffer, math.Float64bits(d))
	}
	at, err := s.store.Put(s.buffer)
	if err != nil {
		return fmt.Errorf("%s: store: %w", st.Key, err)
	}
	s.register(st, at)
	return nil
}

func (s *Study) check(st State) error {
	if st.T < 1 || st.D < 1 || st.T > maxTokens || len(st.X) != st.T*st.D {
		return fmt.Errorf("%d values for %d tokens and %d coordinates", len(st.X), st.T, st.D)
	}
	if !slices.Contains(s.variants, st.Variant) {
		return fmt.Errorf("variant %q is not one of the study", st.Variant)
	}
	if st.Prompt == AllPrompts {
		return fmt.Errorf("%q is not a prompt id", st.Prompt)
	}
	if _, _, err := parseLayer(st.Layer); err != nil {
		return err
	}
	if _, ok := s.find(st.Key); ok {
		return fmt.Errorf("state given twice")
	}
	if p, ok := s.promptAt[st.Prompt]; ok && s.tokens[p] != st.T {
		return fmt.Errorf("%d tokens, %d in other states of this prompt", st.T, s.tokens[p])
	}
	return nil
}

func checkFinite(st State, sizes rowSizes) error {
	for i, peak := range sizes.peaks {
		if peak < infinite {
			continue
		}
		row := st.X[i*st.D : (i+1)*st.D]
		k := slices.IndexFunc(row, func(v float32) bool { return magnitudeBits(v) >= infinite })
		return fmt.Errorf("token %d, coordinate %d is %v", i, k, row[k])
	}
	return nil
}

// hold keeps a copy of the base's state while adapters may need it.
func (s *Study) hold(st State) {
	if len(s.variants) == 1 {
		return
	}
	if s.adding {
		for _, x := range s.held {
			s.spare = x[:0]
		}
		clear(s.held)
		s.adding = false
	}
	s.held[st.Key] = append(s.spare, st.X...)
	s.spare = nil
}

// register notes where a state lies in the store.
func (s *Study) register(st State, at int64) {
	p, ok := s.promptAt[st.Prompt]
	if !ok {
		p = len(s.prompts)
		s.promptAt[st.Prompt] = p
		s.prompts, s.tokens = append(s.prompts, st.Prompt), append(s.tokens, st.T)
	}
	s.index.set(place{st.Layer, st.Site}, slices.Index(s.variants, st.Variant), p, at)
}

// find returns where a state lies in the store.
func (s *Study) find(k Key) (at int64, ok bool) {
	p, ok := s.promptAt[k.Prompt]
	if !ok {
		return 0, false
	}
	return s.index.get(place{k.Layer, k.Site}, slices.Index(s.variants, k.Variant), p)
}

// noteMassive records the massive tokens of a residual state of the base. The
// outputs of attention and MLP alone are no states of a token, so they do not
// decide.
func (s *Study) noteMassive(st State, sizes rowSizes) {
	if st.Site != SiteResid {
		return
	}
	layer, _, _ := parseLayer(st.Layer) // checked before
	if s.massive[st.Prompt] == nil {
		s.massive[st.Prompt] = map[int]*Masked{}
	}
	for _, m := range sizes.massiveTokens(st.X, st.D) {
		at, ok := s.massive[st.Prompt][m.Position]
		if !ok {
			at = &Masked{Position: m.Position, Reason: ReasonMassive, FirstLayer: layer, LastLayer: layer}
			s.massive[st.Prompt][m.Position] = at
		}
		at.FirstLayer, at.LastLayer = min(at.FirstLayer, layer), max(at.LastLayer, layer)
		at.Dimensions = append(at.Dimensions, m.Dimensions...)
		slices.Sort(at.Dimensions)
		at.Dimensions = slices.Compact(at.Dimensions)
	}
}

// SiteResid is the site of the residual stream, the states proper.
const SiteResid = "resid"

// ReasonMassive is the Reason of a token masked for being massive.
const ReasonMassive = "massive"

// Observe notes the massive tokens of a state that is not itself to be
// measured: a choice of layers must not change which tokens the mask leaves
// out.
func (s *Study) Observe(st State) error {
	if st.Variant != Base {
		return nil
	}
	if st.T < 1 || st.D < 1 || len(st.X) != st.T*st.D {
		return fmt.Errorf("%s: %d values for %d tokens and %d coordinates", st.Key, len(st.X), st.T, st.D)
	}
	s.noteMassive(st, newRowSizes(st.X, st.T, st.D, 0))
	return nil
}

// Massive returns the tokens of a prompt that are massive at any layer of the
// base seen so far, by position.
func (s *Study) Massive(prompt string) []Masked {
	var out []Masked
	for _, m := range s.massive[prompt] {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Masked) int { return a.Position - b.Position })
	return out
}

type lossKey struct{ variant, prompt string }

type loss struct {
	layer string
	mean  float64
	n     int
}

// AddLoss gives the mean next-token loss of a variant on a prompt, in nats over
// n predicted tokens; it becomes the row next_token_loss of that layer. It is
// of every token, so it is the same under both masks.
func (s *Study) AddLoss(variant, prompt, layer string, mean float64, n int) {
	s.losses[lossKey{variant, prompt}] = loss{layer, mean, n}
}

// parseLayer splits a layer's name into its number and whether it is the state
// before the final norm, as in "30" and "30-raw".
func parseLayer(layer string) (number int, raw bool, err error) {
	digits, raw := strings.CutSuffix(layer, "-raw")
	number, err = strconv.Atoi(digits)
	if err != nil || number < 0 {
		return 0, false, fmt.Errorf("layer %q is not a number, with or without -raw", layer)
	}
	return number, raw, nil
}
