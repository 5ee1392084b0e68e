package extract

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/layerclust/layerclust/loader"
)

// TestChangeOf checks updates and their norms against W + s (W' - W) made whole
// in float64.
func TestChangeOf(t *testing.T) {
	const out, in, r = 7, 5, 2
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	weight := draw(out * in)
	magnitude := draw(out)
	for _, c := range []struct {
		name      string
		magnitude []float32
		s         float64
	}{
		{"lora", nil, 1}, {"lora half", nil, 0.5}, {"lora minus", nil, -1}, {"off", nil, 0},
		{"dora", magnitude, 1}, {"dora half", magnitude, 0.5}, {"dora twice", magnitude, 2}, {"dora off", magnitude, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			lora := &loader.LoRA{Rank: r, In: in, Out: out, A: draw(r * in), B: draw(out * r), Scale: 1.5, Magnitude: c.magnitude}
			squares, cross := make([]float64, out), make([]float32, r*out)
			for i := range out {
				w := weight[i*in : (i+1)*in]
				squares[i] = dot(w, w)
				for k := range r {
					cross[k*out+i] = float32(dot(lora.A[k*in:(k+1)*in], w))
				}
			}
			got := changeOf(lora, c.s, squares, cross)
			want := adaptedWeight(lora, c.s, weight) // (out, in)
			var change, total float64
			for i := range out {
				for j := range in {
					w := float64(weight[i*in+j])
					v := w
					if got.gain != nil {
						v *= float64(got.gain[i])
					}
					for k := range r {
						v += float64(got.b[i*r+k]) * float64(lora.A[k*in+j])
					}
					if math.Abs(v-want[i*in+j]) > 1e-6 { // float32 updates of values of order 1 to 5
						t.Errorf("weight (%d, %d) is %v, want %v", i, j, v, want[i*in+j])
					}
					change += (want[i*in+j] - w) * (want[i*in+j] - w)
					total += w * w
				}
			}
			applied := got.norms.applied()
			if want := math.Sqrt(change / total); math.Abs(applied.RelativeNorm-want) > 1e-6*want {
				t.Errorf("relative norm %v, want %v", applied.RelativeNorm, want)
			}
		})
	}
}

// adaptedWeight is W + s (W' - W) in float64, W' as PEFT defines LoRA and DoRA.
func adaptedWeight(l *loader.LoRA, s float64, weight []float32) []float64 {
	result := make([]float64, l.Out*l.In) // (out, in)
	for i := range l.Out {
		row := make([]float64, l.In)
		norm := 0.0
		for j := range row {
			row[j] = float64(weight[i*l.In+j])
			for k := range l.Rank {
				row[j] += l.Scale * float64(l.B[i*l.Rank+k]) * float64(l.A[k*l.In+j])
			}
			norm += row[j] * row[j]
		}
		for j := range row {
			w := float64(weight[i*l.In+j])
			if l.Magnitude != nil {
				row[j] *= float64(l.Magnitude[i]) / math.Sqrt(norm)
			}
			result[i*l.In+j] = w + s*(row[j]-w)
		}
	}
	return result
}

func TestRopeTables(t *testing.T) {
	// By hand: head of 4, theta 10000: frequencies 1 and 1/100.
	cos, sin := ropeTables(loader.Rope{Theta: 10000, Type: "default", Factor: 1}, 4, 3)
	for i, angle := range []float64{0, 0, 1, 0.01, 2, 0.02} { // (3, 2)
		if math.Abs(float64(cos[i])-math.Cos(angle)) > 1e-7 || math.Abs(float64(sin[i])-math.Sin(angle)) > 1e-7 {
			t.Errorf("entry %d: cos %v, sin %v of angle %v", i, cos[i], sin[i], angle)
		}
	}
	linear, _ := ropeTables(loader.Rope{Theta: 10000, Type: "linear", Factor: 4}, 4, 9)
	if linear[8*2] != cos[2*2] { // position 8 stretched four times is position 2
		t.Errorf("linear: cos %v, want %v", linear[8*2], cos[2*2])
	}
}

func TestFirstNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, c := range []struct {
		x    []float32
		want int
	}{
		{[]float32{1, 2, 3, 4}, -1}, {[]float32{1, 2, nan, 4}, 1}, {[]float32{inf, 2, nan, 4}, 0}, {[]float32{math.MaxFloat32, math.MaxFloat32, 0, 0}, -1},
	} {
		if got := firstNotFinite(c.x, 2); got != c.want {
			t.Errorf("%v: row %d, want %d", c.x, got, c.want)
		}
	}
}

// TestRopeTablesBeginAlike: the native engine keeps the tables of its longest
// prompt for all, except where the type stretches with the length.
func TestRopeTablesBeginAlike(t *testing.T) {
	for _, kind := range []string{"default", "linear", "llama3", "yarn", "dynamic"} {
		r := loader.Rope{Type: kind, Theta: 10000, Factor: 2, Original: 16, LowFrequency: 1, HighFrequency: 4, AttentionFactor: 1, BetaFast: 32, BetaSlow: 1}
		short, _ := ropeTables(r, 8, 20)
		long, _ := ropeTables(r, 8, 50)
		alike := slices.Equal(short, long[:len(short)])
		if shared := tablesOf(r, 20) == tablesOf(r, 50); shared != alike {
			t.Errorf("%s: the tables begin alike: %v, are shared: %v", kind, alike, shared)
		}
	}
}
