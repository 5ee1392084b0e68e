package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/analyze/spectra"
)

// subject names what the spectra are of.
func (w *weights) subject() string {
	switch {
	case w.info.Model != nil:
		return label(lastPart(w.info.Model.Path))
	case len(w.families) == 1 && len(w.families[0].Variants) == len(w.variants) && w.families[0].Name != "":
		return label(w.families[0].Name)
	case len(w.info.Adapters) == 1:
		return label(w.info.Adapters[0].Name)
	}
	return count(len(w.info.Adapters), "adapter")
}

// facts says where the numbers come from, without times.
func (w *weights) facts() []fact {
	i := w.info
	model := "none: adapters alone"
	arch := ""
	if i.Model != nil {
		model, arch = strings.TrimSpace(i.Model.Path), architecture(i.Model)
	}
	facts := []fact{
		{"Model", model}, {"Architecture", arch},
		{"Adapters", orNone(listed(labels(w.adapters()), 6))},
		{"Tables", fmt.Sprintf("%d values, %d overlaps, %d joins", len(w.Values), len(w.Overlaps), len(w.Joins))},
		{"Computed", strings.Join(i.Only, ", ")},
		{"Decomposed by", i.Provider},
		{"LoRA scale", scaleName(i.LoRAScale)},
		{"Norm gain", gainName(i.NormGain)},
		{"RoPE offsets", ints(i.RoPEOffsets)},
		{"Intruder thresholds", floats(i.Thresholds)},
		{"Joined run", i.Join},
		{"Seed", strconv.FormatInt(i.Seed, 10)},
		{"Tool", i.Tool},
	}
	if i.Top > 0 {
		facts = append(facts, fact{"Leading values only", fmt.Sprintf("%d of each dense matrix", i.Top)})
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

func scaleName(s string) string {
	switch s {
	case "peft":
		return "peft: s = α/r, or α/√r with rsLoRA, times what the adapter is scaled by"
	case "paper":
		return "paper: the factor α/r is left out, as in the paper's code"
	}
	return s
}

func gainName(s string) string {
	switch s {
	case "leave":
		return "left out: V, Q and K as the file has them"
	case "fold":
		return "folded: V, Q and K times the gain of the RMSNorm before them"
	}
	return s
}

func ints(list []int) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = strconv.Itoa(n)
	}
	return listed(parts, 12)
}

func floats(list []float64) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = short(v)
	}
	return listed(parts, 12)
}

// methods are the conventions of this call, and those of the page's own lines.
func (w *weights) methods() []fact {
	var out []fact
	for _, name := range sortedKeys(w.info.Conventions) {
		out = append(out, fact{name, w.info.Conventions[name]})
	}
	return append(out,
		fact{"circular law", "the dashed circle has the radius |M|_F / √n of a matrix (n, n) with independent elements of the same norm (Tao and Vu 2010); OV of a head is (d, d), though few of its eigenvalues are not 0"},
		fact{"Marchenko–Pastur", "the dashed line beside singular values of v_proj has the law's quantiles for a matrix of its shape and norm"},
		fact{"leading values", "a heat map of a list shows its largest member: σ₁, or |λ₁| of eigenvalues"})
}

// hashes lists the files that the numbers come from.
func (w *weights) hashes() []fact {
	t := table{Result: &analyze.Result{Run: analyze.RunInfo{Adapters: w.info.Adapters}}}
	if w.info.Model != nil {
		t.Run.Model = *w.info.Model
	}
	return hashes(&t)
}

// spectraDefinition is what a quantity is, as far as it is known.
func spectraDefinition(quantity string) analyze.Definition {
	d, _ := spectra.Define(quantity)
	d.Name = label(quantity)
	return d
}

// definitions are those of the quantities that this Result has.
func (w *weights) definitions() []analyze.Definition {
	out := make([]analyze.Definition, 0, len(w.quantities))
	for _, q := range w.quantities[:min(len(w.quantities), 200)] {
		out = append(out, spectraDefinition(q))
	}
	return out
}

// notices lists what a reader must know before believing a number.
func (w *weights) notices() []string {
	out := slices.Clone(w.info.Warnings)
	for _, v := range w.adapters() {
		list := w.matrices("delta_norm", []string{v})
		told := slices.ContainsFunc(out, func(s string) bool { return strings.HasPrefix(s, "adapter "+v+" changes nothing") })
		if len(list) > 0 && largest(list).value == 0 && !told {
			out = append(out, fmt.Sprintf("Adapter %s changes no weight: its update is zero in %s.", v, matrixCount(len(list))))
		}
	}
	if w.has("v_eig") {
		out = append(out, "v_proj maps the residual stream into the heads, so that its eigenvalues are those of no map from the stream to itself; each head's OV = W_O W_V is (see Methods).")
	}
	return out
}

// mostAdapters is how many adapters a table lists; above that it lists those that
// stand for all.
const mostAdapters = 24

// updatesTable says what each adapter's updates are.
func updatesTable(w *weights) (header []string, rows [][]string) {
	header = []string{"adapter", "matrices", "rank", "scale", "largest |ΔW|", "largest |ΔW| / |W|", "largest σ₁", "largest |λ₁|", "stable rank", "effective rank"}
	finals := w.finals()
	for i := range w.info.Adapters {
		a := &w.info.Adapters[i]
		if len(w.info.Adapters) > mostAdapters && !slices.Contains(finals, a.Name) {
			continue
		}
		kind := ""
		if a.DoRA {
			kind = " (DoRA)"
		}
		only := []string{a.Name}
		n := len(w.matrices("delta_norm", only))
		row := []string{a.Name + kind, itoa(n), ranks(a.Ranks), short(a.Scale)}
		for _, q := range []string{"delta_norm", "relative_norm", "lora_sv", "lora_eig"} {
			row = append(row, w.extremeCell(q, only))
		}
		for _, q := range []string{"stable_rank", "effective_rank"} {
			row = append(row, w.rangeCell(q, only))
		}
		rows = append(rows, row)
	}
	return header, rows
}

func (w *weights) extremeCell(quantity string, variants []string) string {
	list := w.matrices(quantity, variants)
	if len(list) == 0 {
		return "-"
	}
	p := largest(list)
	return short(p.value) + ", " + p.where()
}

func (w *weights) rangeCell(quantity string, variants []string) string {
	list := w.matrices(quantity, variants)
	if len(list) == 0 {
		return "-"
	}
	lo, hi := short(smallest(list).value), short(largest(list).value)
	if lo == hi {
		return lo
	}
	return lo + " to " + hi
}

// intrudersTable counts intruder dimensions, a row an adapter and module, a
// column a threshold.
func intrudersTable(w *weights) (header []string, rows [][]string) {
	if !w.has("intruders") {
		return nil, nil
	}
	header = []string{"adapter", "module", "matrices"}
	for _, eps := range w.info.Thresholds {
		header = append(header, "below "+formatFloat(eps))
	}
	for _, v := range w.finals() {
		for _, m := range w.modules {
			n, sums := 0, make([]float64, len(w.info.Thresholds))
			for _, layer := range w.layers {
				s := w.of(v, layer, m, "intruders")
				if s == nil {
					continue
				}
				n++
				for i := range min(len(sums), len(s.re)) {
					sums[i] += clean(s.re[i])
				}
			}
			if n == 0 {
				continue
			}
			row := []string{v, m, itoa(n)}
			for _, s := range sums {
				row = append(row, short(s))
			}
			rows = append(rows, row)
		}
	}
	return header, rows
}

// joinTable lists all joins, the closest first.
func joinTable(w *weights) (header []string, rows [][]string) {
	header = []string{"adapter", "covariate", "target", "mask", "layers", "ρ", "p", "p of the extreme", "p after Holm", "shifts"}
	order := make([]int, len(w.Joins))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := math.Abs(clean(w.Joins[a].Rho)), math.Abs(clean(w.Joins[b].Rho))
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for _, i := range order {
		j := &w.Joins[i]
		rows = append(rows, []string{j.Adapter, j.Covariate, j.Target, j.Mask, itoa(len(j.Points)), orDash(j.Rho), orDash(j.P), orDash(j.PMax), orDash(j.PHolm), itoa(j.Shifts)})
	}
	return header, rows
}

func orDash(v float64) string {
	if !finite(v) {
		return "-"
	}
	return short(v)
}
