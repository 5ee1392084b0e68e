package particles

import (
	"fmt"
	"math"
	"slices"
)

// The pair of Dormand and Prince (1980), orders 5 and 4: nodes, stages, the
// difference of the two solutions, and the continuous extension as Hairer,
// Norsett and Wanner give it (Solving Ordinary Differential Equations I).
var (
	dpNodes  = [7]float64{0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1}
	dpStages = [7][]float64{
		{},
		{1. / 5},
		{3. / 40, 9. / 40},
		{44. / 45, -56. / 15, 32. / 9},
		{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
		{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
		{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
	}
	dpError = [7]float64{71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40}
	dpDense = [7]float64{-12715105075. / 11282082432, 0, 87487479700. / 32700410799, -10690763975. / 1880347072,
		701980252875. / 199316789632, -1453857185. / 822651844, 69997945. / 29380423}
)

// dormandPrince is the workspace of the adaptive method.
type dormandPrince struct {
	k    [7][]float64 // (n, d), the stages
	y, e []float64    // (n, d), the new state and its error
	out  []float64    // (n, d), dense output
}

func newDormandPrince(size int) *dormandPrince {
	p := &dormandPrince{y: make([]float64, size), e: make([]float64, size), out: make([]float64, size)}
	for i := range p.k {
		p.k[i] = make([]float64, size)
	}
	return p
}

// step evaluates stages 2 to 7 from x and stage 1 at t, leaving the new state in
// y and the estimate of its error in e.
func (p *dormandPrince) step(f *field, x []float64, t, h float64) {
	for s := 1; s < 7; s++ {
		copy(p.y, x)
		for j, a := range dpStages[s] {
			if a == 0 {
				continue
			}
			for i, v := range p.k[j] {
				p.y[i] += h * a * v
			}
		}
		f.eval(p.k[s], p.y, t+dpNodes[s]*h)
	}
	for i := range p.e {
		var e float64
		for s, b := range dpError {
			e += b * p.k[s][i]
		}
		p.e[i] = h * e
	}
}

// size is the root mean square of the error in units of the tolerance.
func (p *dormandPrince) size(x []float64, o Options) float64 {
	var sum float64
	for i, e := range p.e {
		v := e / (o.ATol + o.RTol*math.Max(math.Abs(x[i]), math.Abs(p.y[i])))
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

// at writes the state at x + theta h to out, from the step's stages.
func (p *dormandPrince) at(x []float64, h, theta float64) []float64 {
	back := 1 - theta
	for i, v := range x {
		diff := p.y[i] - v
		bend := h*p.k[0][i] - diff
		var quartic float64
		for s, d := range dpDense {
			quartic += d * p.k[s][i]
		}
		p.out[i] = v + theta*(diff+back*(bend+theta*(diff-h*p.k[6][i]-bend+back*h*quartic)))
	}
	return p.out
}

// adaptive steps from one change of layer to the next.
func (r *runner) adaptive() error {
	p := newDormandPrince(len(r.x))
	if !r.due(0, 0, r.x) {
		return nil
	}
	var h float64
	for _, leg := range r.legs() {
		r.f.enter(leg.from)
		r.f.eval(p.k[0], r.x, leg.from)
		if h == 0 {
			h = firstStep(r.x, p.k[0], r.o)
		}
		var done bool
		var err error
		if h, done, err = r.leg(p, leg, h); err != nil || done {
			return err
		}
	}
	return nil
}

// leg is a stretch of time without a change of layer.
type leg struct{ from, to float64 }

func (r *runner) legs() []leg {
	var out []leg
	from, end := 0.0, r.o.Times[len(r.o.Times)-1]
	for _, l := range r.f.s.Layers[1:] {
		if l.Start < end {
			out = append(out, leg{from, l.Start})
			from = l.Start
		}
	}
	if end > from {
		out = append(out, leg{from, end})
	}
	return out
}

// leg integrates over one stretch and returns the step to go on with.
func (r *runner) leg(p *dormandPrince, l leg, h float64) (next float64, done bool, err error) {
	for t := l.from; t < l.to; {
		if err := r.ctx.Err(); err != nil {
			return h, true, err
		}
		if r.stats.Steps+r.stats.Rejected >= MaxSteps {
			return h, true, fmt.Errorf("adaptive: no end after %d steps, at t = %g", MaxSteps, t)
		}
		now, last := h, false
		if t+h*1.01 >= l.to {
			now, last = l.to-t, true
		}
		p.step(r.f, r.x, t, now)
		size := p.size(r.x, r.o)
		if !(size <= 1) { // NaN too
			r.stats.Rejected++
			if h = shorter(now, size); h < 1e-14*math.Max(1, t) {
				r.stats.BlewUp, r.stats.BlowUpTime = true, t
				return h, true, nil
			}
			continue
		}
		end := t + now
		if last {
			end = l.to
		}
		if !r.dense(p, t, now, end) {
			return h, true, nil
		}
		r.accept(p, end)
		r.stats.Steps++
		if next := longer(now, size); !last || next < h {
			h = next
		}
		t = end
	}
	return h, false, nil
}

// The next step follows from the size of the error, which grows like h^5; it is
// made a little shorter than that says, and never changes much at once.
const safety, least, most = 0.9, 0.2, 8.0

// shorter is the step to try again with; an error that is no number says
// nothing of how much shorter.
func shorter(h, size float64) float64 {
	if notFinite(size) {
		return h / 10
	}
	return h * math.Max(least, safety*math.Pow(size, -0.2))
}

// longer is the step to go on with.
func longer(h, size float64) float64 {
	return h * math.Min(most, safety*math.Pow(math.Max(size, 1e-12), -0.2))
}

// dense shows the times that lie within the step.
func (r *runner) dense(p *dormandPrince, t, h, end float64) bool {
	for r.shown < len(r.o.Times) && r.o.Times[r.shown] <= end {
		at := r.o.Times[r.shown]
		x := p.y
		if at < end {
			x = p.at(r.x, h, (at-t)/h)
		}
		copy(p.out, x)
		r.project(p.out)
		if !r.due(at, 0, p.out) {
			return false
		}
	}
	return true
}

// accept makes the new state the state. The last stage of a step is the first
// of the next, unless the tokens were put back onto the sphere.
func (r *runner) accept(p *dormandPrince, t float64) {
	copy(r.x, p.y)
	if !r.f.s.Dynamics.OnSphere() {
		p.k[0], p.k[6] = p.k[6], p.k[0]
		return
	}
	r.project(r.x)
	r.f.eval(p.k[0], r.x, t)
}

// firstStep is small against the scale on which the state changes.
func firstStep(x, k []float64, o Options) float64 {
	var size, speed float64
	for i, v := range x {
		size, speed = math.Max(size, math.Abs(v)), math.Max(speed, math.Abs(k[i]))
	}
	h := o.Dt
	if speed > 0 && finite(speed) {
		h = math.Min(h, 0.01*math.Max(size, 1e-3)/speed)
	}
	return math.Min(h, slices.Max(o.Times)+o.Dt)
}
