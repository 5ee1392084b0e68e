package report

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   []string
	}{
		{0, 1, []string{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{-0.05, 1.05, []string{"0", "0.5", "1.0"}},
		{0, 31.5, []string{"0", "10", "20", "30"}},
		{12, 23500, []string{"5000", "10000", "15000", "20000"}},
		{-0.003, 0.012, []string{"0", "0.005", "0.010"}},
		{1e-7, 4e-7, []string{"1e-07", "2e-07", "3e-07", "4e-07"}},
	} {
		if _, got := ticks(c.lo, c.hi, 5); cmp.Diff(c.want, got) != "" {
			t.Errorf("ticks(%g, %g) = %q, want %q", c.lo, c.hi, got, c.want)
		}
	}
}

// A domain holds its data, has no width of zero, and begins at zero where the
// data are near it and not below.
func TestDomain(t *testing.T) {
	for _, c := range []struct{ lo, hi, from, to float64 }{
		{0.1, 0.7, 0, 0.73}, {0.5, 0.7, 0.49, 0.71}, {-1, 1, -1.1, 1.1}, {0, 0, -0.1, 0.1}, {5, 5, 4.5, 5.5},
	} {
		from, to := domain(c.lo, c.hi)
		if math.Abs(from-c.from) > 1e-12 || math.Abs(to-c.to) > 1e-12 {
			t.Errorf("domain(%g, %g) = %g, %g, want %g, %g", c.lo, c.hi, from, to, c.from, c.to)
		}
	}
}

func TestShade(t *testing.T) {
	for _, c := range []struct {
		v      float64
		signed bool
		want   string
	}{
		{0, false, ""}, {1e-6, false, "q1"}, {0.05, false, "q5"}, {0.2, false, "q9"}, {1, false, "q9"},
		{0, true, ""}, {1e-6, true, ""}, {0.05, true, "p5"}, {-0.05, true, "n5"}, {-1, true, "n5"}, {0.002, true, "p1"},
	} {
		if got := shade(c.v, c.signed); got != c.want {
			t.Errorf("shade(%g, %t) = %q, want %q", c.v, c.signed, got, c.want)
		}
	}
}

// Twenty-four adapters have different looks; then they repeat.
func TestSeriesClassesDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 25 {
		c := seriesClass(i)
		if first, ok := seen[c]; ok {
			t.Errorf("variants %d and %d both look like %q", first, i, c)
		}
		seen[c] = i
	}
}

func TestAxisOrder(t *testing.T) {
	a := newAxis("resid", map[string]bool{"10": true, "2": true, "0": true, "10-raw": true})
	if diff := cmp.Diff([]string{"0", "2", "10", "10-raw"}, a.layers); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	for i, want := range []string{"at the embeddings", "at layer 2", "after the final norm", "before the final norm"} {
		if got := a.place(i); got != want {
			t.Errorf("place(%d) = %q, want %q", i, got, want)
		}
	}
	if a.position(3) <= a.position(2) {
		t.Error("L-raw does not stand beside L, but on it")
	}
}

// Ranges that floats cannot be divided in, as a hostile table may ask for, end.
func TestTicksOfNoRange(t *testing.T) {
	for _, r := range [][2]float64{{0, 5e-324}, {-1e308, 1e308}, {1e300, 1e300 * (1 + 1e-16)}, {3, 3}} {
		if values, labels := ticks(r[0], r[1], 5); len(values) > 12 || len(values) != len(labels) {
			t.Errorf("%v has %d ticks", r, len(values))
		}
	}
}
