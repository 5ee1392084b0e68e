package particles

// Series are the measures of a trajectory, one value a time. Those that cost
// the square of the number of tokens are nil where that would be much.
type Series struct {
	CosineIncluding []float64 // the paper's, each token with itself
	CosineExcluding []float64 // of different tokens
	Energy          []float64 // E_beta, on the sphere
	Diameter        []float64
	Clusters        [][]int // (times, CountTolerances)
}

// mostWork bounds n^2 d times the number of states that quadratic measures are
// taken of.
const mostWork = 4e9

// NewSeries measures every state.
func NewSeries(s *System, tr *Trajectory) *Series {
	out := &Series{}
	quadratic := float64(s.N)*float64(s.N)*float64(s.D)*float64(len(tr.X)) < mostWork
	for _, x := range tr.X {
		including, excluding := MeanCosine(x, s.D)
		out.CosineIncluding = append(out.CosineIncluding, including)
		out.CosineExcluding = append(out.CosineExcluding, excluding)
		if !quadratic {
			continue
		}
		if s.Dynamics.OnSphere() && s.Beta != 0 {
			out.Energy = append(out.Energy, Energy(x, s.D, s.Beta))
		}
		out.Diameter = append(out.Diameter, Diameter(x, s.D))
		counts := make([]int, len(CountTolerances))
		for k, tol := range CountTolerances {
			counts[k] = Clusters(x, s.D, tol)
		}
		out.Clusters = append(out.Clusters, counts)
	}
	return out
}
