package particles

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/layerclust/layerclust/analyze/theory"
)

type geometryRow struct {
	Geometry, Which string
	Seed            uint32
	N, D            int
	V, Final        [][]float64
	Counts          map[string]int `json:"n_clusters_by_tol"`
	CountsFiner     map[string]int `json:"n_clusters_by_tol_dt_0_02"`
	Left            []float64      `json:"leading_left_eigenvector"`
	Projections2    int            `json:"n_distinct_leading_projections_tol_1e_2"`
	Projections1    int            `json:"n_distinct_leading_projections_tol_1e_1"`
	Sensitivity     float64        `json:"max_move_dt_0_1_vs_0_02"`
}

// presetOf names the preset of a geometry of the reference.
var presetOf = map[string]string{"hyperplanes x polytope": "hyperplanes-polytope", "1rankattention": "rank-one",
	"LoRA": "lora", "LoRA_intended": "lora", "V_finetune": "v-finetune", "V_finetune_3": "v-finetune-3"}

// Final positions and counts of every geometry of the script, numpy; seeds 0 to
// 2, two and three dimensions.
func TestGeometries(t *testing.T) {
	var ref struct{ Runs []geometryRow }
	reference(t, "sim/geometries.json", &ref)
	err := spread(len(ref.Runs), func(i int) error { return checkGeometry(t, ref.Runs[i]) })
	if err != nil {
		t.Error(err)
	}
}

func checkGeometry(t *testing.T, r geometryRow) error {
	name := r.Geometry
	if p, ok := presetOf[name]; ok {
		name = p
	}
	what := fmt.Sprintf("%s %s seed %d d %d", r.Geometry, r.Which, r.Seed, r.D)
	g, err := NewGeometry(name, GeometryOptions{Seed: r.Seed, D: r.D, Compat: r.Geometry == "LoRA"})
	if err != nil {
		return err
	}
	s := g.Base
	if r.Which == "lora" {
		s = g.Adapted
	}
	v, err := flat("V", r.V, r.D)
	if err != nil {
		return err
	}
	if off := worst(s.Layers[0].Heads[0].V, v); off > 1e-12 {
		t.Errorf("%s: V differs by %g", what, off)
	}
	tr, err := Run(t.Context(), s, g.X0, Options{Integrator: Euler, T: g.T, Dt: g.Dt, Times: []float64{g.T}})
	if err != nil {
		return err
	}
	want, err := flat("final", r.Final, r.D)
	if err != nil {
		return err
	}
	c := s.Count(tr.Last())
	// The positions are written to six digits. Off the leading direction rounding
	// grows like e^{(lambda_1 - lambda_2) t}, as the effect of a smaller step does.
	// Where tokens fly apart, those that tie along the leading direction are told
	// apart by rounding alone, so that only the counts can be compared.
	apart := c.Largest > 50
	if off := worst(tr.Last(), want); off > max(2e-6*c.Largest, r.Sensitivity) && !apart {
		t.Errorf("%s: final positions differ by %g of %g", what, off, c.Largest)
	}
	// one token of the reference's own runs is counted otherwise at a finer step
	if got := c.Clusters[2]; got != r.Counts["0.1"] && got != r.CountsFiner["0.1"] {
		t.Errorf("%s: clusters %v, reference %v", what, c.Clusters, r.Counts)
	}
	if !slices.Equal(c.Projections, []int{r.Projections2, r.Projections1}) {
		t.Errorf("%s: leading projections %v, reference %d and %d", what, c.Projections, r.Projections2, r.Projections1)
	}
	return nil
}

// SCIENCE section 6 names these counts.
func TestGeometryCounts(t *testing.T) {
	for _, c := range []struct {
		name          string
		seed          uint32
		d             int
		base, adapted int
	}{
		{"v-finetune", 0, 2, 5, 2}, {"polytope", 0, 3, 13, 0}, {"polytope", 1, 3, 11, 0}, {"polytope", 2, 3, 14, 0},
		{"rank-one", 0, 2, 2, 0}, {"rank-one", 1, 3, 2, 0}, {"degenerate", 0, 2, 1, 0},
		{"lora-new-clusters", 0, 2, 2, 5}, // rank two in the plane is the polytope of seed 0
	} {
		g, err := NewGeometry(c.name, GeometryOptions{Seed: c.seed, D: c.d})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range []struct {
			s    *System
			want int
		}{{g.Base, c.base}, {g.Adapted, c.adapted}} {
			if run.s == nil {
				continue
			}
			tr, err := Run(t.Context(), run.s, g.X0, Options{Integrator: Euler, T: g.T, Dt: g.Dt, Times: []float64{g.T}})
			if err != nil {
				t.Fatal(err)
			}
			if got := run.s.Count(tr.Last()); got.Clusters[2] != run.want {
				t.Errorf("%s seed %d: %v clusters, not %d", c.name, c.seed, got.Clusters, run.want)
			}
		}
	}
}

// Rank-one attention sends each side to its outermost token, and no attention
// contracts to the mean exactly; SCIENCE 2.6.
func TestUniformAttentionIsExact(t *testing.T) {
	g, err := NewGeometry("degenerate", GeometryOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Run(t.Context(), g.Base, g.X0, Options{T: 5, Dt: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	var mean [2]float64
	for i, v := range g.X0 {
		mean[i%2] += v / float64(g.Base.N)
	}
	for k, at := range tr.Times {
		for i, v := range tr.X[k] {
			want := mean[i%2] + math.Exp(-at)*(g.X0[i]-mean[i%2])
			if math.Abs(v-want) > 1e-9 {
				t.Fatalf("t = %g: %g, not %g", at, v, want)
			}
		}
	}
}

// The number of clusters of rank-one attention is known from the signs alone:
// 2 where there are both, 1 for one side; a token at 0 joins one of them.
func TestRankOneClusters(t *testing.T) {
	for _, c := range []struct {
		first []float64
		want  int
	}{{[]float64{1, 0.5, -0.3, -2, 0.1}, 2}, {[]float64{1, 0.5, 0.3, 2, 0.1}, 1}, {[]float64{-1, -0.5, 0, 2, 0.1}, 2}} {
		if got := theory.RankOneClusters(c.first); got != c.want {
			t.Errorf("%v: %d clusters expected, want %d", c.first, got, c.want)
		}
		n := len(c.first)
		x := NewRandom(1).Uniform(-3, 3, 2*n)
		for i, v := range c.first {
			x[2*i] = v
		}
		s := New(Rescaled, n, 2, []float64{1, 0}, []float64{1, 0}, Identity(2))
		end := runFinal(t, s, x, Options{T: 40, Dt: 1})
		if got := Clusters(end, 2, 0.05); got != c.want {
			t.Errorf("%v: %d clusters in the end, want %d", c.first, got, c.want)
		}
	}
}

// Where K'Q has rank two in space, the projections on its plane obey the same
// dynamics by themselves; SCIENCE 2.6.
func TestLowRankIsThePlane(t *testing.T) {
	g, err := NewGeometry("low-rank", GeometryOptions{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	plane := make([]float64, 0, 2*g.Base.N)
	for i := range g.Base.N {
		plane = append(plane, g.X0[3*i], g.X0[3*i+1])
	}
	o := Options{Integrator: Euler, T: g.T, Dt: g.Dt, Times: []float64{g.T}}
	space, err := Run(t.Context(), g.Base, g.X0, o)
	if err != nil {
		t.Fatal(err)
	}
	flat, err := Run(t.Context(), New(Rescaled, g.Base.N, 2, Identity(2), Identity(2), Identity(2)), plane, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range g.Base.N {
		if off := distance(space.Last()[3*i:3*i+2], flat.Last()[2*i:2*i+2]); off > 1e-12 {
			t.Errorf("token %d: its projection is %g from the token of the plane", i, off)
		}
	}
	if got, want := Clusters(space.Last(), 3, 0.1), Clusters(flat.Last(), 2, 0.1); got != want {
		t.Errorf("%d clusters in space, %d in the plane", got, want)
	}
}
