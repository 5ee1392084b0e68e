package analyze

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
)

// FinishOptions are the choices of Study.Finish.
type FinishOptions struct {
	Bootstrap int   // resamples of the prompts; 0: no intervals
	Seed      int64 // of the resamples
	Threads   int   // 0: as many as the processor has

	// Each is given the tables part by part, so that those of many prompts need
	// not be in memory: of one prompt and place after the other, a variant at a
	// time, and in the end of every variant the rows of AllPrompts. The parts of
	// one variant, in the order in which they came, are its share of the tables.
	// nil: Finish returns them as a whole.
	Each func(variant int, part *Tables) error
}

// Tables are the parts of a Result that a Study makes.
type Tables struct {
	Metrics    []Row
	Histograms []Histogram
	Partitions []Partition
	Warnings   []string
}

// Append adds the rows of another part.
func (t *Tables) Append(part *Tables) {
	t.Metrics = append(t.Metrics, part.Metrics...)
	t.Histograms = append(t.Histograms, part.Histograms...)
	t.Partitions = append(t.Partitions, part.Partitions...)
	t.Warnings = append(t.Warnings, part.Warnings...)
}

// Finish reads the stored clouds back and makes the tables, ordered by variant,
// prompt (AllPrompts last), layer (0 to L, then L-raw), site, metric and mask.
// keep gives for each prompt the positions, ascending, that MaskDefault keeps.
// Every variant must have a state wherever the base has one. What comes after
// the rows of single prompts is kept in the store meanwhile.
func (s *Study) Finish(ctx context.Context, keep map[string][]int, o FinishOptions) (*Tables, error) {
	if err := s.checkComplete(keep); err != nil {
		return nil, err
	}
	whole := make([]Tables, len(s.variants))
	each := o.Each
	if each == nil {
		each = func(variant int, part *Tables) error { whole[variant].Append(part); return nil }
	}
	means := newAverager(s, o)
	if err := s.eachPlace(ctx, keep, o, means, each); err != nil {
		return nil, err
	}
	if err := means.each(ctx, each); err != nil {
		return nil, err
	}
	t := &Tables{}
	for v := range whole {
		t.Append(&whole[v])
	}
	if n := len(s.prompts); o.Bootstrap > 0 && n < FewPrompts {
		t.Warnings = append(t.Warnings, fewPromptsWarning(n))
	}
	return t, nil
}

// placesAtOnce is how many places a thread has before those of all are given
// out, in their order.
const placesAtOnce = 16

// eachPlace describes every place and gives out its parts of the tables.
func (s *Study) eachPlace(ctx context.Context, keep map[string][]int, o FinishOptions, means *averager, each func(int, *Tables) error) error {
	for some := range inBatches(s.units(), placesAtOnce*threadCount(o.Threads)) {
		found := make([][]finding, len(some)) // (units, variants)
		err := parallel(ctx, len(some), o.Threads, func(w *workspace, i int) (err error) {
			found[i], err = s.describe(w, some[i], keep[some[i].prompt])
			return err
		})
		if err != nil {
			return err
		}
		for i, u := range some {
			if err := means.note(u, found[i]); err != nil {
				return err
			}
			for v := range s.variants {
				if err := each(v, s.part(u, v, found[i][v])); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Study) checkComplete(keep map[string][]int) error {
	for i, p := range s.prompts {
		kept, ok := keep[p]
		if !ok {
			return fmt.Errorf("prompt %s: no mask given", p)
		}
		last := -1
		for _, position := range kept {
			if position <= last || position >= s.tokens[i] {
				return fmt.Errorf("prompt %s: mask keeps position %d of %d, after %d", p, position, s.tokens[i], last)
			}
			last = position
		}
	}
	for u := range s.units() {
		for _, v := range s.variants {
			if _, ok := s.find(u.key(v)); !ok {
				return fmt.Errorf("%s: no state", u.key(v))
			}
		}
	}
	return nil
}

// units gives the places of every prompt, by prompt, layer and site.
func (s *Study) units() iter.Seq[unit] {
	return func(yield func(unit) bool) {
		places := sortedPlaces(s.index.places)
		for p, prompt := range s.prompts {
			for _, place := range places {
				if _, ok := s.index.get(place, 0, p); ok && !yield(unit{prompt, place.Layer, place.Site}) {
					return
				}
			}
		}
	}
}

// inBatches gives n at a time; a batch is valid until the next one.
func inBatches(units iter.Seq[unit], n int) iter.Seq[[]unit] {
	return func(yield func([]unit) bool) {
		batch := make([]unit, 0, n)
		for u := range units {
			if batch = append(batch, u); len(batch) == n {
				if !yield(batch) {
					return
				}
				batch = batch[:0]
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// sortedPlaces orders places by layer and site.
func sortedPlaces(places []place) []place {
	return slices.SortedFunc(slices.Values(places), func(a, b place) int {
		return cmp.Or(
			compareLayers(a.Layer, b.Layer),
			cmp.Compare(siteRank(a.Site), siteRank(b.Site)),
			cmp.Compare(a.Site, b.Site))
	})
}

// compareLayers orders layers by number, the raw one after its number. Layers
// are checked when they are added.
func compareLayers(a, b string) int {
	i, rawA, _ := parseLayer(a)
	j, rawB, _ := parseLayer(b)
	return cmp.Or(cmp.Compare(i, j), cmp.Compare(boolRank(rawA), boolRank(rawB)))
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// siteRank puts the residual stream first, then attention and MLP, then sites
// unknown here.
func siteRank(site string) int {
	order := []string{SiteResid, "attn", "mlp"}
	if i := slices.Index(order, site); i >= 0 {
		return i
	}
	return len(order)
}

// finding is what was found for one variant at one place.
type finding struct {
	masks [2]maskFinding // in the order of maskNames
	paper float64        // cosine_mean_paper
}

var maskNames = [2]string{MaskDefault, MaskNone}

type maskFinding struct {
	*View
	kept    []int     // positions of its tokens
	against []Measure // of an adapter beside the base
}

// measures yields the values that become rows under the mask of the given
// index.
func (f finding) measures(mask int) iter.Seq[Measure] {
	return func(yield func(Measure) bool) {
		m := f.masks[mask]
		for _, measures := range [][]Measure{m.Measures, m.against} {
			for _, x := range measures {
				if !yield(x) {
					return
				}
			}
		}
		if maskNames[mask] == MaskNone {
			yield(Measure{metricPaper, f.paper})
		}
	}
}

// describe computes everything at one place, the base first.
func (s *Study) describe(w *workspace, u unit, keep []int) ([]finding, error) {
	all := make([]int, s.tokens[s.promptAt[u.prompt]]) // every position
	for i := range all {
		all[i] = i
	}
	out := make([]finding, len(s.variants))
	for v, variant := range s.variants {
		drift, err := s.load(&w.cloud, u.key(variant), len(all))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.key(variant), err)
		}
		f := &out[v]
		f.paper = paperCosine(&w.cloud)
		centred := &w.centred[min(v, 1)]
		f.masks[1] = maskFinding{View: emergence(&w.cloud, w, &centred[1]), kept: all}
		f.compare(1, out[0], drift)
		if f.masks[0] = f.masks[1]; len(keep) < len(all) {
			f.masks[0] = maskFinding{View: emergence(w.cloud.keepIn(&w.kept, keep), w, &centred[0]), kept: keep}
			f.compare(0, out[0], drift)
		}
	}
	for v := range out { // their memory is the workspace's
		for m := range out[v].masks {
			out[v].masks[m].centred = nil
		}
	}
	return out, nil
}

// compare sets f beside the base under one mask. drift holds every token of an
// adapter, (T), and is nil for the base.
func (f *finding) compare(mask int, base finding, drift []float64) {
	if drift == nil {
		return
	}
	m := &f.masks[mask]
	kept := make([]float64, len(m.kept)) // drift of the tokens of the mask
	for i, p := range m.kept {
		kept[i] = drift[p]
	}
	m.against = Compare(base.masks[mask].View, m.View, kept)
}

// load reads back what Add stored.
func (s *Study) load(cloud *Cloud, k Key, t int) (drift []float64, err error) {
	at, _ := s.find(k) // Finish has seen that it is there
	b, err := s.store.Get(at)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	rest, err := cloud.decode(b)
	if err != nil {
		return nil, err
	}
	want := 8 * t
	if k.Variant == Base {
		want = 0
	}
	if cloud.T != t || len(rest) != want {
		return nil, fmt.Errorf("stored cloud: %d tokens and %d more bytes, want %d and %d", cloud.T, len(rest), t, want)
	}
	for ; len(rest) > 0; rest = rest[8:] { // (T)
		drift = append(drift, math.Float64frombits(binary.LittleEndian.Uint64(rest)))
	}
	return drift, nil
}
