package report

import (
	"strings"
	"testing"
)

// The numbers are those of sampleSpectra's formulas, at layer 3 of the last
// adapters: k = 3 (1 + 3/4) = 5.25 and 4 (1 + 3/4) = 7 for q_proj.
func TestSpectraHeadlines(t *testing.T) {
	got := strings.Join(SpectraHeadlines(sampleSpectra(spectraSeries...)), "\n")
	for _, want := range []string{
		"The largest update of other (8 matrices) is in q_proj of layer 3, |ΔW| = 7.00 % of |W| and its σ₁ 0.140 times that of W; of imdb@checkpoint-100 (8 matrices) is in q_proj of layer 3, |ΔW| = 5.25 % of |W|",
		"The updates are nearly nilpotent, so that their eigenvalues say little of their size: they have |λ₁| / σ₁ = 0.0100 in the median of 16 square updates",
		"Their stable rank |ΔW|² / σ₁² is 1.25",
		"Over training the largest singular value of q_proj of layer 3 goes from 3.50 at step 25 to 10.5 at step 100; the modulus of its leading eigenvalue goes from 0.0350 to 0.105",
		// floor(k) of layers 0..3, q_proj 3+3+4+5, v_proj (k/2) 1+1+2+2; 4+5+6+7 and 2+2+3+3
		"is below 0.5: 21 for imdb@checkpoint-100 in 8 of 8 matrices (most, 5, in q_proj of layer 3), 32 for other",
		"Layers whose V (v_proj) is led by a real, positive eigenvalue, 1 % ahead of the next modulus, as the predictions of clusters ask for: 2 of 4 for base (the widest gap to the next modulus is 0.293, v_proj of layer 0)",
		"The updates of two adapters share most in v_proj of layer 0, left side: φ = 0.500 of imdb@checkpoint-100 and other, where random subspaces have 0.333",
		"relative_norm v_proj with drift for imdb@checkpoint-25: Spearman's ρ = 0.800 over 4 layers, p = 0.250 over 4 circular shifts; as the extreme of 2 pairs it has p = 0.500",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if list := SpectraHeadlines(sampleSpectra()); len(list) != 2 {
		t.Errorf("of the base alone: %q, want those on V and OV", list)
	}
}

func TestFamilies(t *testing.T) {
	f := familiesOf([]string{"base", "b@checkpoint-100", "b@checkpoint-25", "checkpoint-3", "checkpoint-1", "c@checkpoint-5", "checkpoint-x", "d"})
	if len(f) != 2 || f[0].Name != "b" || f[0].Steps[0] != 25 || f[0].Variants[1] != "b@checkpoint-100" || f[1].Name != "" || len(f[1].Steps) != 2 {
		t.Errorf("families %+v, want b of steps 25 and 100, and the nameless of 1 and 3", f)
	}
}
