package analyze

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/layerclust/layerclust/internal/testmodel"
)

func TestMassiveTokensByHand(t *testing.T) {
	ordinary := []float32{0.1, -0.1, 0.1, 0.1}
	sink := []float32{0.1, -500, 0.1, 200}
	small := []float32{0.1, -90, 0.1, 0.1} // below 100, but the norm gives it away
	grown := []float32{30, -30, 30, 30}    // no coordinate stands out
	cases := []struct {
		name string
		rows [][]float32
		want []MassiveToken
	}{
		{"none", [][]float32{ordinary, ordinary, ordinary}, nil},
		{"peaks", [][]float32{ordinary, sink, ordinary}, []MassiveToken{{1, []int{1, 3}}}},
		{"peak beside one token", [][]float32{sink, ordinary}, []MassiveToken{{0, []int{1, 3}}}},
		{"norm only", [][]float32{ordinary, ordinary, small}, []MassiveToken{{2, []int{1}}}},
		{"norm only, flat", [][]float32{grown, ordinary, ordinary}, []MassiveToken{{0, []int{0}}}},
		{"one token has nothing to stand out from", [][]float32{grown}, nil},
		{"all zero", [][]float32{make([]float32, 4), make([]float32, 4)}, nil},
		{"no tokens", nil, nil},
	}
	for _, c := range cases {
		got := MassiveTokens(slices.Concat(c.rows...), len(c.rows), 4)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestMedianMagnitude(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 999, 1000} {
		x := randomState(uint64(n), 1, n)
		var all []float64
		for _, v := range x {
			all = append(all, magnitude(v))
		}
		slices.Sort(all)
		if got, want := medianMagnitude(x, 2), (all[(n-1)/2]+all[n/2])/2; got != want {
			t.Errorf("n=%d: %v, want %v", n, got, want)
		}
	}
}

// The first token of SmolLM2 is a sink (norm 23,500 from layer 12 on, about 130
// to 750 elsewhere: fixtures/README.md); stories260K has none.
func TestMassiveTokensOfRealModels(t *testing.T) {
	reference := filepath.Join(testmodel.Fixtures(t), "reference")
	// The dimensions are those of numpy: abs(h) > 100 and > 1000 * median(abs(h)).
	sink := func(dimensions ...int) []Masked {
		return []Masked{{Position: 0, Reason: ReasonMassive, FirstLayer: 3, LastLayer: 29, Dimensions: dimensions}}
	}
	models := []struct {
		model         string
		tokens        []int // of each prompt
		layers, width int
		want          [][]Masked // of each prompt
	}{
		{"smollm2-135m", []int{8, 60, 200}, 30, 576, [][]Masked{sink(507), sink(247, 507), sink(247, 507)}},
		{"stories260K", []int{7, 60, 198, 48}, 5, 64, [][]Masked{nil, nil, nil, nil}},
	}
	for _, m := range models {
		for p, tokens := range m.tokens {
			t.Run(fmt.Sprintf("%s prompt %d", m.model, p), func(t *testing.T) {
				path := filepath.Join(reference, m.model, "base", fmt.Sprintf("prompt-%d.safetensors", p))
				states := readTensor(t, path, "hidden_states")
				s := NewStudy(newMemoryStore(), nil)
				size := tokens * m.width
				for l := range m.layers + 1 {
					x := states[l*size : (l+1)*size]
					if err := s.Add(State{Key{Base, "p", fmt.Sprint(l), SiteResid}, tokens, m.width, x}); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(m.want[p], s.Massive("p")); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}
