package analyze

import (
	"math"
	"testing"
)

// In many dimensions the biased CKA of unrelated states is near 1; the debiased
// one is near 0.
func TestCKAOfUnrelatedStates(t *testing.T) {
	const n, d = 60, 500
	a, b := NewCloud(randomNormal(1, n*d), n, d), NewCloud(randomNormal(2, n*d), n, d)
	ca, cb := a.centred(&Cloud{}), b.centred(&Cloud{})
	biased := dotPlain(ca.Gram, cb.Gram) / math.Sqrt(dotPlain(ca.Gram, ca.Gram)*dotPlain(cb.Gram, cb.Gram))
	if got := DebiasedCKA(a, b); biased < 0.85 || math.Abs(got) > 0.1 {
		t.Errorf("biased %v, debiased %v, want about 0.9 and 0", biased, got)
	}
}

func TestCKAUndefined(t *testing.T) {
	three := NewCloud(randomNormal(1, 3*4), 3, 4)
	if got := DebiasedCKA(three, three); !math.IsNaN(got) {
		t.Errorf("three tokens: %v", got)
	}
	equal := NewCloud(make([]float32, 6*4), 6, 4)
	if got := DebiasedCKA(equal, equal); !math.IsNaN(got) {
		t.Errorf("equal tokens: %v", got)
	}
}
