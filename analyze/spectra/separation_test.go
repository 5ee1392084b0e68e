package spectra

import (
	"math"
	"testing"
)

// By hand: a head is led by one eigenvalue only where that is real, positive and
// alone in front by one part in a hundred.
func TestSeparations(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second complex128
		gap           float64 // NaN: not dominant
	}{
		{"real and ahead", 2, -1.5, 0.5},
		{"before a pair", 2, 0.9 + 1.2i, 0.5},
		{"a pair", 1 + 1i, 1 - 1i, math.NaN()},
		{"negative", -2, 1, math.NaN()},
		{"hardly ahead", 2, 1.99, math.NaN()},
		{"by just enough", 2, 1.97, 0.03},
		{"zero", 0, 0, math.NaN()},
		{"one dimension", 3, 0, 3},
	} {
		rows := []Value{{"a", 3, "attn", 1, "ov_eig", 0, real(c.first), imag(c.first)}, {"a", 3, "attn", 1, "ov_eig", 1, real(c.second), imag(c.second)},
			{"a", 3, "attn", 1, "ov_eig", 2, 9, 9}, {"a", 3, "attn", 1, "ov_sv", 0, 9, 9}}
		if c.name == "one dimension" {
			rows = rows[:1]
		}
		list := Separations(rows)
		if len(list) != 1 || list[0].Variant != "a" || list[0].Layer != 3 || list[0].Head != 1 {
			t.Fatalf("%s: %+v", c.name, list)
		}
		gap, time := list[0].Gap(), list[0].Time(0.5)
		if math.IsNaN(c.gap) != math.IsNaN(gap) || math.Abs(gap-c.gap) > 1e-12 || math.Abs(time-0.5/c.gap) > 1e-9 || math.IsNaN(time) != math.IsNaN(gap) {
			t.Errorf("%s: gap %v, time %v, want %v", c.name, gap, time, c.gap)
		}
	}
	if got := Separations([]Value{{Quantity: "v_eig", Index: 1, Re: 1}}); len(got) != 0 {
		t.Errorf("a second eigenvalue alone gives %+v", got)
	}
}

func TestLeaves(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		places      []Agreement
		first, sure int
	}{
		{nil, -1, -1},
		{[]Agreement{{"0", 1, 1, 1}, {"1", 0.89, 0.8, 0.95}, {"2", 0.92, 0.9, 0.95}, {"3", 0.8, 0.7, 0.89}}, 1, 3},
		{[]Agreement{{"0", 1, nan, nan}, {"1", 0.5, nan, nan}}, 1, -1},
		{[]Agreement{{"0", 0.9, 0.85, 0.95}}, -1, -1},
	} {
		if first, sure := Leaves(c.places); first != c.first || sure != c.sure {
			t.Errorf("%v: %d, %d, want %d, %d", c.places, first, sure, c.first, c.sure)
		}
	}
}
