package spectra

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// The draws without matrices have the means and quantiles of 20,000 dense ones
// of numpy.
func TestRandomReferenceNumpy(t *testing.T) {
	for _, g := range readGoldens(t).Random {
		what := fmt.Sprintf("(%d, %d) rank %d", g.Out, g.In, g.Rank)
		ref, err := NewRandomReference(g.Out, g.In, g.Rank, 1)
		if err != nil {
			t.Fatal(err)
		}
		root := math.Sqrt(float64(ref.Draws))
		for i, s := range g.Sigma {
			near(t, what+": mean", ref.Sigma[i], s, 4*g.Deviation[i]/root)
			// A 2.5 % quantile of 200 draws scatters by about 0.2 deviations.
			near(t, what+": low", ref.Lo[i], g.Lo[i], 0.8*g.Deviation[i])
			near(t, what+": high", ref.Hi[i], g.Hi[i], 0.8*g.Deviation[i])
		}
		near(t, what+": eigenvalue ratio", ref.Ratio, g.Ratio, 4*g.RatioDeviation/root)
		again, _ := NewRandomReference(g.Out, g.In, g.Rank, 1)
		other, _ := NewRandomReference(g.Out, g.In, g.Rank, 2)
		if fmt.Sprint(again) != fmt.Sprint(ref) || fmt.Sprint(other) == fmt.Sprint(ref) {
			t.Errorf("%s: the seed does not decide the result", what)
		}
	}
}

// Singular values come at the norm of the update, and none of a zero one is NaN.
func TestRandomReferenceValues(t *testing.T) {
	ref, err := NewRandomReference(40, 40, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, norm := range []float64{0, 3} {
		for _, v := range ref.Values("x", 1, "v_proj", norm) {
			if v.Quantity == "lora_sv_random" {
				near(t, "mean", v.Re, norm*ref.Sigma[v.Index], 1e-15)
			}
			if math.IsNaN(v.Re) {
				t.Errorf("%+v", v)
			}
		}
	}
}

// E chi_k = sqrt 2 Gamma((k+1)/2) / Gamma(k/2).
func TestChi(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, k := range []int{1, 2, 3, 10, 4096} {
		const draws = 20000
		mean := 0.0
		for range draws {
			mean += chi(rng, k) / draws
		}
		up, _ := math.Lgamma(float64(k+1) / 2)
		down, _ := math.Lgamma(float64(k) / 2)
		// The standard deviation of chi is at most 0.71.
		near(t, fmt.Sprint("chi ", k), mean, math.Sqrt2*math.Exp(up-down), 4*0.71/math.Sqrt(draws))
	}
}

func TestMarchenkoPastur(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for _, c := range []struct{ m, n int }{{120, 300}, {200, 200}, {300, 120}} {
		const sd = 0.3
		lo, hi := MarchenkoPasturEdges(c.m, c.n, sd)
		// Midpoints of s = lo + (hi-lo) sin²: the density has roots at its ends.
		total, mean := 0.0, 0.0
		const steps = 20000
		for i := range steps {
			phi := (float64(i) + 0.5) * math.Pi / 2 / steps
			s := lo + (hi-lo)*math.Pow(math.Sin(phi), 2)
			w := MarchenkoPasturDensity(s, c.m, c.n, sd) * (hi - lo) * 2 * math.Sin(phi) * math.Cos(phi) * math.Pi / 2 / steps
			total += w
			mean += w * s
		}
		near(t, "integral", total, 1, 1e-6)
		values := singularOf(gaussian(rng, c.m, c.n))
		sampled := 0.0
		for _, v := range values {
			sampled += sd * v / float64(len(values))
		}
		// The mean singular value of a matrix hardly varies; the law is of infinite ones.
		near(t, "mean", sampled, mean, 0.01*mean)
		near(t, "edge", sd*values[0], hi, 0.03*hi)
		if MarchenkoPasturDensity(hi*1.001, c.m, c.n, sd) != 0 || lo > 0 && MarchenkoPasturDensity(lo*0.999, c.m, c.n, sd) != 0 {
			t.Error("the density reaches beyond its edges")
		}
		near(t, "deviation", EntryDeviation(math.Sqrt(sumSquares(values)), c.m, c.n), 1, 0.02)
	}
}

// The eigenvalues of a random matrix fill the disc: its edge, and a quarter of
// them within half of the radius.
func TestCircularLaw(t *testing.T) {
	const n, sd = 200, 0.5
	m := gaussian(rand.New(rand.NewPCG(17, 18)), n, n)
	var scaled mat.Dense
	scaled.Scale(sd, m)
	values, err := eigenvalues(scaled.RawMatrix().Data, n)
	if err != nil {
		t.Fatal(err)
	}
	radius := CircularRadius(n, sd)
	inside := 0
	for _, v := range values {
		if math.Hypot(real(v), imag(v)) < radius/2 {
			inside++
		}
	}
	near(t, "edge", math.Hypot(real(values[0]), imag(values[0])), radius, 0.1*radius)
	near(t, "inner quarter", float64(inside)/n, 0.25, 0.05)
}
