package analyze

import (
	"math"
	"testing"
)

// Limiting cases, as scikit-learn 1.9.1 answers them.
func TestAgreementLimits(t *testing.T) {
	cases := []struct {
		name     string
		a, b     []int
		ami, ari float64
	}{
		{"no tokens", nil, nil, 1, 1},
		{"one token", []int{3}, []int{0}, 1, 1},
		{"all noise", []int{-1, -1, -1}, []int{-1, -1, -1}, 1, 1},
		{"all noise or all one cluster", []int{-1, -1, -1}, []int{0, 0, 0}, 1, 1},
		{"all singletons", []int{0, 1, 2}, []int{5, 3, 4}, 1, 1},
		{"one cluster or singletons", []int{0, 0, 0}, []int{0, 1, 2}, 0, 0},
		{"other names", []int{0, 0, 1, 1, -1}, []int{7, 7, -1, -1, 2}, 1, 1},
	}
	for _, c := range cases {
		if got := AMI(c.a, c.b); math.Abs(got-c.ami) > 1e-12 {
			t.Errorf("%s: AMI %v, want %v", c.name, got, c.ami)
		}
		if got := ARI(c.a, c.b); math.Abs(got-c.ari) > 1e-12 {
			t.Errorf("%s: ARI %v, want %v", c.name, got, c.ari)
		}
	}
}

func TestAgreementIsSymmetric(t *testing.T) {
	a, b := []int{0, 0, 1, 1, 2, 2, -1, 0}, []int{0, 1, 1, 1, 0, 2, -1, -1}
	if AMI(a, b) != AMI(b, a) && math.Abs(AMI(a, b)-AMI(b, a)) > 1e-14 {
		t.Errorf("AMI %v and %v", AMI(a, b), AMI(b, a))
	}
	if math.Abs(ARI(a, b)-ARI(b, a)) > 1e-15 {
		t.Errorf("ARI %v and %v", ARI(a, b), ARI(b, a))
	}
}
