package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// family is the checkpoints of one training, in the order of their steps.
type family struct {
	Name     string   // "" for checkpoints without a name before them
	Variants []string // (steps)
	Steps    []int    // ascending
}

// familiesOf finds variants named NAME@checkpoint-N or checkpoint-N; one step
// alone is no training.
func familiesOf(variants []string) []family {
	var out []family
	for _, v := range variants {
		name, step, ok := splitCheckpoint(v)
		if !ok {
			continue
		}
		i := slices.IndexFunc(out, func(f family) bool { return f.Name == name })
		if i < 0 {
			i = len(out)
			out = append(out, family{Name: name})
		}
		out[i].Variants, out[i].Steps = append(out[i].Variants, v), append(out[i].Steps, step)
	}
	out = slices.DeleteFunc(out, func(f family) bool { return len(f.Steps) < 2 })
	for i := range out {
		out[i].sort()
	}
	return out
}

func (f *family) sort() {
	order := make([]int, len(f.Steps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(f.Steps[a], f.Steps[b]) })
	sorted := family{Name: f.Name}
	for _, i := range order {
		sorted.Variants, sorted.Steps = append(sorted.Variants, f.Variants[i]), append(sorted.Steps, f.Steps[i])
	}
	*f = sorted
}

// splitCheckpoint reads a name that the command gives to a checkpoint.
func splitCheckpoint(variant string) (name string, step int, ok bool) {
	name, last := "", variant
	if at := strings.LastIndexByte(variant, '@'); at >= 0 {
		name, last = variant[:at], variant[at+1:]
	}
	digits, found := strings.CutPrefix(last, "checkpoint-")
	step, err := strconv.Atoi(digits)
	return name, step, found && err == nil && step >= 0
}

// shortNames leaves of a checkpoint's name the training and the step, or the step
// where there is one training.
func (w *weights) shortNames(variants []string) []string {
	out := labels(variants)
	for i, v := range variants {
		out[i] = strings.Replace(out[i], "@checkpoint-", "@", 1)
		if len(w.families) != 1 {
			continue
		}
		if k := slices.Index(w.families[0].Variants, v); k >= 0 {
			out[i] = "@" + itoa(w.families[0].Steps[k])
		}
	}
	return out
}

// finals are the variants that stand for all: of a training its last step, and
// those that belong to none.
func (w *weights) finals() []string {
	var out []string
	for _, v := range w.adapters() {
		passing := slices.ContainsFunc(w.families, func(f family) bool {
			return slices.Contains(f.Variants, v) && f.Variants[len(f.Variants)-1] != v
		})
		if !passing {
			out = append(out, v)
		}
	}
	return out
}
