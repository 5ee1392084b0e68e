package particles

import "testing"

// The phase diagram's integrations in full: 28 eps to T = 400, none ended when
// its bifurcation is found. scripts/phase_diagram_numpy.py does the same work.
func BenchmarkPhaseDiagram(b *testing.B) {
	e := &Bifurcation{X0: NewRandom(42).Uniform(-1, 1, 40), D: 2, Dt: 0.1, Reference: 20, End: 400,
		Integrator: Euler, Deltas: []float64{0.1}, Whole: true}
	eps := make([]float64, 28)
	for i := range eps {
		eps[i] = 0.001 + 0.074*float64(i)/27
	}
	for b.Loop() {
		if _, _, err := e.RunAll(b.Context(), eps); err != nil {
			b.Fatal(err)
		}
	}
}
