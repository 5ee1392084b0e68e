package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/internal/testmodel"
)

// table reads a CSV file as maps from its header.
func table(t *testing.T, dir, name string) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(string(readFile(t, dir, name)))).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", name, len(rows), err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, key := range rows[0] {
			m[key] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// float is a cell as a number.
func float(t *testing.T, cell string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// writtenTrajectory is what trajectory.json holds, as a script would read it.
type writtenTrajectory struct {
	Times    []float64
	X        [][][]float64
	Clusters struct {
		Counts [][]int
		Final  []int
		Labels []int
	}
	Metrics  map[string][]*float64
	BlewUpAt *float64 `json:"blew_up_at"`
	LoRA     *struct{ X [][][]float64 }
}

func readTrajectory(t *testing.T, dir string) writtenTrajectory {
	t.Helper()
	var tr writtenTrajectory
	if err := json.Unmarshal(readFile(t, dir, "trajectory.json"), &tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

// The files of the goldens are simulations as they are. Theirs of the sphere is
// compared at its own times, which are among ours, and its cosine with ours.
func TestSimulateGolden(t *testing.T) {
	path := filepath.Join(testmodel.Fixtures(t), "..", "reference", "goldens", "sphere_causal_n6d3.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	var golden struct {
		Euler, Exact struct {
			Times []float64
			X     [][][]float64
		}
		Final struct {
			Cosine float64 `json:"mean_pairwise_cosine_incl_diag"`
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flag []string
		want [][][]float64
		tol  float64
	}{{nil, golden.Exact.X, 1e-7}, {[]string{"--integrator", "euler"}, golden.Euler.X, 1e-10}} {
		out := t.TempDir()
		cli(t, append([]string{"simulate", path, "--out", out}, c.flag...)...).fine(t)
		tr := readTrajectory(t, out)
		for k, at := range golden.Exact.Times {
			l := int(math.Round(at / 0.05)) // its dt
			if off := farApart(tr.X[l], c.want[k]); off > c.tol {
				t.Errorf("%v t = %g: %g from the golden", c.flag, at, off)
			}
		}
		last := *tr.Metrics["mean_pairwise_cosine_incl_diag"][len(tr.Times)-1]
		if c.flag == nil && math.Abs(last-golden.Final.Cosine) > 1e-7 {
			t.Errorf("last mean cosine %g, golden %g", last, golden.Final.Cosine)
		}
		if len(tr.Times) != 161 || len(tr.Clusters.Counts) != 161 || len(tr.Clusters.Labels) != 6 {
			t.Errorf("%d times, %d counts, %d labels", len(tr.Times), len(tr.Clusters.Counts), len(tr.Clusters.Labels))
		}
		for _, name := range []string{"report.html", "figures/particles.svg", "figures/cosine.svg", "simulation.json"} {
			if _, err := os.Stat(filepath.Join(out, name)); err != nil {
				t.Error(err)
			}
		}
	}
}

func farApart(x, y [][]float64) float64 {
	var most float64
	for i, row := range x {
		for k, v := range row {
			most = math.Max(most, math.Abs(v-y[i][k]))
		}
	}
	return most
}

// One V for the base and one for the adapter: two runs from the same tokens.
func TestSimulateFileWithLoRA(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "two.json")
	text := `{"dynamics": "rescaled", "seed": 42, "n": 20, "d": 2, "Q": [[1,0],[0,1]], "K": [[1,0],[0,1]], "V": [[1,0],[0,1]],
		"lora": {"V": [[1,0],[0,0.9]]}, "T": 20, "dt": 0.1, "integrator": "euler"}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := cli(t, "simulate", path, "--out", out, "--json").fine(t).object(t)
	if o["report"] != filepath.Join(out, "report.html") {
		t.Errorf("report %v", o["report"])
	}
	tr := readTrajectory(t, out)
	if farApart(tr.X[0], tr.LoRA.X[0]) != 0 || farApart(tr.X[200], tr.LoRA.X[200]) < 0.1 {
		t.Error("the runs do not begin together and end apart")
	}
	before := snapshot(t, out)
	cli(t, "simulate", path, "--out", out).fine(t) // the same again
	sameFiles(t, "the same command", snapshot(t, out), before, "simulation.json")
	cli(t, "simulate", "--preset", "degenerate", "--out", out).refused(t, exitInput, "holds other results", "--fresh")
	cli(t, "simulate", "--preset", "degenerate", "--out", out, "--fresh").fine(t)
}

// Published numbers in compat mode, SCIENCE section 3.2; 0 is not found.
func TestSimulateTimeBifurcation(t *testing.T) {
	out := t.TempDir()
	cli(t, "simulate", "--preset", "time-bifurcation", "--paper-compat", "--out", out).fine(t)
	want := [][3]string{{"0.1", "5.2", "5.7"}, {"0.15", "8.7", "0"}, {"0.2", "6.5", "0"}, {"0.25", "6", "0"}, {"0.3", "5.8", "0"}}
	rows := table(t, out, "results.csv")
	for i, w := range want {
		if got := [3]string{rows[i]["eps"], rows[i]["cluster_time"], rows[i]["bifurcation_time"]}; got != w {
			t.Errorf("row %v, published %v", got, w)
		}
	}
	if page := string(readFile(t, out, "report.html")); !strings.Contains(page, "artefacts") {
		t.Error("the page does not say that the numbers have artefacts")
	}
	fresh := t.TempDir()
	cli(t, "simulate", "--preset", "time-bifurcation", "--out", fresh).fine(t)
	if row := table(t, fresh, "results.csv")[1]; row["cluster_time"] != "8.6" || row["bifurcation_time"] != "" {
		t.Errorf("without artefacts: %v", row)
	}
}

// The phase diagram's first point without its overflow, SCIENCE section 5.
func TestSimulatePhaseDiagram(t *testing.T) {
	out := t.TempDir()
	cli(t, "simulate", "--preset", "phase-diagram", "--out", out, "--quiet").fine(t)
	rows := table(t, out, "results.csv")
	if len(rows) != 28 || rows[0]["bifurcation_time"] != "539.5" || rows[27]["bifurcation_time"] != "6.1" || rows[27]["cluster_time"] != "4" {
		t.Errorf("%d rows, first %v, last %v", len(rows), rows[0], rows[27])
	}
	for _, r := range rows {
		if off := float(t, r["measured_minus_plateau_and_escape"]); math.Abs(off) > 0.3 {
			t.Errorf("eps %s: %g from the plateau prediction", r["eps"], off)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "figures", "phase-diagram.svg")); err != nil {
		t.Error(err)
	}
}

// Every preset runs and leaves a table, a page and figures.
func TestSimulatePresets(t *testing.T) {
	want := map[string][2]string{"v-finetune": {"5", "2"}, "polytope": {"5", ""}, "rank-one": {"2", ""}, "degenerate": {"1", ""},
		"hyperplanes": {"2", ""}, "lora-new-clusters": {"2", "5"}, "lora": {"2", "2"}} // base and adapted at tolerance 0.1, seed 0
	for _, name := range presetNames() {
		out := t.TempDir()
		args := []string{"simulate", "--preset", name, "--out", out, "--quiet"}
		switch name {
		case "time-bifurcation", "phase-diagram": // tests of their own
			continue
		case "tightness", "norm-transition":
			if testing.Short() {
				continue
			}
			args = append(args, "--seeds", "1")
		}
		cli(t, args...).fine(t)
		rows := table(t, out, "results.csv")
		if w, ok := want[name]; ok {
			for _, r := range rows {
				if r["which"] == "base" && r["clusters_tol_0.1"] != w[0] || r["which"] == "lora" && r["clusters_tol_0.1"] != w[1] {
					t.Errorf("%s: %v", name, r)
				}
			}
		}
		if figures, err := filepath.Glob(filepath.Join(out, "figures", "*.svg")); err != nil || len(figures) == 0 {
			t.Errorf("%s: %d figures, %v", name, len(figures), err)
		}
	}
}

// The formula of the drift and the particles, SCIENCE section 2.4.
func TestSimulateConsensusDrift(t *testing.T) {
	out := t.TempDir()
	cli(t, "simulate", "--preset", "consensus-drift", "--out", out).fine(t)
	rows := table(t, out, "results.csv")
	if len(rows) != 24 {
		t.Errorf("%d rows, want 24", len(rows))
	}
	for _, r := range rows {
		if off := float(t, r["T_star"]) - float(t, r["T_measured"]); math.Abs(off) > 1e-6 {
			t.Errorf("%v: %g apart", r, off)
		}
	}
}

func TestSimulateRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(dir, "bad.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const rest = `"Q": [[1]], "K": [[1]], "V": [[1]], "T": 1`
	for _, c := range []struct{ text, want string }{
		{`{`, "not a JSON object"},
		{`{"dynamics": "orbit", "x0": [[1]], "dt": 1, ` + rest + `}`, `dynamics: "orbit" is not one of raw`},
		{`{"dynamics": "raw", "x0": [[1]], "dt": 0, ` + rest + `}`, "dt: 0 is not above 0"},
		{`{"dynamics": "raw", "x0": [[1]], "dt": -0.1, ` + rest + `}`, "dt: -0.1 is not above 0"},
		{`{"dynamics": "raw", "x0": [[1]], "dt": 1e-9, ` + rest + `}`, "steps T/dt: 1e+09 are more than 5000000"},
		{`{"dynamics": "raw", "x0": [[1, 2]], "dt": 1, ` + rest + `}`, "Q[0]: 1 numbers where 2 are meant"},
		{`{"dynamics": "raw", "n": 3, "x0": [[1]], "dt": 1, ` + rest + `}`, "x0: 1 tokens where n is 3"},
		{`{"dynamics": "raw", "x0": [["a"]], "dt": 1, ` + rest + `}`, "x0.0.0: string where float64 is meant"},
		{`{"dynamics": "raw", "x0": [[1e999]], "dt": 1, ` + rest + `}`, "x0.0.0: number 1e999 where float64 is meant"},
		{`{"dynamics": "sphere_softmax", "x0": [[1], [0]], "dt": 1, ` + rest + `}`, "x0[1] is zero, which has no direction"},
		{`{"dynamics": "discrete", "x0": [[1]], "dt": 1, ` + rest + `}`, "missing L: discrete needs its number of steps"},
		{`{"dynamics": "raw", "x0": [[1]], "dt": 1, "V": [[1]], "T": 1}`, "missing Q"},
		{`{"dynamics": "raw", "dt": 1, ` + rest + `}`, "missing x0"},
		{`{"dynamics": "sphere_softmax", "x0": [], "dt": 1, ` + rest + `}`, "x0: no tokens"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		cli(t, "simulate", file(c.text), "--out", out).refused(t, exitInput, "bad.json", c.want)
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: an output folder was made", c.want)
		}
	}
	out := filepath.Join(dir, "out")
	cli(t, "simulate", "--out", out).refused(t, exitInput, "give one of FILE.json, --preset NAME and --twin MODEL")
	cli(t, "simulate", "--preset", "nothing", "--out", out).refused(t, exitInput, `--preset "nothing" is not one of`)
	cli(t, "simulate", "--preset", "polytope", "--seeds", "3", "--out", out).refused(t, exitInput, "--seeds", "does not take it")
	cli(t, "simulate", "--preset", "polytope").refused(t, exitInput, "--out is missing")
	cli(t, "simulate", filepath.Join(dir, "none.json"), "--out", out).refused(t, exitInput, "none.json")
	cli(t, "simulate", "--preset", "phase-diagram", "--paper-compat", "--integrator", "rk4", "--out", out).refused(t, exitInput, "rk4")
}

// A state that leaves float64 is told with its time, and what came before it is
// written.
func TestSimulateBlowUp(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "grow.json")
	text := `{"dynamics": "raw", "x0": [[1], [1]], "Q": [[0]], "K": [[0]], "V": [[100]], "T": 10, "dt": 0.5, "integrator": "adaptive"}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := cli(t, "simulate", path, "--out", out).fine(t)
	tr := readTrajectory(t, out)
	// 100 e^{100 t}, the derivative, leaves float64 at ln(1.8e306)/100 = 7.052
	if tr.BlewUpAt == nil || math.Abs(*tr.BlewUpAt-7.052) > 0.02 || len(tr.Times) != 15 || !strings.Contains(o.out, "beyond all numbers at t = 7.0") {
		t.Errorf("%d times:\n%s", len(tr.Times), o.out)
	}
}

// Without queries attention is uniform wherever tokens stand, and without MLPs a
// block is attention alone: then the residual twin is the model, base and
// adapted.
func TestSimulateTwinIsTheModel(t *testing.T) {
	w := newWorld(t)
	for layer := range modelLayers {
		for _, module := range []string{"self_attn.q_proj", "mlp.down_proj"} {
			w.patch(t, fmt.Sprintf("model.layers.%d.%s.weight", layer, module), func(int, float32) float32 { return 0 })
		}
	}
	adapter := w.another(t, "vo", testmodel.AdapterSpec{Seed: 3, Modules: []string{"v_proj", "o_proj"}})
	out := t.TempDir()
	cli(t, "simulate", "--twin", w.model, "--adapter", "vo="+adapter+"@0.5", "--prompts", w.prompts, "--dynamics", "residual", "--out", out).fine(t)
	model := map[string]float64{}
	rows := table(t, out, "results.csv")
	for _, r := range rows {
		if r["curve"] == theModel {
			model[r["variant"]+r["prompt"]+r["layer"]] = float(t, r["cosine_mean"])
		}
	}
	if len(rows) != 2*2*2*(modelLayers+1) {
		t.Errorf("%d rows", len(rows))
	}
	for _, r := range rows {
		// the model computes in float32
		if off := float(t, r["cosine_mean"]) - model[r["variant"]+r["prompt"]+r["layer"]]; math.Abs(off) > 1e-5 {
			t.Errorf("%v: %g from the model", r, off)
		}
	}
}

func TestSimulateTwin(t *testing.T) {
	w := newWorld(t)
	out := t.TempDir()
	cli(t, "simulate", "--twin", w.model, "--adapter", "r="+w.adapter, "--prompts", w.prompts, "--frozen", "1", "--heads", "0", "--out", out).fine(t)
	curves := map[string]bool{}
	for _, r := range table(t, out, "results.csv") {
		curves[r["variant"]+" "+r["curve"]] = true
	}
	if len(curves) != 6 {
		t.Errorf("curves %v", curves)
	}
	cli(t, "simulate", "--twin", w.model, "--prompts", w.prompts, "--heads", "99", "--out", t.TempDir()).refused(t, exitInput, "--heads 99")
	cli(t, "simulate", "--twin", w.model, "--prompts", w.prompts, "--frozen", "99", "--out", t.TempDir()).refused(t, exitInput, "--frozen 99")
	cli(t, "simulate", "--twin", w.model, "--out", t.TempDir()).refused(t, exitInput, "no prompt")
	cli(t, "simulate", "--preset", "polytope", "--heads", "1", "--out", t.TempDir()).refused(t, exitInput, "belong to --twin")
}
