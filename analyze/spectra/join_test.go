package spectra

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// joinCases is testdata/join.json, made by make_join.py with numpy 2.4.6 and scipy
// 1.17.1.
func joinCases(t *testing.T) []struct {
	Name  string
	X     []float64
	Track []float64
	XRest []float64 `json:"x_rest"`
	YRest []float64 `json:"y_rest"`
	Rho   []float64
	P     float64
} {
	data, err := os.ReadFile("testdata/join.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Cases []struct {
			Name  string
			X     []float64
			Track []float64
			XRest []float64 `json:"x_rest"`
			YRest []float64 `json:"y_rest"`
			Rho   []float64
			P     float64
		}
	}
	if err := json.Unmarshal(data, &f); err != nil || len(f.Cases) == 0 {
		t.Fatalf("%d cases: %v", len(f.Cases), err)
	}
	return f.Cases
}

// norms are the rows of a covariate of one module, blocks from 0.
func norms(adapter, module string, x []float64) []Value {
	var rows []Value
	for l, v := range x {
		rows = append(rows, Value{adapter, l, module, Whole, "delta_norm", 0, v, 0})
	}
	return rows
}

func firstBlocks(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestJoinsAgainstScipy(t *testing.T) {
	for _, c := range joinCases(t) {
		n := len(c.X)
		joins := Joins(norms("a", "v_proj", c.X), firstBlocks(n), []Track{{"a", "drift", "default", c.Track}})
		if len(joins) != 1 {
			t.Fatalf("%s: %d joins", c.Name, len(joins))
		}
		j := joins[0]
		if math.Abs(j.Rho-c.Rho[0]) > 1e-9 || math.Abs(j.P-c.P) > 1e-12 || j.Shifts != n || j.PMax != j.P || j.PHolm != j.P {
			t.Errorf("%s: rho %v, p %v (%v, %v) over %d shifts, want %v, %v", c.Name, j.Rho, j.P, j.PMax, j.PHolm, j.Shifts, c.Rho[0], c.P)
		}
		trend := newTrend(n)
		var x, y []float64
		for i, p := range j.Points {
			if p.Layer != i || p.X != c.X[i] || p.Y != c.Track[i+1]-c.Track[i] || math.Abs(p.XRest-c.XRest[i]) > 1e-8 || math.Abs(p.YRest-c.YRest[i]) > 1e-8 {
				t.Errorf("%s: point %d is %+v, want rests %v, %v", c.Name, i, p, c.XRest[i], c.YRest[i])
			}
			x, y = append(x, p.XRest), append(y, p.YRest)
		}
		for s, rho := range shiftedRho(x, y, trend) {
			if math.Abs(rho-c.Rho[s]) > 1e-9 {
				t.Errorf("%s: shifted by %d rho is %v, want %v", c.Name, s, rho, c.Rho[s])
			}
		}
	}
}

// noise is an autoregressive series of variance 1 with a trend; kind 0 is none, 1 a
// random parabola, 2 a bend at the end, 3 the first and last block far off.
func noise(r *rand.Rand, n int, phi float64, kind int) []float64 {
	x := make([]float64, n)
	v := r.NormFloat64()
	a, b := 3*r.NormFloat64(), 3*r.NormFloat64()
	for i := range x {
		t := 2*float64(i)/float64(n-1) - 1
		x[i] = v
		switch kind {
		case 1:
			x[i] += a*t + b*t*t
		case 2:
			x[i] += 4 * math.Exp(2*(t-1)) * math.Copysign(1, a)
		case 3:
			if i == 0 || i == n-1 {
				x[i] += 10
			}
		}
		v = phi*v + math.Sqrt(1-phi*phi)*r.NormFloat64()
	}
	return x
}

// simulated is the share of draws with P <= 0.05, where a share b of the noise is
// common to both series.
func simulated(r *rand.Rand, draws, n int, phi, b float64, kind int) float64 {
	low := 0
	for range draws {
		x, own, trend := noise(r, n, phi, 0), noise(r, n, phi, 0), noise(r, n, phi, kind)
		track := make([]float64, n+1)
		for i := range x {
			y := b*x[i] + math.Sqrt(1-b*b)*own[i]
			if kind > 0 {
				y += trend[i]
			}
			track[i+1] = track[i] + y
		}
		if kind > 0 {
			other := noise(r, n, phi, kind)
			for i := range x {
				x[i] += other[i]
			}
		}
		joins := Joins(norms("a", "v_proj", x), firstBlocks(n), []Track{{"a", "drift", "default", track}})
		if joins[0].P <= 0.05 {
			low++
		}
	}
	return float64(low) / float64(draws)
}

// Two series that have nothing to do with each other, smooth and with trends, are
// called related at 0.05 hardly more often than that: 30 blocks allow 1/30. With 1000
// draws a case, the shares were 0.021 to 0.050.
func TestJoinsFalsePositives(t *testing.T) {
	const draws = 300
	r := rand.New(rand.NewPCG(3, 5))
	for _, phi := range []float64{0, 0.5, 0.8, 0.9} {
		for kind := range 4 {
			got := simulated(r, draws, 30, phi, 0, kind)
			t.Logf("30 blocks, autocorrelation %g, trend %d: %.3f", phi, kind, got)
			if got > 0.08 { // 0.05 and 2.4 standard errors
				t.Errorf("30 blocks, autocorrelation %g, trend %d: p <= 0.05 in %.3f of cases", phi, kind, got)
			}
		}
	}
}

// The same series are called related far too often by the plain test, for which
// |rho| > 0.361 is p < 0.05 at 30 blocks: they are hard enough.
func TestPlainRhoFindsTooMuch(t *testing.T) {
	const draws = 300
	r := rand.New(rand.NewPCG(3, 5))
	for _, c := range []struct {
		phi   float64
		kind  int
		least float64
	}{{0.8, 0, 0.2}, {0.5, 1, 0.4}, {0, 3, 0.08}} {
		found := 0
		for range draws {
			if math.Abs(pearson(ranks(noise(r, 30, c.phi, c.kind)), ranks(noise(r, 30, c.phi, c.kind)))) > 0.361 {
				found++
			}
		}
		t.Logf("autocorrelation %g, trend %d: %.2f", c.phi, c.kind, float64(found)/draws)
		if got := float64(found) / draws; got < c.least {
			t.Errorf("autocorrelation %g, trend %d: only %.3f", c.phi, c.kind, got)
		}
	}
}

// A planted relation is found.
func TestJoinsPower(t *testing.T) {
	const draws = 200
	r := rand.New(rand.NewPCG(3, 7))
	for _, c := range []struct {
		n             int
		phi, b, least float64
	}{{30, 0, 0.8, 0.9}, {30, 0.5, 0.8, 0.85}, {30, 0, 0.6, 0.5}, {30, 0.8, 0.6, 0.3}} {
		got := simulated(r, draws, c.n, c.phi, c.b, 0)
		t.Logf("%d blocks, autocorrelation %g, correlation %g: %.2f", c.n, c.phi, c.b, got)
		if got < c.least {
			t.Errorf("%d blocks, autocorrelation %g, correlation %g: found in %.2f of cases, want %g", c.n, c.phi, c.b, got, c.least)
		}
	}
}

// Among many pairs that have nothing to do with each other one of them has p <= 0.05
// nearly always, and PMax <= 0.05 about as rarely as it says. The targets of a run are
// alike, as these are.
func TestJoinsFamily(t *testing.T) {
	const draws = 200
	r := rand.New(rand.NewPCG(3, 9))
	var one, family float64
	for range draws {
		values := append(norms("a", "q_proj", noise(r, 30, 0.5, 1)), norms("a", "v_proj", noise(r, 30, 0.5, 1))...)
		common := noise(r, 31, 0.9, 1)
		var tracks []Track
		for k := range 10 {
			at := noise(r, 31, 0.9, 0)
			for i := range at {
				at[i] += common[i]
			}
			tracks = append(tracks, Track{"a", fmt.Sprint(k), "default", at})
		}
		p, most := 1.0, 1.0
		for _, j := range Joins(values, firstBlocks(30), tracks) {
			p, most = min(p, j.P), min(most, j.PMax)
		}
		if p <= 0.05 {
			one += 1. / draws
		}
		if most <= 0.05 {
			family += 1. / draws
		}
	}
	t.Logf("one of 30 pairs has p <= 0.05 in %.3f, PMax <= 0.05 in %.3f of cases", one, family)
	if one < 0.3 || family > 0.08 {
		t.Errorf("one of 30 pairs has p <= 0.05 in %.3f, PMax <= 0.05 in %.3f of cases", one, family)
	}
}

// By hand: three joins of 20 shifts. With p of 1, 2 and 4 twentieths, Holm gives 3,
// 4 and 4; the largest at each shift is that of the first but where a later one
// passes it.
func TestCorrect(t *testing.T) {
	make20 := func(first float64, above int) joined {
		shifted := make([]float64, 20)
		shifted[0] = first
		for i := 1; i <= above; i++ {
			shifted[i] = first + 0.01
		}
		return joined{Join{Adapter: "a", Points: []JoinPoint{{}}, Rho: -first, P: float64(1+above) / 20, Shifts: 20}, shifted}
	}
	joins := []joined{make20(0.9, 0), make20(0.5, 3), make20(0.95, 1)}
	correct(joins)
	for i, want := range [][2]float64{{2. / 20, 3. / 20}, {4. / 20, 4. / 20}, {2. / 20, 4. / 20}} {
		if got := joins[i]; math.Abs(got.PMax-want[0]) > 1e-12 || math.Abs(got.PHolm-want[1]) > 1e-12 {
			t.Errorf("join %d: %v, %v, want %v", i, got.PMax, got.PHolm, want)
		}
	}
}

// What is unknown in the middle leaves the longer side, what is too short or the
// same everywhere nothing.
func TestJoinsLeaveOut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x, track := noise(r, 30, 0, 0), noise(r, 31, 0, 0)
	track[12] = math.NaN() // blocks 11 and 12
	joins := Joins(norms("a", "v_proj", x), firstBlocks(30), []Track{{"a", "drift", "default", track}, {"b", "drift", "default", track}})
	if len(joins) != 1 || len(joins[0].Points) != 17 || joins[0].Points[0].Layer != 13 || joins[0].Shifts != 17 {
		t.Fatalf("%+v", joins)
	}
	for name, got := range map[string][]Join{
		"nine blocks":       Joins(norms("a", "v_proj", x[:9]), firstBlocks(9), []Track{{"a", "drift", "default", track[13:23]}}),
		"no blocks":         Joins(nil, nil, []Track{{"a", "drift", "default", nil}}),
		"a constant change": Joins(norms("a", "v_proj", make([]float64, 30)), firstBlocks(30), []Track{{"a", "drift", "default", noise(r, 31, 0, 0)}}),
		"a cubic":           Joins(norms("a", "v_proj", x), firstBlocks(30), []Track{{"a", "drift", "default", squares(31)}}),
	} {
		if len(got) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// squares grow by more at every block: their increments are a line in depth.
func squares(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i * i)
	}
	return x
}

// By hand: the covariates of an adapter that changes q_proj and v_proj of blocks 0
// and 2 of three, with two heads.
func TestCovariates(t *testing.T) {
	row := func(variant string, layer int, module string, head int, quantity string, index int, re, im float64) Value {
		return Value{variant, layer, module, head, quantity, index, re, im}
	}
	values := []Value{
		row("a", NoBlock, "lm_head", Whole, "delta_norm", 0, 99, 0),
		row("a", 0, "q_proj", Whole, "delta_norm", 0, 1, 0), row("a", 2, "v_proj", Whole, "delta_norm", 0, 4, 0),
		row("a", 0, "v_proj", Whole, "delta_norm", 0, 2, 0), row("a", 0, "v_proj", Whole, "effective_norm", 0, 3, 0), // DoRA
		row("other", 1, "v_proj", Whole, "delta_norm", 0, 99, 0),
		row("a", 0, "v_proj", Whole, "lora_sv", 0, 7, 0), row("a", 0, "v_proj", Whole, "lora_sv", 1, 6, 0),
		row("a", 2, "q_proj", Whole, "intruders", 0, 1, 0), row("a", 2, "q_proj", Whole, "intruders", 1, 3, 0),
		row(Base, 0, "attn", 0, "ov_leading", 0, 2, 5), row(Base, 0, "attn", 1, "ov_leading", 0, 3, 0),
		row(Base, 1, "attn", 0, "ov_leading", 0, 2, 0), row(Base, 1, "attn", 1, "ov_leading", 0, 3, 0),
		row("a", 0, "attn", 1, "ov_leading", 0, 2.5, 1), row("a", 0, "attn", 0, "ov_leading", 0, 2.25, 0),
		row("a", 2, "attn", 0, "ov_leading", 0, 1, 0), // and the base's is missing
	}
	want := map[string]string{
		"delta_norm q_proj":        "[1 0 0]",
		"delta_norm v_proj":        "[3 0 0]", // the effective one, which only block 0 has
		"delta_norm all":           "[4 0 0]",
		"delta_sigma1 v_proj":      "[7 0 0]",
		"intruders q_proj":         "[0 0 4]",
		"ov_eigenvalue_shift attn": "[0.75 0 NaN]",
	}
	got := covariatesOf(values, []int{0, 1, 2}, "a")
	for _, s := range got {
		if text := fmt.Sprint([]float64{s.at[0], s.at[1], s.at[2]}); text != want[s.name] {
			t.Errorf("%s is %s, want %q", s.name, text, want[s.name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d covariates, want %d", len(got), len(want))
	}
}

func TestRanks(t *testing.T) {
	if got := ranks([]float64{3, -1, 3, 7, 3, 0.1 + 0.2 - 0.3, 0}); !slices.Equal(got, []float64{5, 1, 5, 7, 5, 2.5, 2.5}) {
		t.Errorf("%v", got)
	}
	if got := pearson([]float64{1, 2, 3}, []float64{1, 3, 2}); math.Abs(got-0.5) > 1e-15 {
		t.Errorf("%v", got) // 1/2 by hand
	}
}
