package analyze

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// goldens is testdata/goldens.json, made by testdata/make_goldens.py with
// numpy, scipy and scikit-learn; the versions stand in the file.
type goldens struct {
	States      []goldenState
	Comparisons []goldenComparison
	Partitions  []struct {
		A, B     []int
		AMI, ARI float64
	}
}

type goldenSource struct {
	Name   string
	T, D   int
	File   string // below fixtures/reference; empty where the state stands in the golden file
	Tensor string
	Layer  int // -1: the tensor is one state
	Skip   int // tokens left out at the start
}

type goldenState struct {
	goldenSource
	X         string // base64 of (T, D) float32
	Measures  map[string]float64
	Labels    []int
	Histogram []int32
	HDBSCAN   []struct {
		Size, Samples int
		Single        bool
		Labels        []int
	}
	Components []int `json:"components_0.7"`
}

type goldenComparison struct {
	goldenSource
	Other         string // file of the adapter's state
	Base, Adapted string // base64 of (T, D) float32
	Measures      map[string]float64
}

func readGoldens(t *testing.T) goldens {
	t.Helper()
	b, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldens
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.States) == 0 || len(g.Comparisons) == 0 || len(g.Partitions) == 0 {
		t.Fatal("goldens.json lacks cases")
	}
	return g
}

// state returns the (T, D) values, given in base64 or in a file of the fixtures.
func (s goldenSource) state(t *testing.T, inline, file string) []float32 {
	t.Helper()
	if inline == "" {
		path := filepath.Join(testmodel.Fixtures(t), "reference", file)
		all := readTensor(t, path, s.Tensor)
		first := max(s.Layer, 0)*(s.T+s.Skip) + s.Skip
		return all[first*s.D : (first+s.T)*s.D]
	}
	b, err := base64.StdEncoding.DecodeString(inline)
	if err != nil {
		t.Fatal(err)
	}
	return floats(b)
}

// readTensor reads a float32 tensor of a safetensors file: a length of eight
// bytes, a JSON header with offsets, the values.
func readTensor(t *testing.T, path, name string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b)
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	at := header[name].Offsets
	return floats(b[8+n:][at[0]:at[1]])
}

func floats(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// compareMeasures wants each golden value within tol, and no other measure:
// relative to the value, or to 1 for those that lie in [-1, 1] as means of terms
// of either sign.
func compareMeasures(t *testing.T, got []Measure, want map[string]float64, tol float64) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range got {
		seen[m.Name] = true
		w, ok := want[m.Name]
		if !ok {
			t.Errorf("%s = %v has no golden value", m.Name, m.Value)
		}
		scale := math.Abs(w)
		for _, bounded := range []string{"cosine", "cka", "ami", "ari"} {
			if strings.HasPrefix(m.Name, bounded) {
				scale = 1
			}
		}
		if math.Abs(m.Value-w) > tol*scale {
			t.Errorf("%s = %v, want %v", m.Name, m.Value, w)
		}
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestEmergenceAgainstGoldens(t *testing.T) {
	for _, g := range readGoldens(t).States {
		t.Run(g.Name, func(t *testing.T) {
			c := NewCloud(g.state(t, g.X, g.File), g.T, g.D)
			d := Emergence(c)
			paper := Measure{"cosine_mean_paper", paperCosine(c)}
			// Singular values here are roots of eigenvalues of the Gram matrix:
			// 1e-9 leaves room for the small ones, which numpy has from the SVD.
			compareMeasures(t, append(d.Measures, paper), g.Measures, 1e-9)
			comparePartition(t, "default", d.Labels, g.Labels)
			comparePartition(t, "components", Components(c, 0.7), g.Components)
			if !slices.Equal(d.Histogram, g.Histogram) {
				t.Errorf("histogram %v, want %v", d.Histogram, g.Histogram)
			}
		})
	}
}

func TestHDBSCANAgainstScikitLearn(t *testing.T) {
	for _, g := range readGoldens(t).States {
		t.Run(g.Name, func(t *testing.T) {
			angles := angles(newCosines(NewCloud(g.state(t, g.X, g.File), g.T, g.D)))
			for _, h := range g.HDBSCAN {
				o := HDBSCANOptions{MinClusterSize: h.Size, MinSamples: h.Samples}
				if h.Single {
					o.Root = math.Inf(1)
				}
				comparePartition(t, "", HDBSCAN(angles, g.T, o), h.Labels)
				if t.Failed() {
					t.Fatalf("min_cluster_size %d, min_samples %d, single %v", h.Size, h.Samples, h.Single)
				}
			}
		})
	}
}

// angles returns the (T, T) angles between tokens, 0 on the diagonal.
func angles(g *cosines) []float64 {
	out := make([]float64, len(g.all))
	for k, v := range g.all {
		if k/g.t != k%g.t {
			out[k] = angle(v)
		}
	}
	return out
}

// comparePartition wants the same clusters and the same noise, whatever the
// labels are called, and labels numbered by first token.
func comparePartition(t *testing.T, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, renumber(slices.Clone(want))) {
		t.Errorf("%s labels\n%v, want\n%v", what, got, renumber(slices.Clone(want)))
	}
}

func TestCompareAgainstGoldens(t *testing.T) {
	for _, g := range readGoldens(t).Comparisons {
		t.Run(g.Name, func(t *testing.T) {
			base := g.state(t, g.Base, g.File)
			adapted := g.state(t, g.Adapted, g.Other)
			got := Compare(Emergence(NewCloud(base, g.T, g.D)), Emergence(NewCloud(adapted, g.T, g.D)), Drift(base, adapted, g.T, g.D))
			// float64 sums of some 1e4 to 1e5 terms on both sides.
			compareMeasures(t, got, g.Measures, 1e-11)
		})
	}
}

func TestAgreementAgainstScikitLearn(t *testing.T) {
	for i, g := range readGoldens(t).Partitions {
		// scikit-learn sums logs of gamma in another order.
		if got := AMI(g.A, g.B); math.Abs(got-g.AMI) > 1e-11 {
			t.Errorf("case %d: AMI %v, want %v", i, got, g.AMI)
		}
		if got := ARI(g.A, g.B); math.Abs(got-g.ARI) > 1e-13 {
			t.Errorf("case %d: ARI %v, want %v", i, got, g.ARI)
		}
	}
}
