package particles

// CountTolerances are the distances within which two tokens are one cluster.
var CountTolerances = []float64{0.001, 0.01, 0.1, 1}

// ProjectionTolerances are those of the values of the leading direction.
var ProjectionTolerances = []float64{0.01, 0.1}

// Counts says how a state has clustered.
type Counts struct {
	Clusters    []int // per CountTolerances
	Projections []int // per ProjectionTolerances; nil where V has no leading direction
	Simple      bool  // whether V has one leading direction among several
	Corners     int   // of the convex hull in two and three dimensions, of the different tokens
	Largest     float64
}

// mostCounted bounds what the quadratic counts are taken of.
const mostCounted = 5000

// Count takes the counts of the state x of a system with one V; nothing where
// there are too many tokens.
func (s *System) Count(x []float64) Counts {
	var c Counts
	for _, v := range x {
		c.Largest = max(c.Largest, v, -v)
	}
	if s.N > mostCounted {
		return c
	}
	for _, tol := range CountTolerances {
		c.Clusters = append(c.Clusters, Clusters(x, s.D, tol))
	}
	last := s.Layers[len(s.Layers)-1]
	if len(last.Heads) == 1 && last.Heads[0].O == nil {
		if phi, err := LeadingLeft(last.Heads[0].V, s.D); err == nil {
			c.Simple = simpleLeading(last.Heads[0].V, s.D)
			for _, tol := range ProjectionTolerances {
				c.Projections = append(c.Projections, Clusters(Project(x, phi), 1, tol))
			}
		}
	}
	different := Distinct(x, s.D, CountTolerances[2])
	switch s.D {
	case 2:
		c.Corners = len(Hull2(different))
	case 3:
		c.Corners = len(Corners(Hull3(different)))
	}
	return c
}
