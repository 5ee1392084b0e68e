package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func values(v *View) map[string]float64 {
	m := map[string]float64{}
	for _, x := range v.Measures {
		m[x.Name] = x.Value
	}
	return m
}

// near wants two descriptions equal to a relative tolerance.
func near(t *testing.T, got, want map[string]float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d measures, want %d", len(got), len(want))
	}
	for name, w := range want {
		if g, ok := got[name]; !ok || math.Abs(g-w) > tol*max(1, math.Abs(w)) {
			t.Errorf("%s = %v, want %v", name, g, w)
		}
	}
}

// A rotation mixes coordinates and changes no inner product. The state is
// rounded to float32 again, hence the tolerance.
func TestRotationInvariance(t *testing.T) {
	const n, d = 30, 12
	x := randomState(11, n, d)
	y := make([]float32, len(x))
	for i := range n {
		row := make([]float64, d)
		for k := range d {
			row[k] = float64(x[i*d+k])
		}
		for step := range 40 { // plane rotations
			a, b := step%d, (step*5+1)%d
			if a == b {
				continue
			}
			s, c := math.Sincos(float64(step))
			row[a], row[b] = c*row[a]-s*row[b], s*row[a]+c*row[b]
		}
		for k := range d {
			y[i*d+k] = float32(row[k])
		}
	}
	v, w := Emergence(NewCloud(x, n, d)), Emergence(NewCloud(y, n, d))
	near(t, values(w), values(v), 1e-5)
	if !slices.Equal(v.Labels, w.Labels) {
		t.Errorf("labels %v and %v", v.Labels, w.Labels)
	}
	if c := DebiasedCKA(NewCloud(x, n, d), NewCloud(y, n, d)); math.Abs(c-1) > 1e-6 {
		t.Errorf("CKA with the rotated state %v, want 1", c)
	}
}

// The order of the tokens changes the order of sums only. Not so for the
// clusters of the default options: with three neighbours a point between two
// clusters is often equally near to both, and goes to the first met, as in
// scikit-learn. With two there are no such ties.
func TestTokenOrder(t *testing.T) {
	const n, d = 40, 12
	x := randomState(12, n, d)
	order := rand.New(rand.NewPCG(1, 1)).Perm(n)
	var y []float32
	for _, p := range order {
		y = append(y, x[p*d:(p+1)*d]...)
	}
	c, e := NewCloud(x, n, d), NewCloud(y, n, d)
	v, w := Emergence(c), Emergence(e)
	if !slices.Equal(v.Histogram, w.Histogram) {
		t.Error("histograms differ")
	}
	got, want := values(w), values(v)
	for _, name := range []string{"clusters", "noise_share", "largest_cluster_share"} {
		delete(got, name)
		delete(want, name)
	}
	near(t, got, want, 1e-11)
	o := HDBSCANOptions{MinClusterSize: 3, MinSamples: 2}
	labels, moved := HDBSCAN(angles(newCosines(c)), n, o), make([]int, n)
	for i, l := range HDBSCAN(angles(newCosines(e)), n, o) {
		moved[order[i]] = l
	}
	if !slices.Equal(renumber(moved), labels) {
		t.Errorf("labels %v, in the other order %v", labels, moved)
	}
}

// Powers of two scale without rounding: only the norms may change.
func TestScale(t *testing.T) {
	const n, d = 25, 12
	x := randomState(13, n, d)
	want := values(Emergence(NewCloud(x, n, d)))
	for _, scale := range []float32{0x1p-60, 0x1p60} {
		y := slices.Clone(x)
		for i := range y {
			y[i] *= scale
		}
		got := values(Emergence(NewCloud(y, n, d)))
		got["norm_mean"] /= float64(scale)
		got["norm_max"] /= float64(scale)
		near(t, got, want, 1e-12)
	}
}

// The stated answers on states with little or nothing in them.
func TestDegenerateStates(t *testing.T) {
	row := []float32{3, 0, 4}
	equal := slices.Repeat(row, 6)
	nan := math.NaN() // wanted absent
	cases := []struct {
		name   string
		x      []float32
		t      int
		want   map[string]float64
		labels []int
	}{
		{"no tokens", nil, 0, map[string]float64{"cosine_mean": nan, "norm_mean": nan, "clusters": nan, "effective_rank": nan, "components_0.5": nan}, []int{}},
		{"one token", row, 1, map[string]float64{
			"cosine_mean": nan, "cosine_q50": nan, "cosine_above_0.5": nan, "cosine_mean_centred": nan, "anisotropy": nan,
			"effective_rank": 1, "participation_ratio": 1, "stable_rank": 1, "norm_mean": 5, "components_0.5": 1, "clusters": 0, "noise_share": 1, "spread": 0}, []int{Noise}},
		{"two tokens", []float32{1, 0, 0, 0, 2, 0}, 2, map[string]float64{
			"cosine_mean": 0, "cosine_q95": 0, "participation_ratio": 25.0 / 17, "stable_rank": 1.25, "cosine_mean_centred": -1,
			"anisotropy": 1, "effective_rank_centred": 1, "components_0.5": 2, "clusters": 0, "noise_share": 1}, []int{Noise, Noise}},
		{"all equal", equal, 6, map[string]float64{
			"cosine_mean": 1, "cosine_q05": 1, "cosine_above_0.99": 1, "cosine_mean_centred": nan, "effective_rank": 1,
			"effective_rank_centred": nan, "anisotropy": nan, "spread": 0, "components_0.99": 1, "clusters": 1, "noise_share": 0, "largest_cluster_share": 1}, []int{0, 0, 0, 0, 0, 0}},
		{"all zero", make([]float32, 12), 4, map[string]float64{
			"cosine_mean": 0, "effective_rank": nan, "stable_rank": nan, "participation_ratio": nan, "spread": nan,
			"norm_mean": 0, "components_0.5": 4, "clusters": 0, "noise_share": 1}, []int{Noise, Noise, Noise, Noise}},
		{"orthogonal", []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, map[string]float64{
			"cosine_mean": 0, "effective_rank": 3, "participation_ratio": 3, "stable_rank": 3, "cosine_mean_centred": -0.5, "clusters": 0}, []int{Noise, Noise, Noise}},
		{"opposite", []float32{1, 0, 0, -1, 0, 0}, 2, map[string]float64{"cosine_mean": -1, "effective_rank": 1, "spread": 1, "components_0.5": 2}, []int{Noise, Noise}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := Emergence(NewCloud(c.x, c.t, 3))
			got := values(v)
			for name, want := range c.want {
				g, ok := got[name]
				if math.IsNaN(want) == ok || ok && math.Abs(g-want) > 1e-12 {
					t.Errorf("%s = %v (given: %v), want %v", name, g, ok, want)
				}
			}
			if !slices.Equal(v.Labels, c.labels) {
				t.Errorf("labels %v, want %v", v.Labels, c.labels)
			}
		})
	}
}

// A state with itself: every comparison that is defined says "the same".
func TestCompareWithItself(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 12} {
		x := randomState(2, n, 8)
		v := Emergence(NewCloud(x, n, 8))
		got := map[string]float64{}
		for _, m := range Compare(v, v, Drift(x, x, n, 8)) {
			got[m.Name] = m.Value
		}
		want := map[string]float64{"drift": 0, "drift_max": 0, "ami_base": 1, "ari_base": 1}
		if n >= 4 {
			want["cka_base"] = 1
		}
		for name, g := range got {
			got[name] = math.Round(g*1e12) / 1e12
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("T=%d: %s", n, diff)
		}
	}
	if m := Compare(Emergence(&Cloud{D: 3}), Emergence(&Cloud{D: 3}), nil); len(m) != 0 {
		t.Errorf("no tokens: %v", m)
	}
}
