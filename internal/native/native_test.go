package native

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/layerclust/layerclust/internal/vec"
)

// kernels lists what this machine has: the one that Open chose, and that of
// processors without AMX.
func kernels(t testing.TB) []*Kernel {
	t.Helper()
	k, err := Open()
	if err != nil {
		t.Skip(err)
	}
	all := []*Kernel{k}
	if k.amx() {
		if other, err := openFloats(); err == nil {
			all = append(all, other)
		}
	}
	return all
}

// weight makes n x cols elements of a type: their bytes and values.
func weight(r *rand.Rand, t DType, n, cols int) ([]byte, []float32) {
	raw, values := make([]byte, n*cols*t.Size()), make([]float32, n*cols)
	for i := range values {
		v := float32(r.NormFloat64() * 0.02)
		switch t {
		case BF16:
			binary.LittleEndian.PutUint16(raw[2*i:], uint16(math.Float32bits(v)>>16))
		case F16: // any pattern that is finite
			binary.LittleEndian.PutUint16(raw[2*i:], uint16(r.UintN(1<<16))&0xb7ff)
		case F32:
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
		}
	}
	widen(values, raw, t)
	return raw, values
}

// widen is what the elements of a file are as float32.
func widen(dst []float32, raw []byte, t DType) {
	if t != F32 {
		vec.Widen(dst, raw, t == BF16)
		return
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
}

// activations are rows as a norm leaves them, with one column that outweighs the others.
func activations(r *rand.Rand, rows, cols int) []float32 {
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if i%cols == cols/3 {
			x[i] *= 100
		}
	}
	return x
}

// worst is the largest |got - want| of a row over the norm of the sums' terms:
// what the rounding of the terms can explain.
func worst(got []float32, stride int, x, w []float32, spans []Span, n, cols int) float64 {
	var most float64
	for _, s := range spans {
		for i := s.From; i < s.To; i++ {
			for j := range n {
				var sum, terms float64
				for k := range cols {
					p := float64(x[i*cols+k]) * float64(w[j*cols+k])
					sum += p
					terms += p * p
				}
				most = max(most, math.Abs(float64(got[i*stride+j])-sum)/(math.Sqrt(terms)+1e-30))
			}
		}
	}
	return most
}

// TestMultiply compares with float64, in every type, shapes that fill no tile
// among them. Float32 sums of n terms err by about 2^-24 sqrt(n) of their norm.
func TestMultiply(t *testing.T) {
	for _, k := range kernels(t) {
		for _, dtype := range []DType{BF16, F16, F32} {
			for _, c := range []struct{ rows, n, cols int }{{16, 32, 32}, {48, 33, 100}, {80, 7, 576}, {112, 64, 2000}} {
				t.Run(fmt.Sprintf("%s/%d/%dx%dx%d", k.Mode, dtype, c.rows, c.n, c.cols), func(t *testing.T) {
					r := rand.New(rand.NewPCG(1, uint64(c.cols)))
					raw, w := weight(r, dtype, c.n, c.cols)
					x := activations(r, c.rows, c.cols)
					rows := k.NewRows(c.rows, c.cols, false)
					rows.Set(0, c.rows, 0, c.cols, x, c.cols)
					b := k.NewBlock()
					b.Load(raw, dtype, c.n, c.cols)
					dst := make([]float32, c.rows*Stride(c.n))
					spans := []Span{{0, 16}, {c.rows - 16, c.rows}}
					b.Multiply(dst, rows, spans, false)
					if e := worst(dst, Stride(c.n), x, w, spans, c.n, c.cols); e > 5e-6 {
						t.Errorf("off by %.2g of the terms' norm", e)
					}
				})
			}
		}
	}
}

// TestAdd: a product that is added to what is there.
func TestAdd(t *testing.T) {
	for _, k := range kernels(t) {
		r := rand.New(rand.NewPCG(3, 4))
		raw, _ := weight(r, BF16, 32, 64)
		rows := k.NewRows(16, 64, false)
		rows.Set(0, 16, 0, 64, activations(r, 16, 64), 64)
		b := k.NewBlock()
		b.Load(raw, BF16, 32, 64)
		once, twice := make([]float32, 16*32), make([]float32, 16*32)
		b.Multiply(once, rows, []Span{{0, 16}}, false)
		b.Multiply(twice, rows, []Span{{0, 16}}, false)
		b.Multiply(twice, rows, []Span{{0, 16}}, true)
		for i, v := range once {
			if d := math.Abs(float64(twice[i] - 2*v)); d > 1e-6*math.Abs(float64(v))+1e-6 {
				t.Fatalf("%s: value %d is %v, want twice %v", k.Mode, i, twice[i], v)
			}
		}
	}
}

// TestCompany: a text's rows give the same bits beside others, wherever they lie.
func TestCompany(t *testing.T) {
	for _, k := range kernels(t) {
		const n, cols = 64, 320
		r := rand.New(rand.NewPCG(5, 6))
		raw, _ := weight(r, BF16, n, cols)
		b := k.NewBlock()
		b.Load(raw, BF16, n, cols)
		text := activations(r, 80, cols)
		alone, among := k.NewRows(80, cols, false), k.NewRows(800, cols, false)
		alone.Set(0, 80, 0, cols, text, cols)
		among.Set(0, 800, 0, cols, activations(r, 800, cols), cols)
		among.Set(48, 80, 0, cols, text, cols)
		want, got := make([]float32, 80*n), make([]float32, 800*n)
		b.Multiply(want, alone, []Span{{0, 80}}, false)
		b.Multiply(got, among, []Span{{0, 48}, {48, 128}, {128, 800}}, false)
		if !slices.Equal(want, got[48*n:128*n]) {
			t.Errorf("%s: the rows depend on their company", k.Mode)
		}
	}
}

// TestSameBits: both vector lengths add in the same order.
func TestSameBits(t *testing.T) {
	k, err := openFloats()
	if err != nil || k.bits != 512 {
		t.Skip("this processor has one vector length")
	}
	for _, n := range []int{1, 7, 33, 192} {
		r := rand.New(rand.NewPCG(11, uint64(n)))
		raw, _ := weight(r, F16, n, 700)
		x := k.NewRows(48, 700, false)
		x.Set(0, 48, 0, 700, activations(r, 48, 700), 700)
		var got [2][]float32
		for i, kernel := range []*Kernel{k, {Mode: "avx2", bits: 256}} {
			b := kernel.NewBlock()
			b.Load(raw, F16, n, 700)
			got[i] = make([]float32, 48*Stride(n))
			b.Multiply(got[i], x, []Span{{0, 48}}, false)
		}
		for row := range 48 {
			at := row * Stride(n)
			if !slices.Equal(got[0][at:at+n], got[1][at:at+n]) {
				t.Fatalf("%d rows of a weight: row %d differs", n, row)
			}
		}
	}
}

// TestBF16 rounds activations: 2^-9 of each term at most, many of which may err to one side.
func TestBF16(t *testing.T) {
	for _, k := range kernels(t) {
		r := rand.New(rand.NewPCG(7, 8))
		raw, w := weight(r, BF16, 32, 256)
		x := activations(r, 16, 256)
		rows := k.NewRows(16, 256, true)
		rows.Set(0, 16, 0, 256, x, 256)
		b := k.NewBlock()
		b.Load(raw, BF16, 32, 256)
		dst := make([]float32, 16*32)
		b.Multiply(dst, rows, []Span{{0, 16}}, false)
		if e := worst(dst, 32, x, w, []Span{{0, 16}}, 32, 256); e > 1.0/128 || e < 1e-5 {
			t.Errorf("%s: off by %.2g of the terms' norm", k.Mode, e)
		}
	}
}

// TestSetColumns: columns that come one part after another are those that come at once.
func TestSetColumns(t *testing.T) {
	for _, k := range kernels(t) {
		r := rand.New(rand.NewPCG(9, 10))
		x := activations(r, 32, 100)
		whole, parts := k.NewRows(32, 100, false), k.NewRows(32, 100, false)
		whole.Set(0, 32, 0, 100, x, 100)
		parts.Set(0, 32, 64, 36, x[64:], 100)
		parts.Set(0, 32, 0, 64, x, 100)
		if !slices.Equal(whole.tiles, parts.tiles) || !slices.Equal(whole.floats, parts.floats) {
			t.Errorf("%s: the columns differ", k.Mode)
		}
	}
}

// TestCap runs the tests under a cap on the instruction sets, as on other
// processors.
func TestCap(t *testing.T) {
	if os.Getenv("DNNL_MAX_CPU_ISA") != "" {
		t.Skip("this is the capped run")
	}
	if _, err := openFloats(); err != nil {
		t.Skip(err)
	}
	for _, isa := range []string{"AVX512_CORE", "AVX2"} {
		cmd := exec.Command(os.Args[0], "-test.run", "TestMode|TestMultiply|TestCompany|TestAdd")
		cmd.Env = append(os.Environ(), "DNNL_MAX_CPU_ISA="+isa)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", isa, err, out)
		}
	}
}

// TestMode: the cap decides on the mode.
func TestMode(t *testing.T) {
	k := kernels(t)[0]
	if limit := os.Getenv("DNNL_MAX_CPU_ISA"); limit == "AVX2" && k.Mode != "avx2" || limit == "AVX512_CORE" && k.amx() {
		t.Errorf("mode %s under a cap of %s", k.Mode, limit)
	}
}

func BenchmarkMultiply(b *testing.B) {
	for _, k := range kernels(b) {
		for _, rows := range []int{64, 512, 2048} {
			b.Run(fmt.Sprintf("%s/%d", k.Mode, rows), func(b *testing.B) {
				const n, cols = 256, 4096
				r := rand.New(rand.NewPCG(1, 2))
				raw, _ := weight(r, BF16, n, cols)
				x := k.NewRows(rows, cols, false)
				x.Set(0, rows, 0, cols, activations(r, rows, cols), cols)
				block := k.NewBlock()
				dst := make([]float32, rows*n)
				for b.Loop() {
					block.Load(raw, BF16, n, cols)
					block.Multiply(dst, x, []Span{{0, rows}}, false)
				}
				b.ReportMetric(2*float64(rows)*n*cols*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
