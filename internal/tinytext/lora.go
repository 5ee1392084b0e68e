package tinytext

import (
	"math"
	"math/rand/v2"
	"path"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/layerclust/layerclust/loader"
)

// LoRA is an adapter as it is trained and written (Hu et al. 2021, arXiv
// 2106.09685): each module's weight becomes W + Alpha/Rank B A.
type LoRA struct {
	Rank    int
	Alpha   float64
	Modules []string // of every block, as PEFT names them: "v_proj"
	// Tensors are A (r, in) and B (out, r) of each module, in the order of the
	// forward pass, under PEFT's names.
	Tensors []loader.NamedTensor
}

func (l *LoRA) scale() float64 { return l.Alpha / float64(l.Rank) }

func loraA(module string) string { return "base_model.model." + module + ".lora_A.weight" }
func loraB(module string) string { return "base_model.model." + module + ".lora_B.weight" }

// AllModules are the seven projections of a block.
func AllModules() []string {
	list := loader.Projections()
	for i, module := range list {
		list[i] = path.Ext(module)[1:]
	}
	return list
}

// NewLoRA gives an adapter before training. As in PEFT, B is 0, so that the
// adapter starts as the identity, and A is uniform between ±1/sqrt(in), which
// is what kaiming_uniform_ with a = sqrt(5) comes to.
func NewLoRA(c loader.Config, rank int, alpha float64, modules []string, seed uint64) *LoRA {
	l := &LoRA{Rank: rank, Alpha: alpha, Modules: modules}
	r := rand.New(rand.NewPCG(seed, 1))
	for layer := range c.NumLayers {
		for _, module := range loader.Projections() {
			if !slices.Contains(modules, path.Ext(module)[1:]) {
				continue
			}
			out, in := c.ProjectionShape(module)
			a := zeros(loraA(modulePath(layer, module)), rank, in)
			for i := range a.Float32 {
				a.Float32[i] = float32((2*r.Float64() - 1) / math.Sqrt(float64(in)))
			}
			l.Tensors = append(l.Tensors, a, zeros(loraB(modulePath(layer, module)), out, rank))
		}
	}
	return l
}

// Random gives the null of a trained adapter: the same modules and ranks, and
// B A of the same singular values, between directions drawn at random. What it
// does to a model, an update does for its size alone.
func (l *LoRA) Random(seed uint64) *LoRA {
	null := &LoRA{Rank: l.Rank, Alpha: l.Alpha, Modules: l.Modules}
	r := rand.New(rand.NewPCG(seed, 2))
	for i := 0; i < len(l.Tensors); i += 2 {
		a, b := l.Tensors[i], l.Tensors[i+1]
		values := singularValues(a, b)
		in, out := orthonormal(r, a.Shape[1], l.Rank), orthonormal(r, b.Shape[0], l.Rank) // (in, r), (out, r)
		newA, newB := zeros(a.Name, a.Shape...), zeros(b.Name, b.Shape...)
		for k, value := range values { // each factor gets one square root
			for j := range a.Shape[1] {
				newA.Float32[k*a.Shape[1]+j] = float32(math.Sqrt(value) * in.At(j, k))
			}
			for j := range b.Shape[0] {
				newB.Float32[j*l.Rank+k] = float32(math.Sqrt(value) * out.At(j, k))
			}
		}
		null.Tensors = append(null.Tensors, newA, newB)
	}
	return null
}

// singularValues of B A, the r that need not be 0, from those of R_B R_Aᵀ
// where B = Q_B R_B and Aᵀ = Q_A R_A.
func singularValues(a, b loader.NamedTensor) []float64 {
	rank := a.Shape[0]
	var qrA, qrB mat.QR
	qrA.Factorize(dense(a).T())
	qrB.Factorize(dense(b))
	var ra, rb, core mat.Dense
	qrA.RTo(&ra) // (in, r), the rows below the r-th 0
	qrB.RTo(&rb)
	core.Mul(rb.Slice(0, rank, 0, rank), ra.Slice(0, rank, 0, rank).T())
	var svd mat.SVD
	svd.Factorize(&core, mat.SVDNone)
	return svd.Values(nil)
}

// dense is a (rows, columns) tensor in float64.
func dense(t loader.NamedTensor) *mat.Dense {
	m := mat.NewDense(t.Shape[0], t.Shape[1], nil)
	for i, v := range t.Float32 {
		m.Set(i/t.Shape[1], i%t.Shape[1], float64(v))
	}
	return m
}

// orthonormal draws r orthonormal columns of length n, any as likely.
func orthonormal(random *rand.Rand, n, r int) *mat.Dense {
	m := mat.NewDense(n, r, nil)
	for i := range n {
		for j := range r {
			m.Set(i, j, random.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(m)
	var q mat.Dense
	qr.QTo(&q)
	return mat.DenseCopyOf(q.Slice(0, n, 0, r))
}
