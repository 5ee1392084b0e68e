package particles

import (
	"slices"
	"testing"
)

// A square with a point inside, one on an edge and one corner twice, by hand.
func TestHull2(t *testing.T) {
	x := []float64{0, 0, 2, 2, 1, 1, 2, 0, 0, 2, 1, 0, 0, 0}
	got := Hull2(x)
	if len(got) != 4 || got[1] != 3 || got[2] != 1 || got[3] != 4 {
		t.Errorf("corners %v, want 0 or 6, then 3, 1, 4", got)
	}
	for _, few := range [][]float64{{1, 2}, {1, 2, 3, 4}, {1, 1, 1, 1}} {
		if got := Hull2(few); len(got) != len(few)/2 && len(got) != 1 {
			t.Errorf("hull of %v: %v", few, got)
		}
	}
}

// A cube with points inside: eight corners, and twelve triangles, as Euler's
// formula has it for any hull of eight corners whose faces are triangles.
func TestHull3(t *testing.T) {
	var x []float64
	for i := range 8 {
		x = append(x, float64(i&1), float64(i>>1&1), float64(i>>2))
	}
	x = append(x, 0.5, 0.5, 0.5, 0.2, 0.7, 0.4)
	facets := Hull3(x)
	if corners := Corners(facets); !slices.Equal(corners, []int{0, 1, 2, 3, 4, 5, 6, 7}) || len(facets) != 12 {
		t.Errorf("%d facets, corners %v", len(facets), corners)
	}
	if len(hullEdges(x, 3)) != 18 {
		t.Errorf("%d edges, want 18", len(hullEdges(x, 3)))
	}
	if flat := Hull3([]float64{0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0}); flat != nil {
		t.Errorf("a hull in the plane: %v", flat)
	}
}

// Every point of a random cloud lies within every facet of its hull, and the
// corners are points that no facet of the others' hull contains.
func TestHull3HoldsAll(t *testing.T) {
	for seed := range uint32(5) {
		x := NewRandom(seed).Normal(3 * 40)
		facets := Hull3(x)
		for _, f := range facets {
			for p := range 40 {
				if above(x, f, p) > 1e-9 {
					t.Fatalf("seed %d: point %d is %g outside of %v", seed, p, above(x, f, p), f)
				}
			}
		}
		if c := len(Corners(facets)); len(facets) != 2*c-4 { // Euler
			t.Errorf("seed %d: %d facets of %d corners", seed, len(facets), c)
		}
	}
}

// By hand: 0, 0.5 and 1 are a chain at 0.6 and apart at 0.4.
func TestComponents(t *testing.T) {
	x := []float64{1, 5, 0.5, 0, 5.1}
	if labels, n := Components(x, 1, 0.6); n != 2 || !slices.Equal(labels, []int{0, 1, 0, 0, 1}) {
		t.Errorf("labels %v", labels)
	}
	if n := Clusters(x, 1, 0.4); n != 4 {
		t.Errorf("%d components, want 4", n)
	}
	if got := Distinct(x, 1, 0.6); !slices.Equal(got, []float64{1, 5}) {
		t.Errorf("distinct %v", got)
	}
}

// The views of a trajectory in five dimensions: three axes, the last state in.
func TestViews(t *testing.T) {
	s, x := randomSystem(Raw, 9, 5, 2)
	tr, err := Run(t.Context(), s, x, Options{T: 2, Dt: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	v := NewViews(tr, tr)[1]
	if v.D != 3 || len(v.Frames) > mostFrames || v.Times[len(v.Times)-1] != 2 || len(v.Edges) != len(v.Frames) || len(v.Frames[0]) != 27 || v.Note == "" {
		t.Errorf("%d dimensions, %d frames to %g, %d edges, %d numbers, %q", v.D, len(v.Frames), v.Times[len(v.Times)-1], len(v.Edges), len(v.Frames[0]), v.Note)
	}
}
