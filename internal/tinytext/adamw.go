package tinytext

import "math"

// AdamW is the optimizer of Loshchilov and Hutter (2019, arXiv 1711.05101,
// algorithm 2) in the form of torch.optim.AdamW: weight decay is taken from
// the weight itself and multiplied by the learning rate, epsilon is added after
// the bias correction, and both moments are corrected for their start at zero.
// gomlx's own has another epsilon and decays norms too.
type AdamW struct {
	Beta1, Beta2, Epsilon float64
	Decay                 float64 // per unit of learning rate; on matrices alone
	Clip                  float64 // the gradients' norm over all weights is cut to this; 0 for no limit
}

// moments are the running means of a gradient and of its square.
type moments struct{ mean, square []float32 }

// clipFactor is what gradients are multiplied by, so that their norm is at
// most the limit (torch's clip_grad_norm_, with its 1e-6).
func (o AdamW) clipFactor(gradients [][]float32) float64 {
	sum := 0.0
	for _, g := range gradients {
		for _, v := range g {
			sum += float64(v) * float64(v)
		}
	}
	if norm := math.Sqrt(sum); o.Clip > 0 && norm > o.Clip {
		return o.Clip / (norm + 1e-6)
	}
	return 1
}

// update makes step number step, counted from 1, on one weight whose gradient
// is multiplied by factor.
func (o AdamW) update(weight, gradient []float32, m moments, step int, rate, factor float64, decays bool) {
	keep := 1.0
	if decays {
		keep -= rate * o.Decay
	}
	correct1 := 1 - math.Pow(o.Beta1, float64(step))
	correct2 := math.Sqrt(1 - math.Pow(o.Beta2, float64(step)))
	for i, raw := range gradient {
		g := float64(raw) * factor
		mean := o.Beta1*float64(m.mean[i]) + (1-o.Beta1)*g
		square := o.Beta2*float64(m.square[i]) + (1-o.Beta2)*g*g
		m.mean[i], m.square[i] = float32(mean), float32(square)
		weight[i] = float32(keep*float64(weight[i]) - rate*mean/correct1/(math.Sqrt(square)/correct2+o.Epsilon))
	}
}

// Schedule is the learning rate by step: up in a straight line to the peak,
// then down along half a cosine to a share of it.
type Schedule struct {
	Peak, Floor   float64 // Floor as a share of Peak
	Warmup, Steps int
}

// Rate is the learning rate of step number step, counted from 1.
func (s Schedule) Rate(step int) float64 {
	if step <= s.Warmup {
		return s.Peak * float64(step) / float64(s.Warmup)
	}
	progress := float64(step-s.Warmup) / float64(max(1, s.Steps-s.Warmup))
	return s.Peak * (s.Floor + (1-s.Floor)*(1+math.Cos(math.Pi*min(1, progress)))/2)
}
