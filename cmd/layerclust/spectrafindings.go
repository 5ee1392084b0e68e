package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// nearlyNilpotent is the median |lambda_1|/sigma_1 below which the eigenvalues of
// an update are said to say little of its size.
const nearlyNilpotent = 0.1

// describeUpdates says of each adapter, of a series of its last checkpoint, how
// large, of what rank and how far from normal its updates are.
func (j *spectraJob) describeUpdates(found []*spectra.Update, random map[shape]*spectra.RandomReference) {
	for _, s := range seriesOf(j.adapters) {
		last := summed(s[len(s)-1], j.loras, found)
		j.findings = append(j.findings, last.sentences(random)...)
		for _, a := range s[:len(s)-1] {
			if first := summed(a, j.loras, found); first.norm > 0 {
				j.findings = append(j.findings, fmt.Sprintf("%s to %s: |ΔW| of all modules together from %s to %s",
					a.Name, last.name, brief(first.norm), brief(last.norm)))
				break
			}
		}
	}
}

// updateSummary is what a sentence says of one adapter.
type updateSummary struct {
	name    string
	norm    float64 // |s B A|_F over its modules together
	top     float64 // the largest singular value, and where
	topAt   *update
	ranks   []int     // distinct, ascending
	stable  []float64 // stable ranks of the updates that are not zero
	ratios  []float64 // |lambda_1|/sigma_1 of the square ones among them
	shapes  []shape   // of those
	modules int
}

func summed(a *loader.Adapter, list []*update, found []*spectra.Update) *updateSummary {
	s := &updateSummary{name: a.Name}
	for i, u := range list {
		if u.adapter != a {
			continue
		}
		m := found[i].Measures()
		s.modules++
		s.ranks = append(s.ranks, u.lora.Rank)
		s.norm = math.Hypot(s.norm, m.Norm)
		if m.Norm == 0 {
			continue
		}
		if found[i].Sigma[0] > s.top {
			s.top, s.topAt = found[i].Sigma[0], u
		}
		s.stable = append(s.stable, m.StableRank)
		if found[i].Eigen != nil {
			s.ratios, s.shapes = append(s.ratios, m.EigenRatio), append(s.shapes, shapeOf(found[i]))
		}
	}
	s.ranks = distinct(s.ranks)
	return s
}

func (s *updateSummary) sentences(random map[shape]*spectra.RandomReference) []string {
	switch {
	case s.modules == 0:
		return nil
	case s.topAt == nil:
		return []string{fmt.Sprintf("%s: %d updates, all zero", s.name, s.modules)}
	}
	lines := []string{fmt.Sprintf("%s: %d updates of rank %s, |ΔW| of all together %s; the largest singular value is %s (%s), the median stable rank %s",
		s.name, s.modules, joined(s.ranks), brief(s.norm), brief(s.top), s.topAt.where(), brief(median(s.stable)))}
	if s.ratios == nil {
		return lines
	}
	var chance []float64
	for _, k := range s.shapes {
		chance = append(chance, random[k].Ratio)
	}
	ratio := median(s.ratios)
	line := fmt.Sprintf("%s: the largest eigenvalue is %s of the largest singular value (median of %d square updates; %s for random ones of their shape)",
		s.name, brief(ratio), len(s.ratios), brief(median(chance)))
	if ratio < nearlyNilpotent {
		line += ": nearly nilpotent, so that eigenvalues say little of the size of an update"
	}
	return append(lines, line)
}

// where names a module for a reader.
func (u *update) where() string {
	if u.layer == spectra.NoBlock {
		return u.module
	}
	return fmt.Sprintf("layer %d, %s", u.layer, u.module)
}

// median of x, which it sorts.
func median(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}
