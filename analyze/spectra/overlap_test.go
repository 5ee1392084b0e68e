package spectra

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// phi and angles against numpy and scipy.linalg.subspace_angles on the singular
// vectors of the dense products.
func TestOverlapsScipy(t *testing.T) {
	for k, g := range readGoldens(t).Pairs {
		x, y := g.X.decompose(t), g.Y.decompose(t)
		pair := Overlap{A: "x", B: "y", LayerA: 1, LayerB: 2, Module: "v_proj"}
		list := Overlaps(x, y, pair)
		if len(list) != 4 {
			t.Fatalf("pair %d: %d overlaps, want those of one and of all directions on two sides", k, len(list))
		}
		for _, o := range list {
			key := fmt.Sprintf("%s %d %d", o.Side, o.RankA, o.RankB)
			want, ok := g.Sides[key]
			if !ok || o.A != "x" || o.B != "y" || o.LayerA != 1 || o.LayerB != 2 || o.Module != "v_proj" {
				t.Fatalf("pair %d: unexpected overlap %+v", k, o)
			}
			near(t, fmt.Sprintf("pair %d: %s: phi", k, key), o.Phi, want.Phi, 1e-13)
			d := map[string]int{Left: 24, Right: 18}[o.Side]
			near(t, key+": random", o.Random, float64(max(o.RankA, o.RankB))/float64(d), 0)
			if len(o.Angles) != len(want.Angles) {
				t.Fatalf("%s: %d angles", key, len(o.Angles))
			}
			for i, a := range want.Angles {
				tol := 1e-13
				if k == 2 && i == 0 && key == "left 4 3" {
					a, tol = 0, 1e-14 // a column of B is the same in both, and scipy says 2.6e-8
				}
				near(t, fmt.Sprintf("pair %d: %s: angle %d", k, key, i), o.Angles[i], a, tol)
			}
		}
		near(t, fmt.Sprintf("pair %d: cosine", k), cosine(x, y), g.Cosine, 1e-13)
	}
}

// In the mean over random subspaces phi is what Random says.
func TestOverlapOfRandomSubspaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const draws = 2000
	means := map[string]float64{}
	expected := map[string]float64{}
	for range draws {
		x, _ := Decompose(randomFactors(rng, 20, 30, 4), true)
		y, _ := Decompose(randomFactors(rng, 20, 30, 2), true)
		for _, o := range Overlaps(x, y, Overlap{}) {
			key := fmt.Sprint(o.Side, o.RankA, o.RankB)
			means[key] += o.Phi / draws
			expected[key] = o.Random
		}
	}
	if len(means) != 4 {
		t.Fatalf("%d kinds of overlaps", len(means))
	}
	for key, mean := range means {
		// One phi of ranks (1, 1) deviates by about its mean sqrt 2: four standard errors.
		near(t, key, mean, expected[key], 4*math.Sqrt2*expected[key]/math.Sqrt(draws))
	}
}

func TestOverlapsOfZeroAndUnlike(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	zero := randomFactors(rng, 6, 8, 2)
	clear(zero.B)
	decompose := func(f *Factors) *Update {
		u, err := Decompose(f, true)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	x := decompose(randomFactors(rng, 6, 8, 2))
	if list := Overlaps(decompose(zero), x, Overlap{}); list != nil {
		t.Errorf("a zero update has overlaps %v", list)
	}
	for _, o := range Overlaps(x, decompose(randomFactors(rng, 7, 8, 2)), Overlap{}) {
		if o.Side != Right {
			t.Errorf("spaces of dimensions 6 and 7 were compared: %+v", o)
		}
	}
	for _, o := range Overlaps(x, x, Overlap{}) {
		near(t, "phi with itself", o.Phi, 1, 1e-14)
		near(t, "angle with itself", o.Angles[0], 0, 1e-14)
	}
}
