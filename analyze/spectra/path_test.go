package spectra

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The path against numpy on the dense products.
func TestPathNumpy(t *testing.T) {
	g := readGoldens(t).Path
	var names []string
	var series []*Update
	for i := range g.Series {
		names, series = append(names, fmt.Sprint("t", i)), append(series, g.Series[i].decompose(t))
	}
	got := map[string]float64{}
	for _, v := range Path(names, series, 5, "v_proj") {
		if v.Layer != 5 || v.Module != "v_proj" || v.Head != Whole || v.Im != 0 {
			t.Errorf("unexpected row %+v", v)
		}
		got[v.Variant+" "+v.Quantity] = v.Re
	}
	check := func(quantity string, want []float64, first int, tol float64) {
		for i, w := range want {
			key := fmt.Sprintf("t%d %s", first+i, quantity)
			v, ok := got[key]
			if !ok {
				t.Errorf("no %s", key)
			}
			near(t, key, v, w, tol)
		}
	}
	check("path_cos_final", g.CosFinal, 0, 1e-13)
	check("path_cos_previous", g.CosPrevious, 1, 1e-13)
	check("path_step_norm", g.StepNorm, 1, 1e-11)
	check("path_step_cos", g.StepCos, 1, 1e-12)
	last := fmt.Sprint("t", len(series)-1)
	for _, side := range []string{Left, Right} {
		near(t, "final angle", got[last+" path_angle_"+side], 0, 1e-13)
		near(t, "final phi", got[last+" path_phi_"+side], 1, 1e-13)
	}
	for _, key := range []string{"t0 path_cos_previous", "t0 path_step_cos", last + " path_step_cos"} {
		if v, ok := got[key]; ok {
			t.Errorf("%s is %v, and not defined", key, v)
		}
	}
}

// Training starts with B = 0: what is not defined there is left out.
func TestPathFromZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	zero := randomFactors(rng, 9, 9, 2)
	one := *zero
	zero.B = make([]float32, len(zero.B))
	var series []*Update
	for _, f := range []*Factors{zero, &one} {
		u, err := Decompose(f, true)
		if err != nil {
			t.Fatal(err)
		}
		series = append(series, u)
	}
	rows := Path([]string{"zero", "one"}, series, 0, "v_proj")
	for _, v := range rows {
		if v.Variant == "zero" || math.IsNaN(v.Re) || v.Quantity == "path_cos_previous" {
			t.Errorf("row %+v is not defined", v)
		}
	}
	if len(rows) != 6 { // cos_final, step_norm, two angles, two phi of the last with itself
		t.Errorf("%d rows: %+v", len(rows), rows)
	}
	all := Path([]string{"a", "b", "c"}, []*Update{series[0], series[0], series[1]}, 0, "v_proj")
	for _, v := range all {
		if v.Quantity == "path_step_cos" {
			t.Errorf("the cosine with a step of length 0 is %v", v.Re)
		}
	}
}
