package analyze

import (
	"math"
	"slices"
	"testing"
)

// On cosines, only the joins turned into angles, against all angles first.
func TestClustersOnCosinesAgainstAngles(t *testing.T) {
	for seed := range uint64(20) {
		g := newCosines(NewCloud(randomState(seed, 60, 8), 60, 8))
		want := HDBSCAN(angles(g), 60, clusterOptions)
		if got := clusterLabels(g); !slices.Equal(got, want) {
			t.Errorf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

// line returns the distances between points on a line.
func line(at ...float64) []float64 {
	var d []float64
	for _, a := range at {
		for _, b := range at {
			d = append(d, math.Abs(a-b))
		}
	}
	return d
}

func TestHDBSCANByHand(t *testing.T) {
	inf := math.Inf(1)
	two := line(0, 1, 2, 50, 51, 52)
	cases := []struct {
		name string
		dist []float64
		o    HDBSCANOptions
		want []int
	}{
		{"two groups", two, HDBSCANOptions{2, 2, 0}, []int{0, 0, 0, 1, 1, 1}},
		{"two groups, root allowed", two, HDBSCANOptions{2, 2, inf}, []int{0, 0, 0, 1, 1, 1}},
		{"groups too small", two, HDBSCANOptions{4, 2, 0}, []int{-1, -1, -1, -1, -1, -1}},
		{"only the root is large enough", two, HDBSCANOptions{4, 2, inf}, []int{0, 0, 0, 0, 0, 0}},
		{"members are joined at the root's distance", line(0, 1, 2, 3, 40), HDBSCANOptions{3, 2, 5}, []int{0, 0, 0, 0, -1}},
		{"no point is joined at the root's distance", line(0, 10, 20, 30), HDBSCANOptions{3, 2, 5}, []int{-1, -1, -1, -1}},
		{"equal distances", []float64{0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0}, HDBSCANOptions{2, 2, inf}, []int{0, 0, 0, 0}},
		{"equal points", make([]float64, 16), HDBSCANOptions{2, 2, inf}, []int{0, 0, 0, 0}},
		{"fewer points than a cluster", line(0, 1), HDBSCANOptions{3, 3, inf}, []int{-1, -1}},
		{"fewer points than neighbours", line(0, 1, 2), HDBSCANOptions{2, 9, inf}, []int{0, 0, 0}},
		{"no points", nil, HDBSCANOptions{2, 2, 0}, []int{}},
	}
	for _, c := range cases {
		n := int(math.Sqrt(float64(len(c.dist))))
		if got := HDBSCAN(c.dist, n, c.o); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
