package particles

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// View is a trajectory made small enough to draw: a few of its states, a few of
// its tokens, in two or three dimensions.
type View struct {
	D      int
	Times  []float64
	Frames [][]float64 // (times, n d)
	Labels []int       // (n), the cluster of each token in the end
	Edges  [][][2]int  // (times), tokens that an edge of the hull joins
	Fit    bool        // the tokens fly so far that no one scale shows them
	Note   string      // what was left out
}

// Sizes of a view.
const (
	mostFrames = 161
	mostShown  = 200
)

// NewViews makes views of trajectories of one system and its adapted form: in
// more than three dimensions all are seen along the same axes, the first three
// principal ones of all tokens of the first at its start and end.
func NewViews(trs ...*Trajectory) []*View {
	axes := principalAxes(trs[0])
	views := make([]*View, len(trs))
	for i, tr := range trs {
		views[i] = newView(tr, axes)
	}
	return views
}

func newView(tr *Trajectory, axes *mat.Dense) *View {
	v := &View{D: min(max(tr.D, 2), 3)}
	shown := min(tr.N, mostShown)
	stride := (len(tr.X) + mostFrames - 1) / mostFrames
	for k := 0; k < len(tr.X); k += stride {
		if k+stride >= len(tr.X) {
			k = len(tr.X) - 1 // the last state is always shown
		}
		v.Times = append(v.Times, tr.Times[k])
		v.Frames = append(v.Frames, flatten(tr.X[k][:shown*tr.D], tr.D, axes))
	}
	labels, _ := Components(tr.Last()[:shown*tr.D], tr.D, CountTolerances[2])
	v.Labels = labels
	for _, f := range v.Frames {
		v.Edges = append(v.Edges, hullEdges(f, v.D))
	}
	v.Fit = farthest(v.Frames) > 8*farthest(v.Frames[:1])
	switch {
	case tr.D > 3:
		v.Note = "shown along the first three principal axes"
	case shown < tr.N:
		v.Note = "the first tokens are shown"
	}
	return v
}

func farthest(frames [][]float64) float64 {
	var most float64
	for _, f := range frames {
		for _, x := range f {
			most = math.Max(most, math.Abs(x))
		}
	}
	return most
}

// flatten puts tokens into two or three dimensions.
func flatten(x []float64, d int, axes *mat.Dense) []float64 {
	switch {
	case d == 1:
		out := make([]float64, 2*len(x))
		for i, v := range x {
			out[2*i] = v
		}
		return out
	case axes == nil:
		return x
	}
	var out mat.Dense
	out.Mul(mat.NewDense(len(x)/d, d, x), axes)
	return out.RawMatrix().Data
}

// principalAxes are the first three right singular vectors of start and end
// together, (d, 3); nil where no axes need be chosen.
func principalAxes(tr *Trajectory) *mat.Dense {
	if tr.D <= 3 {
		return nil
	}
	shown := min(tr.N, mostShown)
	both := mat.NewDense(2*shown, tr.D, nil)
	both.Slice(0, shown, 0, tr.D).(*mat.Dense).Copy(mat.NewDense(shown, tr.D, tr.X[0][:shown*tr.D]))
	both.Slice(shown, 2*shown, 0, tr.D).(*mat.Dense).Copy(mat.NewDense(shown, tr.D, tr.Last()[:shown*tr.D]))
	var svd mat.SVD
	if !svd.Factorize(both, mat.SVDThinV) {
		return nil
	}
	var v mat.Dense
	svd.VTo(&v)
	return mat.DenseCopyOf(v.Slice(0, tr.D, 0, 3))
}

// hullEdges are the edges of the convex hull of tokens in two or three
// dimensions.
func hullEdges(x []float64, d int) [][2]int {
	out := [][2]int{}
	if d == 2 {
		corners := Hull2(x)
		for i, p := range corners {
			if len(corners) > 2 || i > 0 {
				out = append(out, [2]int{corners[(i+len(corners)-1)%len(corners)], p})
			}
		}
		return out
	}
	for _, f := range Hull3(x) {
		for k := range 3 {
			if a, b := f[k], f[(k+1)%3]; a < b { // each edge is in two facets, once either way
				out = append(out, [2]int{a, b})
			}
		}
	}
	return out
}
