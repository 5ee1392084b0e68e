package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answered is what bound --json prints.
type answered struct {
	Bounds []struct {
		Bound, Status string
		Holds         bool `json:"assumptions_hold"`
		Values        []struct {
			Name  string
			Value *float64
		}
	}
}

func ask(t *testing.T, args ...string) answered {
	t.Helper()
	var a answered
	if err := json.Unmarshal([]byte(cli(t, append([]string{"bound", "--json"}, args...)...).fine(t).out), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a answered) value(t *testing.T, k int, name string) float64 {
	t.Helper()
	for _, v := range a.Bounds[k].Values {
		if v.Name == name {
			if v.Value == nil {
				return math.NaN()
			}
			return *v.Value
		}
	}
	t.Fatalf("%s has no %s", a.Bounds[k].Bound, name)
	return 0
}

// Every preset of every bound answers, and says of its assumptions what they
// are made to show.
func TestBoundPresets(t *testing.T) {
	fails := map[string]bool{"no-switch": true, "large": true}
	for _, b := range bounds() {
		for name := range b.presets {
			a := ask(t, b.name, "--preset", name)
			if a.Bounds[0].Holds == fails[name] {
				t.Errorf("%s %s: assumptions hold %v", b.name, name, a.Bounds[0].Holds)
			}
			if o := cli(t, "bound", b.name, "--preset", name).fine(t); !strings.Contains(o.out, b.name+" (") {
				t.Errorf("%s %s prints %q", b.name, name, o.out)
			}
		}
	}
}

// SCIENCE section 2.3: seed 42 has r* = 0.33954, eps T = 0.54008, and is
// measured at 53.4 for eps = .01.
func TestBoundSecondCluster(t *testing.T) {
	a := ask(t, "second-cluster", "--preset", "time-bifurcation")
	for _, c := range []struct {
		name      string
		want, tol float64
	}{{"r_star", 0.33954, 1e-4}, {"eps_T", 0.54008, 1e-4}, {"measured", 53.4, 1e-6}, {"bifurcation", 53.4, 0.02 * 53.4}, {"plateau", 53.4, 0.3}} {
		if got := a.value(t, 0, c.name); math.Abs(got-c.want) > c.tol {
			t.Errorf("%s = %g, want %g", c.name, got, c.want)
		}
	}
	if a.Bounds[0].Status != "derived" {
		t.Errorf("status %s", a.Bounds[0].Status)
	}
}

// The bound holds in the run that is set beside it.
func TestBoundShortTime(t *testing.T) {
	for _, preset := range []string{"raw", "sphere"} {
		a := ask(t, "shorttime", "--preset", preset)
		for _, at := range []string{"0.1", "0.5", "1"} {
			if m, b := a.value(t, 0, "measured(t="+at+")"), a.value(t, 0, "bound(t="+at+")"); !(m > 0 && m <= b) {
				t.Errorf("%s t = %s: measured %g, bound %g", preset, at, m, b)
			}
		}
	}
}

func TestBoundRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(dir, "in.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ bound, text, want string }{
		{"spectral", `{"V": [[1, 2], [0, 1]], "lora": {"V": [[1, 2], [0, 1]]}}`, "this one is not"},
		{"spectral", `{"V": [[1, 0], [0, 1]]}`, "missing lora.V"},
		{"spectral", `{"V": [[1, 0], [0]], "lora": {"V": [[1, 0], [0, 1]]}}`, "V[1]: 1 numbers where 2 are meant"},
		{"second-cluster", `{"eps": 2}`, "eps: 2 is not between 0 and 1"},
		{"second-cluster", `{"eps": 0.1, "delta": -1}`, "delta: -1 is not above 0"},
		{"consensus", `{"lora": {"V": [[1, 0], [0, 0.5]]}, "c": [1]}`, "c: 1 numbers where V has 2 rows"},
		{"norm-transition", `{"L": 0, "r": 1, "d": 2}`, "sizes L, r, d: 0, 1, 2"},
		{"shorttime", `{"dynamics": "rescaled", "x0": [[1]], "Q": [[1]], "K": [[1]], "V": [[1]], "lora": {"V": [[2]]}, "T": 1, "dt": 0.1}`, "raw and sphere_softmax, not rescaled"},
	} {
		cli(t, "bound", c.bound, file(c.text)).refused(t, exitInput, "in.json", c.want)
	}
	cli(t, "bound", "nothing", "--preset", "x").refused(t, exitInput, `bound "nothing" is not one of shorttime`)
	cli(t, "bound", "spectral").refused(t, exitInput, "give one of FILE.json and --preset")
	cli(t, "bound", "spectral", "--preset", "x").refused(t, exitInput, `--preset "x" is not one of`)
}
