package spectra

import (
	"math"
	"math/cmplx"

	"github.com/layerclust/layerclust/analyze/theory"
)

// DominanceMargin is how far, as a share of it, a leading eigenvalue must be ahead
// of the next modulus to count as dominant.
const DominanceMargin = 0.01

// realTolerance is the imaginary part, as a share of the modulus, up to which an
// eigenvalue counts as real: LAPACK's are exactly real or a pair.
const realTolerance = 1e-9

// Separation is what theory reads off the leading eigenvalue of the map V that one
// head, or one layer, applies (Geshkovski et al., arXiv 2305.05465): where it is
// real, positive and alone in front, tokens follow its direction and part from the
// clusters that V = I would have.
type Separation struct {
	Variant       string
	Layer, Head   int
	Module        string
	First, Second complex128 // of the largest modulus
	Dominant      bool       // First is real, positive, and DominanceMargin ahead of |Second|
}

// Gap is First - |Second|, in the units of the weights per block; NaN where First
// is not dominant.
func (s Separation) Gap() float64 {
	if !s.Dominant {
		return math.NaN()
	}
	return real(s.First) - cmplx.Abs(s.Second)
}

// Time is when the second cluster begins, in blocks, NaN where First is not
// dominant. With dt = 1 a block, V~ = First diag(1, 1-eps, .., 1-eps) and eps First
// the gap, it is epsT / gap: theory.Switch, derived in this project and not the
// paper's. epsT = ln(1/r*)/2 depends on where the clusters of V = I lie (Switching
// finds it from their positions).
//
// It is a reading: the same head in all layers, A'A = I, no norms, no other heads, no
// MLP, of which no transformer is made. A norm before attention makes it slower by the
// root mean square of the residual stream.
func (s Separation) Time(epsT float64) float64 {
	return theory.Switch{Scaled: epsT}.Time(s.Gap())
}

// PaperEpsT are the least and the largest eps T that clusters of 20 tokens from
// U(-1, 1)^2 gave under the paper's setting, A = V = I, seeds 42 and 21: what a Time
// can be given for where the clusters of V = I are not known.
var PaperEpsT = [2]float64{0.5401, 2.5528}

// Separations looks at every map whose two leading eigenvalues values have: v_eig of
// layers, ov_eig of heads, in their order.
func Separations(values []Value) []Separation {
	var list []Separation
	for _, v := range values {
		if v.Quantity != "v_eig" && v.Quantity != "ov_eig" || v.Index > 1 {
			continue
		}
		if v.Index == 0 {
			list = append(list, Separation{v.Variant, v.Layer, v.Head, v.Module, complex(v.Re, v.Im), 0, false})
		} else if s := last(list); s != nil && s.Variant == v.Variant && s.Layer == v.Layer && s.Head == v.Head && s.Module == v.Module {
			s.Second = complex(v.Re, v.Im)
		}
	}
	for i := range list {
		s := &list[i]
		s.Dominant = real(s.First) > 0 && math.Abs(imag(s.First)) <= realTolerance*real(s.First) &&
			cmplx.Abs(s.Second) <= (1-DominanceMargin)*real(s.First)
	}
	return list
}

func last(list []Separation) *Separation {
	if len(list) == 0 {
		return nil
	}
	return &list[len(list)-1]
}

// LeavingAMI is the adjusted mutual information with the base's clustering below
// which an adapter's counts as another one.
const LeavingAMI = 0.9

// Agreement is how far the clusterings of adapter and base agree at one place of
// the residual stream.
type Agreement struct {
	Layer  string // as metrics.csv names it
	AMI    float64
	Lo, Hi float64 // 95 % interval over prompts; NaN for none
}

// Leaves finds where a clustering leaves the base's: the first place at which the
// AMI is below LeavingAMI, and the first at which its whole interval is; -1 for
// none.
func Leaves(places []Agreement) (first, sure int) {
	first, sure = -1, -1
	for i, p := range places {
		if first < 0 && p.AMI < LeavingAMI {
			first = i
		}
		if sure < 0 && p.Hi < LeavingAMI { // never with NaN
			sure = i
		}
	}
	return first, sure
}
