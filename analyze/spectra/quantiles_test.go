package spectra

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// By hand: with q = 1 the law is the quarter circle on [0, 2], whose
// distribution is F(y) = (y sqrt(4-y²)/2 + 2 asin(y/2)) / π.
func TestMarchenkoPasturQuarterCircle(t *testing.T) {
	const n = 501
	values := MarchenkoPasturQuantiles(n, n, EntryDeviation(math.Sqrt(n), n, n)) // in units of the circle
	for i, y := range values {
		got := (y*math.Sqrt(4-y*y)/2 + 2*math.Asin(y/2)) / math.Pi
		want := 1 - (float64(i)+0.5)/n
		if math.Abs(got-want) > 1e-6 {
			t.Fatalf("value %d is %v, at quantile %v, want %v", i, y, got, want)
		}
	}
}

// The law keeps the norm: the mean of the squares is that of the elements.
func TestMarchenkoPasturKeepsTheNorm(t *testing.T) {
	for _, shape := range [][2]int{{4096, 4096}, {192, 576}, {4096, 64}, {1, 300}} {
		sum := 0.0
		for _, v := range MarchenkoPasturQuantiles(shape[0], shape[1], EntryDeviation(7, shape[0], shape[1])) {
			sum += v * v
		}
		// The midpoint rule over k quantiles: 1/k² of a smooth function, less
		// smooth at the edge.
		if rel := math.Abs(math.Sqrt(sum)/7 - 1); rel > 2e-3 {
			t.Errorf("%v: the norm is %v, want 7", shape, math.Sqrt(sum))
		}
	}
}

// A Gaussian matrix has these singular values to the size of its fluctuations,
// of order 1/k in the bulk and k^(-2/3) at the edge.
func TestMarchenkoPasturOfGaussian(t *testing.T) {
	const rows, cols = 120, 300
	rng := rand.New(rand.NewPCG(1, 2))
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = rng.NormFloat64()
	}
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDNone) {
		t.Fatal("no singular values")
	}
	for i, want := range MarchenkoPasturQuantiles(rows, cols, 1) {
		if got := svd.Values(nil)[i]; math.Abs(got-want) > 0.03*math.Sqrt(cols) {
			t.Errorf("value %d of a Gaussian matrix is %v, the law has %v", i, got, want)
		}
	}
}

func TestDefine(t *testing.T) {
	for name, want := range map[string]bool{"lora_sv": true, "qk_sv@16": true, "v_radius_gap": true, "intruders_right": true,
		"lora_sv_random_lo": true, "ov_leading": true, "nothing": false, "": false, "_radius": false} {
		if d, ok := Define(name); ok != want || ok && (d.Formula == "" || d.Name != name) {
			t.Errorf("Define(%q) = %+v, %v; want %v", name, d, ok, want)
		}
	}
}
