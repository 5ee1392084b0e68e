package report

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// fact is one line of the provenance box.
type fact struct{ Name, Value string }

// provenance says where the numbers come from, without dates or timings, which
// run.json has: the renderings of one run are the same whenever they are made.
func provenance(t *table) []fact {
	run := &t.Run
	facts := []fact{
		{"Model", strings.TrimSpace(run.Model.Path)},
		{"Architecture", architecture(&run.Model)},
		{"Adapters", orNone(listed(t.variants[1:], 6))},
		{"Prompts", promptFact(run)},
		{"Masks", strings.Join(run.Masks, ", ")},
		{"Sites", strings.Join(run.Sites, ", ")},
		{"Precision", strings.TrimSpace(run.Precision + " " + parenthesis(run.Provider))},
		{"LoRA scale", run.LoRAScale},
		{"Seed", strconv.FormatInt(run.Seed, 10) + fmt.Sprintf(" (%d bootstrap draws)", run.Bootstrap)},
		{"Tool", run.Tool},
	}
	if run.RepeatDepth > 1 {
		facts = append(facts, fact{"Depth", fmt.Sprintf("the block stack is run %d times", run.RepeatDepth)})
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

func architecture(m *analyze.ModelInfo) string {
	if m.Layers == 0 {
		return m.Type
	}
	text := fmt.Sprintf("%s: %d layers, hidden size %d", m.Type, m.Layers, m.Hidden)
	if m.Heads > 0 { // unknown where only states were given
		text += fmt.Sprintf(", %d heads", m.Heads)
	}
	return text
}

func promptFact(run *analyze.RunInfo) string {
	tokens := 0
	for _, p := range run.Prompts {
		tokens += p.N
	}
	return fmt.Sprintf("%s, %s", count(len(run.Prompts), "prompt"), count(tokens, "token"))
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// modelName is the last part of the model's path.
func modelName(t *table) string {
	if name := lastPart(t.Run.Model.Path); name != "" {
		return name
	}
	return "stored states"
}

// lastPart is the last part of a path of any system, "" where there is none.
func lastPart(p string) string {
	name := path.Base(strings.TrimRight(strings.ReplaceAll(p, "\\", "/"), "/"))
	if name == "." || name == "/" {
		return ""
	}
	return name
}

// adapterTable says what of each adapter was applied and what it did.
func adapterTable(t *table) (header []string, rows [][]string) {
	header = []string{"adapter", "|ΔW| / |W|", "largest module", "modules", "rank", "targets", "scale", "largest drift", "least AMI"}
	a := t.axes[t.lead]
	for i := range t.Run.Adapters {
		ad := &t.Run.Adapters[i]
		kind := ""
		if ad.DoRA {
			kind = " (DoRA)"
		}
		row := []string{ad.Name + kind, "-", "-", "-", "-", "-", "-"}
		if ad.ModulesApplied > 0 { // unknown where only states were given
			row = []string{ad.Name + kind, short(ad.RelativeNorm), short(ad.RelativeMax), itoa(ad.ModulesApplied),
				ranks(ad.Ranks), strings.Join(ad.Targets, ", "), short(ad.Scale)}
		}
		for _, c := range []struct {
			metric string
			sign   float64
			still  float64 // the extreme of an adapter that changes nothing
		}{{"drift", 1, 0}, {agreementMetric, -1, 1}} {
			cell := "-"
			if a != nil {
				l := t.shownLine(ad.Name, t.overview(), c.metric)
				if at := a.extreme(l, c.sign); at >= 0 {
					cell = l.at(at) + " " + a.place(at)
					if l.value[at] == c.still {
						cell = short(c.still) + " everywhere"
					}
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return header, rows
}

func ranks(r []int) string {
	parts := make([]string, len(r))
	for i, n := range r {
		parts[i] = itoa(n)
	}
	return listed(parts, 6)
}

// maskedTable lists the tokens that the default mask leaves out.
func maskedTable(t *table) (header []string, rows [][]string) {
	header = []string{"prompt", "position", "token", "reason", "massive at layers", "dimensions"}
	for i := range t.Run.Prompts {
		p := &t.Run.Prompts[i]
		for _, m := range p.Masked {
			layers, dims := "", make([]string, len(m.Dimensions))
			if m.Reason == "massive" {
				layers = fmt.Sprintf("%d to %d", m.FirstLayer, m.LastLayer)
			}
			for k, d := range m.Dimensions {
				dims[k] = itoa(d)
			}
			rows = append(rows, []string{p.ID, itoa(m.Position), visible(piece(p, m.Position)), m.Reason, layers, listed(dims, 8)})
		}
	}
	return header, rows
}

// piece is the text of one token, "" where it is not known.
func piece(p *analyze.PromptInfo, position int) string {
	if position < 0 || position >= len(p.Pieces) {
		return ""
	}
	return p.Pieces[position]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
